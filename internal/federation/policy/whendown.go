package policy

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// WhenDown says what to answer while every candidate of a function is down. The zero WhenDown
// answers with all of them.
type WhenDown struct {
	// Fail answers SERVFAIL.
	Fail bool
	// Addresses and Name, of which one is set for a fallback, replace the candidates' addresses.
	// The fallback also answers for a function without a candidate.
	Addresses []netip.Addr
	Name      string // of a CNAME record; fully qualified, in lower case
}

// Fallback reports whether something replaces the candidates.
func (w *WhenDown) Fallback() bool { return w != nil && (w.Name != "" || len(w.Addresses) > 0) }

// String returns w as it is written.
func (w *WhenDown) String() string {
	switch {
	case w.Fail:
		return "fail"
	case w.Name != "":
		return "fallback " + w.Name
	case len(w.Addresses) > 0:
		words := []string{"fallback"}
		for _, a := range w.Addresses {
			words = append(words, a.String())
		}
		return strings.Join(words, " ")
	}
	return "answer"
}

// mostFallbacks bounds the addresses of a fallback.
const mostFallbacks = 16

// usageWhenDown is what when-down takes.
const usageWhenDown = "answer, fail, fallback ADDRESS... or fallback NAME"

// ParseWhenDown parses "answer", "fail", "fallback ADDRESS…" or "fallback NAME".
func ParseWhenDown(text string) (*WhenDown, error) {
	words := strings.Fields(text)
	w, used, err := parseWhenDown(words)
	if err == nil && used < len(words) {
		err = fmt.Errorf("%q is unexpected; it takes %s", words[used], usageWhenDown)
	}
	if err != nil {
		return nil, err
	}
	return w, nil
}

// parseWhenDown parses the first words and returns how many it used.
func parseWhenDown(words []string) (w *WhenDown, used int, err error) {
	if len(words) == 0 {
		return nil, 0, fmt.Errorf("takes %s", usageWhenDown)
	}
	w = &WhenDown{}
	switch words[0] {
	case "answer":
		return w, 1, nil
	case "fail":
		w.Fail = true
		return w, 1, nil
	case "fallback":
		used, err = w.parseFallback(words[1:])
		return w, 1 + used, err
	}
	return nil, 0, fmt.Errorf("%q is unknown; it takes %s", words[0], usageWhenDown)
}

// parseFallback takes addresses or one name.
func (w *WhenDown) parseFallback(words []string) (used int, err error) {
	for ; used < len(words); used++ {
		a, err := netip.ParseAddr(words[used])
		if err != nil || a.Zone() != "" {
			break
		}
		if a = a.Unmap(); !slices.Contains(w.Addresses, a) {
			w.Addresses = append(w.Addresses, a)
		}
	}
	switch {
	case len(w.Addresses) > mostFallbacks:
		return 0, fmt.Errorf("fallback: %d addresses; the limit is %d", len(w.Addresses), mostFallbacks)
	case len(w.Addresses) > 0:
		return used, nil
	case len(words) == 0:
		return 0, fmt.Errorf("fallback takes ADDRESS... or NAME")
	}
	w.Name = strings.ToLower(strings.TrimSuffix(words[0], ".") + ".")
	if strings.Trim(words[0], "0123456789.") == "" {
		return 0, fmt.Errorf("fallback: %q is not an IP address", words[0])
	}
	if !isName(w.Name) {
		return 0, fmt.Errorf("fallback: %q is neither an IP address nor a domain name of two labels or more", words[0])
	}
	return 1, nil
}

// isName reports whether the text, with its final dot, is a domain name of two labels or more: one
// label is more likely an option that is misspelt.
func isName(text string) bool {
	labels := strings.Split(strings.TrimSuffix(text, "."), ".")
	bad := func(label string) bool {
		return label == "" || len(label) > 63 || strings.ContainsFunc(label, func(r rune) bool {
			return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789-_", r)
		})
	}
	return len(labels) > 1 && len(text) <= 254 && !slices.ContainsFunc(labels, bad)
}

package federation

import (
	"fmt"
	"net/textproto"
	"strconv"
	"strings"
)

// Expect is what a probe requires of an answer. The zero value requires a status from 200
// to 399.
type Expect struct {
	// From and To are the lowest and highest accepted status; 0 for the default.
	From, To uint16
	// Header must be present and contain Value.
	Header, Value string
	// Body must occur in the first 64 KiB of the body.
	Body string
}

// IsZero reports whether only the default is required.
func (e Expect) IsZero() bool { return e == Expect{} }

// Status reports whether the status is an expected one.
func (e Expect) Status(status int) bool {
	if e.From == 0 {
		return status >= 200 && status <= 399
	}
	return status >= int(e.From) && status <= int(e.To)
}

// String returns the expectation in the syntax of the annotation.
func (e Expect) String() string {
	var parts []string
	if e.From != 0 {
		parts = append(parts, fmt.Sprintf("status=%d-%d", e.From, e.To))
	}
	if e.Header != "" {
		parts = append(parts, fmt.Sprintf("header=%s:%s", e.Header, e.Value))
	}
	if e.Body != "" {
		parts = append(parts, "body="+e.Body)
	}
	return strings.Join(parts, " ")
}

// parseExpect parses "[status=N[-N]] [header=NAME:VALUE] [body=TEXT]"; the body's text
// extends to the end and may contain spaces.
func parseExpect(v string) (Expect, error) {
	var e Expect
	for v = strings.TrimSpace(v); v != ""; v = strings.TrimSpace(v) {
		if text, ok := strings.CutPrefix(v, "body="); ok {
			if e.Body = text; text == "" {
				return e, fmt.Errorf("body= has no text")
			}
			return e, nil
		}
		var word string
		word, v, _ = strings.Cut(v, " ")
		key, value, _ := strings.Cut(word, "=")
		var err error
		switch key {
		case "status":
			err = e.parseStatus(value)
		case "header":
			name, text, ok := strings.Cut(value, ":")
			if !ok || name == "" {
				err = fmt.Errorf("%q is not header=NAME:VALUE", word)
			}
			e.Header, e.Value = textproto.CanonicalMIMEHeaderKey(name), text
		default:
			err = fmt.Errorf("unknown expectation %q; known are status=N[-N], header=NAME:VALUE, body=TEXT", word)
		}
		if err != nil {
			return e, err
		}
	}
	return e, nil
}

func (e *Expect) parseStatus(v string) error {
	first, last, ranged := strings.Cut(v, "-")
	if !ranged {
		last = first
	}
	from, err1 := strconv.ParseUint(first, 10, 16)
	to, err2 := strconv.ParseUint(last, 10, 16)
	if err1 != nil || err2 != nil || from < 200 || to > 599 || from > to {
		return fmt.Errorf("status %q is not N or N-N with statuses from 200 to 599", v)
	}
	e.From, e.To = uint16(from), uint16(to)
	return nil
}

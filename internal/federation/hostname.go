package federation

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// ParseHostname returns the canonical form of a hostname: lower case, fully
// qualified.
func ParseHostname(s string) (string, error) {
	name := s
	if !strings.HasSuffix(name, ".") {
		name += "."
	}
	switch notASCII := strings.IndexFunc(s, func(r rune) bool { return r >= utf8.RuneSelf }); {
	case notASCII >= 0: // a letter that only looks like ASCII must not become ASCII
		return "", fmt.Errorf("%+q is not a hostname: write non-ASCII labels as A-labels (xn--…)", s)
	case len(name) > 254: // 255 octets on the wire, with the final dot
		return "", fmt.Errorf("%q is not a hostname: it is longer than 255 octets", s)
	case !isHostname(name):
		return "", fmt.Errorf("%q is not a hostname", s)
	}
	return strings.ToLower(name), nil
}

// isHostname reports whether a name with its final dot consists of labels, behind an optional wildcard. It
// does not use a regular expression, which would be a tenth of a start.
func isHostname(name string) bool {
	for label := range strings.SplitSeq(strings.TrimSuffix(strings.TrimPrefix(name, "*."), "."), ".") {
		if !isLabel(label) {
			return false
		}
	}
	return true
}

// isLabel reports whether the text is a label of RFC 1123, or one with underscores as DNS-SD uses them.
func isLabel(text string) bool {
	for _, c := range []byte(text) {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-') {
			return false
		}
	}
	return len(text) > 0 && len(text) <= 63 && text[0] != '-' && text[len(text)-1] != '-'
}

// IsAtOrBelow reports whether the canonical name is at or below the domain.
func IsAtOrBelow(name, domain string) bool {
	if domain == "." || name == domain {
		return true
	}
	return strings.HasSuffix(name, domain) && name[len(name)-len(domain)-1] == '.'
}

// IsReverse reports whether the zone is a reverse zone, where functions have no names.
func IsReverse(zone string) bool {
	return IsAtOrBelow(zone, "in-addr.arpa.") || IsAtOrBelow(zone, "ip6.arpa.")
}

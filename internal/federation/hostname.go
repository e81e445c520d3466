package federation

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// hostnamePattern matches RFC 1123 labels, with underscores as DNS-SD uses them and an
// optional leading wildcard.
var hostnamePattern = regexp.MustCompile(`^(\*\.)?([A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.)+$`)

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
	case !hostnamePattern.MatchString(name):
		return "", fmt.Errorf("%q is not a hostname", s)
	}
	return strings.ToLower(name), nil
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

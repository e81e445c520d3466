package nearcast

import (
	"strings"

	"github.com/miekg/dns"
)

// The octets that a name and a label may have (RFC 1035, section 2.3.4). A name is counted as on the wire, with the
// root label.
const (
	maxWire  = 255
	maxLabel = 63
)

// leastLabel is the smallest label: no name lies between a name and this label below it.
const leastLabel = `\000.`

// successor returns the next name of the zone in canonical order (RFC 4471, section 3.1.2): below the name while
// there is room for another label. After the last name comes the zone's own.
func successor(name, zone string) string {
	if name == "." {
		return leastLabel
	}
	name = strings.ToLower(name)
	if len(name)+1+2 <= maxWire { // it has at most one octet more than characters
		return leastLabel + name
	}
	wire, err := packed(name)
	if err != nil {
		return zone // for a name that no query can have
	}
	if len(wire)+2 <= maxWire {
		return leastLabel + name
	}
	apex, err := packed(zone)
	if err != nil {
		return zone
	}
	for len(wire) > len(apex) {
		if next := sibling(wire); next != nil {
			text, _, err := dns.UnpackDomainName(next, 0)
			if err != nil {
				return zone
			}
			return text
		}
		wire = wire[1+wire[0]:]
	}
	return zone
}

func packed(name string) ([]byte, error) {
	wire := make([]byte, maxWire)
	n, err := dns.PackDomainName(name, wire, 0, nil, false)
	return wire[:n], err
}

// sibling returns the first name in canonical order that follows the name and all names below it and has the same
// parent; nil if there is none.
func sibling(wire []byte) []byte {
	label, parent := wire[1:1+wire[0]], wire[1+wire[0]:]
	if len(label) < maxLabel && len(wire) < maxWire {
		return named(append(append([]byte(nil), label...), 0), parent)
	}
	for len(label) > 0 && label[len(label)-1] == 0xff {
		label = label[:len(label)-1]
	}
	if len(label) == 0 {
		return nil
	}
	label = append([]byte(nil), label...)
	last := &label[len(label)-1]
	if *last++; *last == 'A' { // capitals sort as small letters
		*last = 'Z' + 1
	}
	return named(label, parent)
}

func named(label, parent []byte) []byte {
	return append(append([]byte{byte(len(label))}, label...), parent...)
}

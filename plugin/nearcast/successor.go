package nearcast

import (
	"strings"

	"github.com/miekg/dns"
)

// The octets that a name and a label may have (RFC 1035, section 2.3.4). A name's are
// those on the wire, with the root's.
const (
	maxWire  = 255
	maxLabel = 63
)

// leastLabel is the least that there is: no name is between one and this label below it.
const leastLabel = `\000.`

// successor returns the name that follows in the zone in canonical order (RFC 4471,
// section 3.1.2): below the name while there is room for another label. After the last
// one comes the zone's own.
func successor(name, zone string) string {
	if name == "." {
		return leastLabel
	}
	name = strings.ToLower(name)
	if len(name)+1+2 <= maxWire { // its octets are no more than its characters and one
		return leastLabel + name
	}
	wire, err := packed(name)
	if err != nil {
		return zone // of a name that nobody could ask for
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

// sibling returns the first name in canonical order that comes after the name and all
// that are below it, with the same parent; nil if there is none.
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
	if *last++; *last == 'A' { // capitals are in their places as small letters
		*last = 'Z' + 1
	}
	return named(label, parent)
}

func named(label, parent []byte) []byte {
	return append(append([]byte{byte(len(label))}, label...), parent...)
}

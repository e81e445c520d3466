package route

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// ExtendedCommunity is an extended community (RFC 4360) as the eight octets sent: type, sub-type
// and value.
type ExtendedCommunity [8]byte

// Types and sub-types that have a text form of their own.
const (
	twoOctetAS  = 0x00 // RFC 4360, section 3.1
	ipv4Address = 0x01 // RFC 4360, section 3.2
	fourOctetAS = 0x02 // RFC 5668
	opaque      = 0x03 // RFC 4360, section 3.3

	routeTarget   = 0x02
	siteOfOrigin  = 0x03
	linkBandwidth = 0x04 // RFC 10005
	color         = 0x0b // RFC 9012, section 4.3

	// nonTransitive is the bit of a type that does not propagate beyond the peer's AS (RFC 7153).
	nonTransitive = 0x40
)

// administered maps the names used in text to sub-types. String writes the first name of each.
var administered = []struct {
	name    string
	subType byte
}{{"rt", routeTarget}, {"soo", siteOfOrigin}, {"target", routeTarget}, {"origin", siteOfOrigin}, {"ro", siteOfOrigin}}

// foreign are the types of communities for routes that the speaker never announces.
var foreign = map[byte]string{
	0x06: "EVPN (RFC 7432)", 0x08: "flow specifications (draft-ietf-idr-flowspec-redirect-ip)", 0x0c: "MUP (draft-ietf-bess-mup-safi)",
	0x80: "flow specifications (RFC 8955)", 0x81: "flow specifications (RFC 7674)", 0x82: "flow specifications (RFC 7674)",
}

// isExtended reports whether the text is an extended community: it begins with a name and a colon,
// or with 0x.
func isExtended(text string) bool {
	name, _, found := strings.Cut(text, ":")
	return strings.HasPrefix(text, "0x") || found && name != "" && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz-") == ""
}

// parseExtended reads rt:N:N, soo:N:N, color:N, and 0x with 16 hexadecimal digits.
func parseExtended(text string) (ExtendedCommunity, error) {
	if digits, ok := strings.CutPrefix(text, "0x"); ok {
		return parseOctets(text, digits)
	}
	name, value, _ := strings.Cut(text, ":")
	switch name {
	case "color":
		n, err := strconv.ParseUint(value, 10, 32)
		if err != nil {
			return ExtendedCommunity{}, fmt.Errorf("%q is not color:N with a 32-bit number (RFC 9012)", text)
		}
		return ExtendedCommunity(binary.BigEndian.AppendUint32([]byte{opaque, color, 0, 0}, uint32(n))), nil
	case "bandwidth", "lb":
		return ExtendedCommunity{}, fmt.Errorf("%q: set linkBandwidth instead, such as linkBandwidth: 10G", text)
	}
	for _, a := range administered {
		if a.name == name {
			return parseAdministered(text, value, a.subType)
		}
	}
	return ExtendedCommunity{}, fmt.Errorf("%q: %s is not rt, soo or color; write any other extended community as 0x and 16 hexadecimal digits", text, name)
}

// parseAdministered reads the administrator, an AS number or an IPv4 address, and the assigned
// number.
func parseAdministered(text, value string, subType byte) (ExtendedCommunity, error) {
	who, number, _ := strings.Cut(value, ":")
	var c []byte
	bits := 16
	if addr, err := netip.ParseAddr(who); err == nil && addr.Is4() {
		c = append([]byte{ipv4Address, subType}, addr.AsSlice()...)
	} else if as, err := ParseASN(who); err != nil {
		return ExtendedCommunity{}, fmt.Errorf("%q: %q is neither an AS number nor an IPv4 address", text, who)
	} else if as <= last16 {
		c, bits = binary.BigEndian.AppendUint16([]byte{twoOctetAS, subType}, uint16(as)), 32
	} else {
		c = binary.BigEndian.AppendUint32([]byte{fourOctetAS, subType}, as)
	}
	n, err := strconv.ParseUint(number, 10, bits)
	switch {
	case err != nil:
		return ExtendedCommunity{}, fmt.Errorf("%q: %q is not a %d-bit number, as required after %s", text, number, bits, who)
	case bits == 32:
		return ExtendedCommunity(binary.BigEndian.AppendUint32(c, uint32(n))), nil
	}
	return ExtendedCommunity(binary.BigEndian.AppendUint16(c, uint16(n))), nil
}

// parseOctets reads the raw octets, and rejects communities that have no meaning here.
func parseOctets(text, digits string) (ExtendedCommunity, error) {
	octets, err := hex.DecodeString(digits)
	if err != nil || len(octets) != len(ExtendedCommunity{}) {
		return ExtendedCommunity{}, fmt.Errorf("%q is not 0x and the 16 hexadecimal digits of an extended community", text)
	}
	if octets[0] == twoOctetAS|nonTransitive && octets[1] == linkBandwidth {
		return ExtendedCommunity{}, fmt.Errorf("%q is a link bandwidth: set linkBandwidth instead, such as linkBandwidth: 10G", text)
	}
	if of := foreign[octets[0]]; of != "" {
		return ExtendedCommunity{}, fmt.Errorf("%q is for routes of %s, and the speaker announces only IP unicast routes", text, of)
	}
	return ExtendedCommunity(octets), nil
}

// String returns the named form if there is one, otherwise the octets.
func (c ExtendedCommunity) String() string {
	if text := c.named(); text != "" {
		if same, err := parseExtended(text); err == nil && same == c {
			return text
		}
	}
	return "0x" + hex.EncodeToString(c[:])
}

// named returns the named form of the type; "" for none. That form may not express every octet.
func (c ExtendedCommunity) named() string {
	if c[0] == opaque && c[1] == color {
		return fmt.Sprintf("color:%d", binary.BigEndian.Uint32(c[4:]))
	}
	for _, a := range administered {
		if a.subType != c[1] {
			continue
		}
		switch c[0] {
		case twoOctetAS:
			return fmt.Sprintf("%s:%d:%d", a.name, binary.BigEndian.Uint16(c[2:]), binary.BigEndian.Uint32(c[4:]))
		case ipv4Address:
			return fmt.Sprintf("%s:%s:%d", a.name, netip.AddrFrom4([4]byte(c[2:6])), binary.BigEndian.Uint16(c[6:]))
		case fourOctetAS:
			return fmt.Sprintf("%s:%d:%d", a.name, binary.BigEndian.Uint32(c[2:]), binary.BigEndian.Uint16(c[6:]))
		}
	}
	return ""
}

// Administered reports whether it is a route target or a site of origin that has a named form.
func (c ExtendedCommunity) Administered() bool {
	return c[0] <= fourOctetAS && (c[1] == routeTarget || c[1] == siteOfOrigin)
}

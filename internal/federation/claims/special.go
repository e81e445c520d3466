package claims

import "net/netip"

// specialRanges are never used in answers or probes unless a claim lists the part that is
// needed: through them one could reach the client itself, the link, or a cloud's metadata
// service. RFC 6890 defines the registries.
var specialRanges = []struct {
	netip.Prefix
	kind string
}{
	{netip.MustParsePrefix("0.0.0.0/8"), "unspecified"},
	{netip.MustParsePrefix("127.0.0.0/8"), "loopback"},
	{netip.MustParsePrefix("169.254.0.0/16"), "link-local"},
	{netip.MustParsePrefix("224.0.0.0/4"), "multicast"},
	{netip.MustParsePrefix("255.255.255.255/32"), "broadcast"},
	{netip.MustParsePrefix("::/128"), "unspecified"},
	{netip.MustParsePrefix("::1/128"), "loopback"},
	{netip.MustParsePrefix("fe80::/10"), "link-local"},
	{netip.MustParsePrefix("ff00::/8"), "multicast"},
	// A local translation prefix (RFC 8215) leads wherever its operator allows.
	{netip.MustParsePrefix("64:ff9b:1::/48"), "local NAT64"},
	// Addresses outside 169.254.0.0/16 that clouds offer to their own machines.
	{netip.MustParsePrefix("fd00:ec2::/32"), "cloud metadata"},          // Amazon
	{netip.MustParsePrefix("fd20:ce::/64"), "cloud metadata"},           // Google
	{netip.MustParsePrefix("fd00:c1::a9fe:a9fe/128"), "cloud metadata"}, // Oracle
	{netip.MustParsePrefix("fd00:42::42/128"), "cloud metadata"},        // Scaleway
	{netip.MustParsePrefix("192.0.0.192/32"), "cloud metadata"},         // Oracle
	{netip.MustParsePrefix("100.100.100.200/32"), "cloud metadata"},     // Alibaba
	{netip.MustParsePrefix("168.63.129.16/32"), "cloud metadata"},       // Azure
}

// special returns the special range of the address and its purpose, and false for an
// ordinary address. For an IPv6 address that embeds a special IPv4 address, the range is
// that of the embedding form.
func special(a netip.Addr) (within netip.Prefix, kind string, is bool) {
	a = a.Unmap().WithZone("") // no prefix contains a zone
	for _, r := range specialRanges {
		if r.Contains(a) {
			return r.Prefix, r.kind, true
		}
	}
	form, holds := embedded(a)
	for _, v4 := range holds {
		if _, kind, is := special(v4); is {
			return form, kind + " (" + v4.String() + ")", true
		}
	}
	return netip.Prefix{}, "", false
}

// Special returns the purpose of the address if it is one that is never probed without a
// claim; false for an ordinary address.
func Special(a netip.Addr) (kind string, is bool) {
	_, kind, is = special(a)
	return kind, is
}

// private reports whether the address is, or embeds, one of a private network: RFC 1918,
// RFC 4193, RFC 6598, or the deprecated site-local ones.
func private(a netip.Addr) bool {
	a = a.Unmap()
	if a.IsPrivate() || sharedSpace.Contains(a) || siteLocal.Contains(a) {
		return true
	}
	_, holds := embedded(a)
	for _, v4 := range holds {
		if private(v4) {
			return true
		}
	}
	return false
}

var (
	sharedSpace = netip.MustParsePrefix("100.64.0.0/10")
	siteLocal   = netip.MustParsePrefix("fec0::/10")

	compatible = netip.MustParsePrefix("::/96")           // RFC 4291, section 2.5.5.1
	translated = netip.MustParsePrefix("::ffff:0:0:0/96") // RFC 7915
	nat64      = netip.MustParsePrefix("64:ff9b::/96")    // RFC 6052
	sixToFour  = netip.MustParsePrefix("2002::/16")       // RFC 3056
	teredo     = netip.MustParsePrefix("2001::/32")       // RFC 4380
)

// embedded returns the IPv4 addresses to which packets for the address may be sent, and
// the prefix of all addresses of this form; most addresses embed none.
func embedded(a netip.Addr) (form netip.Prefix, holds []netip.Addr) {
	if !a.Is6() {
		return netip.Prefix{}, nil
	}
	b := a.As16()
	at := func(i int) netip.Addr { return netip.AddrFrom4([4]byte(b[i : i+4])) }
	switch {
	case compatible.Contains(a):
		return compatible, []netip.Addr{at(12)}
	case translated.Contains(a):
		return translated, []netip.Addr{at(12)}
	case nat64.Contains(a):
		return nat64, []netip.Addr{at(12)}
	case sixToFour.Contains(a):
		return sixToFour, []netip.Addr{at(2)}
	case teredo.Contains(a):
		client := [4]byte{^b[12], ^b[13], ^b[14], ^b[15]} // the client's, obfuscated
		return teredo, []netip.Addr{at(4), netip.AddrFrom4(client)}
	case b[8]&^2 == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe: // ISATAP, RFC 5214
		network, _ := a.Prefix(64)
		return network, []netip.Addr{at(12)}
	}
	return netip.Prefix{}, nil
}

package locate

import "net/netip"

// embedding is a kind of IPv6 address that embeds an IPv4 address.
type embedding struct {
	prefix netip.Prefix
	// at is the bit at which the IPv4 address starts; unless mixed is set, only the
	// prefix precedes it.
	at    int
	mixed bool
	// inverted is set if the address's bits are inverted (Teredo's obfuscation).
	inverted bool
}

var embeddings = []embedding{
	{prefix: netip.MustParsePrefix("::ffff:0:0/96"), at: 96},                          // IPv4-mapped, RFC 4291
	{prefix: netip.MustParsePrefix("64:ff9b::/96"), at: 96},                           // NAT64, RFC 6052
	{prefix: netip.MustParsePrefix("2002::/16"), at: 16},                              // 6to4, RFC 3056
	{prefix: netip.MustParsePrefix("2001::/32"), at: 96, mixed: true, inverted: true}, // Teredo, RFC 4380
}

// Canonical returns the IPv4 prefix embedded in an IPv6 prefix if that is IPv4-mapped,
// NAT64 (well-known prefix), 6to4 or Teredo and long enough, and the number of bits of
// the IPv6 prefix before it. It returns any other prefix unchanged, with 0.
func Canonical(p netip.Prefix) (canonical netip.Prefix, before int) {
	if p.Addr().Is4() {
		return p, 0
	}
	raw := p.Addr().As16()
	plain := netip.AddrFrom16(raw) // without netip's special treatment of IPv4-mapped prefixes
	for _, e := range embeddings {
		length := p.Bits() - e.at
		if length < 0 || e.mixed && length == 0 || !e.contains(plain) {
			continue
		}
		var v4 [4]byte
		copy(v4[:], raw[e.at/8:])
		if e.inverted {
			for i := range v4 {
				v4[i] = ^v4[i]
			}
		}
		canonical, _ = netip.AddrFrom4(v4).Prefix(min(length, 32))
		return canonical, e.at
	}
	return p, 0
}

func (e embedding) contains(a netip.Addr) bool {
	raw, prefix := a.As16(), e.prefix.Addr().As16()
	n := e.prefix.Bits() / 8
	return string(raw[:n]) == string(prefix[:n])
}

// embedded returns the embedding that contains the whole prefix, or nil.
func embedded(p netip.Prefix) *embedding {
	for i := range embeddings {
		if e := &embeddings[i]; p.Addr().Is6() && p.Bits() >= e.prefix.Bits() && e.contains(p.Addr()) {
			return e
		}
	}
	return nil
}

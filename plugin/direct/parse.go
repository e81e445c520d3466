package direct

import (
	"net/netip"

	"github.com/coredns/caddy"

	"github.com/nearcast/nearcast/plugin/arguments"
)

// parseLine reads direct [ADDRESS...].
func parseLine(c *caddy.Controller) (*block, error) {
	b := &block{index: c.ServerBlockIndex, keys: c.ServerBlockKeys}
	for c.Next() {
		if b.at.Line > 0 {
			return nil, c.Errf("direct is in this server block twice, first on line %d", b.at.Line)
		}
		b.at = arguments.Here(c)
		for _, arg := range c.RemainingArgs() {
			addr, err := netip.ParseAddr(arg)
			if err != nil || addr.IsUnspecified() || addr.IsMulticast() || addr.Zone() != "" {
				return nil, c.Errf("%q is not the address of a host, such as 192.0.2.53 or 2001:db8::53", arg)
			}
			b.named = append(b.named, addr.Unmap())
		}
		if c.NextBlock() {
			return nil, c.Errf("unexpected %q: direct has no settings in braces", c.Val())
		}
	}
	return b, nil
}

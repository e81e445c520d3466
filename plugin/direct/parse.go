package direct

import (
	"net/netip"

	"github.com/coredns/caddy"

	"github.com/nearcast/nearcast/plugin/internal/arguments"
)

// parseLine reads direct [ADDRESS...].
func parseLine(c *caddy.Controller) (*block, error) {
	b := &block{index: c.ServerBlockIndex, keys: c.ServerBlockKeys}
	for c.Next() {
		if err := arguments.Begins(c, "direct"); err != nil {
			return nil, err
		}
		if b.at.Line > 0 {
			return nil, c.Errf("direct is in this server block twice, first on line %d", b.at.Line)
		}
		b.at = arguments.Here(c)
		args, err := arguments.Rest(c)
		if err != nil {
			return nil, err
		}
		for _, arg := range args {
			addr, err := netip.ParseAddr(arg)
			if err != nil || addr.IsUnspecified() || addr.IsMulticast() || addr.Zone() != "" {
				return nil, c.Errf("%q is not a host's address, such as 192.0.2.53 or 2001:db8::53", arg)
			}
			b.named = append(b.named, addr.Unmap())
		}
		if _, err := arguments.Settings(c, func() error {
			return c.Errf("unexpected %q: direct has no settings; remove the braces", c.Val())
		}); err != nil {
			return nil, err
		}
	}
	return b, nil
}

package ddr

import (
	"strings"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/plugin"
	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/plugin/internal/blocks"
)

// guarded marks a configuration whose blocks have been guarded.
type guarded struct{}

// Guard makes every server block that would forward queries for resolver.arpa answer them itself: one without a ddr
// line says NODATA. Call it from the setup of plugins behind ddr in the order, before they add their own handler.
// Only the first call for a configuration has an effect.
func Guard(c *caddy.Controller) error {
	if c.Get(guarded{}) != nil {
		return nil
	}
	c.Set(guarded{}, true)
	all, err := blocks.Configured(c)
	if err != nil {
		return err
	}
	s := defaults()
	for _, b := range all {
		if len(b.Tokens["ddr"]) == 0 && asksOthers(b.Keys) {
			b.Config.AddPlugin(s.handler)
		}
	}
	return nil
}

// asksOthers reports whether a block with these keys that resolves other names would get queries for resolver.arpa.
// A block for resolver.arpa alone is the operator's own answer.
func asksOthers(keys []string) bool {
	for _, key := range keys {
		for _, zone := range plugin.Host(key).NormalizeExact() {
			if zone != special && dns.IsSubDomain(strings.ToLower(zone), special) {
				return true
			}
		}
	}
	return false
}

package perclient

import (
	"context"

	"github.com/coredns/coredns/plugin"
	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/plugin/internal/blocks"
)

// chosen stands in front of each server block if some blocks have a view or an acl: there the client decides which
// block answers for the zones, and whether it does.
type chosen struct {
	next  plugin.Handler
	zones plugin.Zones
}

// Name implements plugin.Handler.
func (c *chosen) Name() string { return "perclient-view" }

// ServeDNS implements plugin.Handler.
func (c *chosen) ServeDNS(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	if d := heard(ctx); d != nil && c.zones.Matches(r.Question[0].Name) != "" {
		d.note()
	}
	return served(c.next, ctx, w, r)
}

// choosing returns the zones of the blocks that serve only some clients.
func choosing(all []blocks.Block) (zones plugin.Zones) {
	for _, b := range all {
		if len(b.Tokens["view"])+len(b.Tokens["acl"]) == 0 {
			continue
		}
		for _, key := range b.Keys {
			zones = append(zones, plugin.Host(key).NormalizeExact()...)
		}
	}
	return zones
}

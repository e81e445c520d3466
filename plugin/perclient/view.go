package perclient

import (
	"context"

	"github.com/coredns/coredns/plugin"
	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/plugin/blocks"
)

// chosen stands in front of each server block where some have a view: who asks decides
// which block answers for the zones, and with that what the answer is.
type chosen struct {
	next  plugin.Handler
	zones plugin.Zones
}

// Name implements plugin.Handler.
func (c *chosen) Name() string { return "perclient-view" }

// ServeDNS implements plugin.Handler.
func (c *chosen) ServeDNS(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	if c.zones.Matches(r.Question[0].Name) != "" {
		Mark(ctx)
	}
	return plugin.NextOrFailure(c.Name(), c.next, ctx, w, r)
}

// viewed returns the zones of the blocks that have a view.
func viewed(all []blocks.Block) (zones plugin.Zones) {
	for _, b := range all {
		if len(b.Tokens["view"]) == 0 {
			continue
		}
		for _, key := range b.Keys {
			zones = append(zones, plugin.Host(key).NormalizeExact()...)
		}
	}
	return zones
}

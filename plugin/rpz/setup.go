package rpz

import (
	"fmt"
	"slices"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	clog "github.com/coredns/coredns/plugin/pkg/log"
	"golang.org/x/time/rate"

	"github.com/nearcast/nearcast/plugin/ddr"
	"github.com/nearcast/nearcast/plugin/internal/certificate"
	"github.com/nearcast/nearcast/plugin/internal/perclient"
	"github.com/nearcast/nearcast/plugin/internal/signature"
)

var log = clog.NewWithPlugin("rpz")

func init() { plugin.Register("rpz", setup) }

func setup(c *caddy.Controller) error {
	s, err := parse(c)
	if err != nil {
		return plugin.Error("rpz", err)
	}
	for _, contradiction := range s.contradictions() {
		log.Warningf("%v", contradiction)
	}
	if err := ddr.Guard(c); err != nil {
		return plugin.Error("rpz", err)
	}
	certificate.Follow(c)
	config := dnsserver.GetConfig(c)
	if slices.ContainsFunc(s.zones, func(z *configuredZone) bool { return z.origin.key != "" }) {
		signature.Remember(config)
	}
	h := s.handler(config.Zone)
	// The plugin tsig reads its keys after this plugin is set up.
	c.OnStartup(func() error {
		for _, z := range h.zones {
			if err := z.origin.secure(config.TsigSecret); err != nil {
				return plugin.Error("rpz", fmt.Errorf("%s: %w", s.lines[z.name], err))
			}
		}
		return nil
	})
	// This runs after that, because callbacks are called in the order in which they are registered.
	startWith(c, h)
	config.AddPlugin(func(next plugin.Handler) plugin.Handler {
		h.Next = next
		return h
	})
	if err := perclient.Guard(c); err != nil {
		return plugin.Error("rpz", err)
	}
	return nil
}

// handler makes the block's handler for the zone that it serves. Its policy zones have no sources yet.
func (s *stanza) handler(served string) *RPZ {
	h := &RPZ{settings: s.settings, zones: s.zones, logging: rate.NewLimiter(rate.Limit(s.log), s.log)}
	for _, z := range h.zones {
		z.counters = countersOf(z.name)
		z.origin.state = s.state
	}
	if s.delegation {
		h.paths = newDelegations(served, s.minDots)
	}
	return h
}

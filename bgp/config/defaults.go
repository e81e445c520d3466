package config

import (
	"cmp"
	"os"
	"time"

	"github.com/nearcast/nearcast/bgp/route"
	"github.com/nearcast/nearcast/bgp/vip"
)

const (
	defaultFlapBudget = 5
	defaultFlapWindow = 10 * time.Minute
	defaultDrainTaint = "nearcast.dev/drain"

	defaultHoldTime = 9 * time.Second
	defaultPort     = 179
	// The BFD defaults move the router's traffic within 0.8 s, and caused no false alarm on two
	// busy cores; 50 ms did.
	defaultBFDInterval   = 300 * time.Millisecond
	defaultBFDMultiplier = 3

	// The defaults of a check detect a dead service within two seconds, and require three passes
	// before a service counts as working.
	defaultRise     = 3
	defaultFall     = 2
	defaultInterval = time.Second
	defaultTimeout  = time.Second
	fastFraction    = 4
)

// setDefaults sets what the file leaves open, except in States, and writes each IPv4 address as one.
// Faulty values stay, for check to report.
func (c *Config) setDefaults() {
	c.StartupHold = cmp.Or(c.StartupHold, 1)
	c.Flaps.Budget, c.Flaps.Window = cmp.Or(c.Flaps.Budget, defaultFlapBudget), cmp.Or(c.Flaps.Window, defaultFlapWindow)
	if c.Services.Enabled {
		c.Services.setDefaults()
	}
	for i := range c.Peers {
		c.Peers[i].setDefaults()
	}
	for i := range c.VIPs {
		c.VIPs[i].setDefaults()
	}
	for i := range c.Aggregates {
		if a := &c.Aggregates[i]; a.Least == 0 && a.HasHostRoutes() {
			a.Least = 1
		}
	}
}

func (s *Services) setDefaults() {
	if s.Node == "" {
		s.Node = os.Getenv("NODE_NAME")
	}
	if len(s.DrainTaints) == 0 {
		s.DrainTaints = []string{defaultDrainTaint}
	}
}

func (p *Peer) setDefaults() {
	p.Address, p.LocalAddress, p.NextHop = p.Address.Unmap(), p.LocalAddress.Unmap(), p.NextHop.Unmap()
	p.HoldTime, p.Port = cmp.Or(p.HoldTime, defaultHoldTime), cmp.Or(p.Port, defaultPort)
	if p.BFD {
		p.BFDInterval, p.BFDMultiplier = cmp.Or(p.BFDInterval, defaultBFDInterval), cmp.Or(p.BFDMultiplier, defaultBFDMultiplier)
	}
	switch {
	case len(p.Families) > 0:
	case p.Interface != "":
		p.Families = []route.Family{route.IPv4, route.IPv6}
	case p.Gateway == "" || p.Gateway.IsKnown(): // otherwise the session has no family
		p.Families = []route.Family{p.Session()}
	}
}

func (v *VIP) setDefaults() {
	v.Address = v.Address.Unmap()
	for i := range v.Checks {
		v.Checks[i].SetDefaults()
	}
}

// SetDefaults sets what the check leaves open.
func (c *Check) SetDefaults() {
	c.Scope = cmp.Or(c.Scope, vip.Local)
	if c.DNS != nil {
		c.DNS.Type = cmp.Or(c.DNS.Type, "SOA")
		c.DNS.Recursive = c.DNS.Recursive || c.Scope == vip.Upstream
	}
	c.Rise, c.Fall = cmp.Or(c.Rise, defaultRise), cmp.Or(c.Fall, defaultFall)
	c.Interval, c.Timeout = cmp.Or(c.Interval, defaultInterval), cmp.Or(c.Timeout, defaultTimeout)
	c.FastInterval = cmp.Or(c.FastInterval, max(c.Interval/fastFraction, min(leastInterval, c.Interval)))
}

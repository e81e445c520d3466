package bgp

import (
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// Aggregate is a prefix that is announced while enough of the VIPs in it are. Distant routers
// accept no route to a single address: /24 and /48 are the longest prefixes that the internet
// carries.
type Aggregate struct {
	Prefix netip.Prefix `yaml:"prefix"`
	// Least is how many of its VIPs must be announced. It defaults to 1 with host routes. Without
	// host routes it defaults to all, because the prefix then also attracts packets to VIPs that
	// are not announced.
	Least int `yaml:"least"`
	// HostRoutes announces its VIPs with routes of their own as well; the default is true.
	HostRoutes *bool `yaml:"hostRoutes"`
	// Discard makes this machine drop packets to addresses that nobody has here, which it would
	// otherwise send back to the router; the default is true.
	Discard *bool `yaml:"discard"`
	// Peers and Attributes apply to its own route, as in VIP.
	Peers      []string    `yaml:"peers"`
	Attributes *Attributes `yaml:"attributes"`
}

// The shortest aggregates allowed. Anything shorter is larger than any site, so it is a typo.
const (
	shortestIPv4 = 8
	shortestIPv6 = 16
)

func (a *Aggregate) hosts() bool    { return a.HostRoutes == nil || *a.HostRoutes }
func (a *Aggregate) discards() bool { return a.Discard == nil || *a.Discard }

func (c *Config) checkAggregates(fault faultFunc) {
	for i := range c.Aggregates {
		a := &c.Aggregates[i]
		key := fmt.Sprintf("aggregates[%d]", i)
		c.checkPrefix(a.Prefix, fault.under(key))
		if a.Least < 0 {
			fault(key+".least", "%d is negative", a.Least)
		}
		if a.Least == 0 && a.hosts() {
			a.Least = 1
		}
		for _, o := range c.Aggregates[:i] {
			if a.Prefix.IsValid() && a.Prefix.Overlaps(o.Prefix) {
				fault(key+".prefix", "%s overlaps %s, which is an aggregate too", a.Prefix, o.Prefix)
			}
		}
	}
}

func (c *Config) checkPrefix(p netip.Prefix, fault faultFunc) {
	shortest := shortestIPv4
	if p.Addr().Is6() {
		shortest = shortestIPv6
	}
	switch {
	case !p.IsValid():
		fault("prefix", "is required, such as 198.51.100.0/24")
		return
	case p != p.Masked() || p.Addr().Is4In6():
		fault("prefix", "%s has bits set beyond its length", p)
	case p.IsSingleIP() || p.Bits() < shortest:
		fault("prefix", "%s is not from /%d to /%d", p, shortest, p.Addr().BitLen()-1)
	}
	for i := range c.Peers {
		if peer := &c.Peers[i]; p.Contains(peer.Address) || p.Contains(peer.LocalAddress) {
			fault("prefix", "%s holds an address of the peer %s, or of this site towards it, which it would draw here", p, peer.Name())
		}
	}
}

// members counts the VIPs of an aggregate by the state in which they are announced.
type members struct {
	Up       int `json:"up"`
	Degraded int `json:"degraded"`
	Draining int `json:"draining"`
	// All counts the VIPs that are declared and not disabled.
	All int `json:"all"`
}

// membersOf counts the VIPs of each aggregate.
func (c *Controller) membersOf(now time.Time) []members {
	all := make([]members, len(c.aggregates))
	for _, v := range c.vips {
		i := c.aggregateOf(v.config.Address)
		if i < 0 {
			continue
		}
		if !v.removed && !v.config.Disabled {
			all[i].All++
		}
		switch c.announcedAs(v, now) {
		case Up:
			all[i].Up++
		case Degraded:
			all[i].Degraded++
		case Draining:
			all[i].Draining++
		}
	}
	return all
}

// aggregateOf returns the index of the aggregate that contains the address; -1 for none.
func (c *Controller) aggregateOf(a netip.Addr) int {
	return slices.IndexFunc(c.aggregates, func(g Aggregate) bool { return g.Prefix.Contains(a) })
}

// suppressed reports whether the VIP is announced only as part of its aggregate, and returns the
// index of that aggregate.
func (c *Controller) suppressed(v *vip) (aggregate int, is bool) {
	i := c.aggregateOf(v.config.Address)
	return i, i >= 0 && !c.aggregates[i].hosts()
}

// need returns how many VIPs must be announced.
func (a *Aggregate) need(m members) int {
	if a.Least == 0 {
		return max(1, m.All)
	}
	return a.Least
}

// as returns the state in which the aggregate is announced, or "" if it is not: the best state that
// enough of its VIPs have reached or exceeded.
func (a *Aggregate) as(m members) State {
	switch need := a.need(m); {
	case m.Up >= need:
		return Up
	case m.Up+m.Degraded >= need:
		return Degraded
	case m.Up+m.Degraded+m.Draining >= need:
		return Draining
	}
	return ""
}

// AggregateStatus is the status of one aggregate.
type AggregateStatus struct {
	Prefix string `json:"prefix"`
	// State is up, degraded, draining or down.
	State State `json:"state"`
	// Announced reports what the sessions carry. It follows State, but announcing may fail.
	Announced bool `json:"announced"`
	// Attributes are those that the sessions carry; nil for none.
	Attributes *Attributes `json:"attributes,omitempty"`
	Members    members     `json:"vips"`
	// Need is how many VIPs must be announced.
	Need int `json:"need"`
	// Peers are the recipients of its own route; absent means all.
	Peers []string `json:"peers,omitzero"`
	// OwnPreference is set if the local preference is the aggregate's own.
	OwnPreference bool `json:"ownPreference,omitempty"`
	// HostRoutes is set if its VIPs also have routes of their own.
	HostRoutes bool   `json:"hostRoutes"`
	Reason     string `json:"reason"`
}

// Aggregates returns every aggregate with its state and reason.
func (c *Controller) Aggregates(now time.Time) []AggregateStatus {
	var all []AggregateStatus
	for i, m := range c.membersOf(now) {
		a := &c.aggregates[i]
		st := AggregateStatus{
			Prefix: a.Prefix.String(), State: Down, Members: m, Need: a.need(m), HostRoutes: a.hosts(), Peers: c.audience.of(a.Peers), OwnPreference: a.Attributes.ownPreference(),
			Reason: fmt.Sprintf("of its %d VIPs %d are up, %d degraded and %d draining; it needs %d", m.All, m.Up, m.Degraded, m.Draining, a.need(m)),
		}
		if as := a.as(m); as != "" {
			st.State = as
		}
		all = append(all, st)
	}
	return all
}

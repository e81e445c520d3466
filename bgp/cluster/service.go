// Package cluster has what the local Kubernetes cluster declares, and decides which addresses its
// Services are given. It is pure; package kube reads the cluster itself.
package cluster

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/nearcast/nearcast/bgp/config"
	"github.com/nearcast/nearcast/bgp/route"
	"github.com/nearcast/nearcast/bgp/vip"
	"github.com/nearcast/nearcast/internal/federation"
)

// Declared is what the local cluster declares. It is immutable.
type Declared struct {
	Services []Service
	// Drained is why every VIP here is to leave, such as a node taint; "" for no reason.
	Drained string
	// Refused are Services that could not be read.
	Refused []Refusal
}

// Service is a Service of the local cluster that wants addresses announced.
type Service struct {
	vip.ServiceRef
	Created   time.Time
	Addresses []netip.Addr
	// Untaken are the Addresses to which no data path of the cluster takes packets: they are
	// neither in the Service's status nor among its external addresses.
	Untaken []netip.Addr
	// Local is externalTrafficPolicy Local: only endpoints on this node count.
	Local bool
	// Ports are the ports it listens on, such as tcp/443: two Services with one address must not
	// share any.
	Ports     []string
	Endpoints []Endpoint
	// Probe describes the probe of an endpoint, whose address replaces Addr. The kind none probes
	// nothing.
	Probe federation.Target
	// ForeignPort is the port that Probe uses if it is not the Service's own and requires a pool's
	// permission; otherwise 0.
	ForeignPort uint16
}

// Endpoint is an endpoint of a Service.
type Endpoint struct {
	// Addr is what is probed; its port may be 0 if nothing is.
	Addr netip.AddrPort
	// Own is one of the Service's own ports, for a connection that replaces a probe of a
	// ForeignPort that no pool permits; 0 if there is none.
	Own uint16
	// Ready accepts new connections. Terminating still serves existing ones.
	Ready, Terminating bool
	// Here is set if it is on this node.
	Here bool
}

// Refusal is what a Service requested but was refused.
type Refusal struct {
	Service vip.ServiceRef `json:"service"`
	Address string         `json:"address,omitempty"`
	Reason  string         `json:"reason"`
}

// String names the Service and the reason.
func (r Refusal) String() string {
	if r.Address == "" {
		return fmt.Sprintf("Service %s: %s", r.Service, r.Reason)
	}
	return fmt.Sprintf("Service %s: %s: %s", r.Service, r.Address, r.Reason)
}

// maxRefusals is how many refusals per namespace are logged and shown: a tenant that requests
// thousands must not hide those of others.
const maxRefusals = 16

// FewOfEach returns the first refusals of each namespace, and how many more there are.
func FewOfEach(refused []Refusal) []Refusal {
	var few []Refusal
	count := map[string]int{}
	for _, r := range refused {
		if count[r.Service.Namespace]++; count[r.Service.Namespace] <= maxRefusals {
			few = append(few, r)
		}
	}
	for _, namespace := range slices.Sorted(maps.Keys(count)) {
		if more := count[namespace] - maxRefusals; more > 0 {
			few = append(few, Refusal{Service: vip.ServiceRef{Namespace: namespace, Name: "*"}, Reason: fmt.Sprintf("and %d more of this namespace", more)})
		}
	}
	return few
}

// maxAddresses is how many addresses the Services of one namespace are given; an address that
// several Services share counts once for each. A router ends a session that brings more routes than
// it accepts, which would withdraw every VIP of the site, and the checks of thousands of Services
// would delay those of others.
const maxAddresses = 256

// Assign combines the VIPs of the file with those that Services are given. A Service is given an
// address if a pool permits it, the file does not have it, no older Service in another namespace
// has it, and the older Services in its own namespace agree. A refusal does not affect other
// Services.
func Assign(cfg *config.Config, services []Service) (vips []config.VIP, refused []Refusal) {
	vips = slices.Clone(cfg.VIPs)
	owners := map[netip.Addr][]*Service{}
	given := map[string]int{} // addresses of each Service, by namespace
	reserved := reservedAddresses(cfg)
	for _, s := range byAge(services) {
		s, reason := probed(cfg, s)
		if reason != "" {
			refused = append(refused, Refusal{Service: s.ServiceRef, Reason: reason})
		}
		for _, a := range s.Addresses {
			reason := reserved[a]
			if reason == "" {
				reason = refusal(cfg, s, a, owners[a])
			}
			if reason == "" && given[s.Namespace] == maxAddresses {
				reason = fmt.Sprintf("namespace %s has %d addresses of older Services, the maximum of one namespace", s.Namespace, maxAddresses)
			}
			if reason != "" {
				refused = append(refused, Refusal{s.ServiceRef, a.String(), reason})
				continue
			}
			given[s.Namespace]++
			owners[a] = append(owners[a], s)
		}
	}
	for a, all := range owners {
		v, pool := vipOf(a, all), cfg.PoolOf(all[0].Namespace, a)
		v.Peers, v.Attributes = pool.Peers, pool.Attributes
		vips = append(vips, v)
	}
	slices.SortStableFunc(vips[len(cfg.VIPs):], func(a, b config.VIP) int { return a.Address.Compare(b.Address) })
	return vips, refused
}

// probed returns the Service with a permitted probe, and why that is not its own: a speaker probes
// from the node, where more than Services may listen.
func probed(c *config.Config, s *Service) (*Service, string) {
	if s.ForeignPort == 0 || slices.ContainsFunc(c.Pools, func(p config.Pool) bool { return p.PermitsProbe(s.Namespace, s.ForeignPort) }) {
		return s, ""
	}
	plain, kind := *s, federation.ProbeNone
	if slices.ContainsFunc(s.Ports, func(port string) bool { return strings.HasPrefix(port, "tcp/") }) {
		kind = federation.ProbeTCP
	}
	plain.Probe, plain.ForeignPort = federation.Target{Kind: kind}, 0
	plain.Endpoints = slices.Clone(s.Endpoints)
	for i, e := range plain.Endpoints {
		plain.Endpoints[i].Addr = netip.AddrPortFrom(e.Addr.Addr(), e.Own)
	}
	return &plain, fmt.Sprintf("nearcast.dev/probe: port %d is not a port of the Service, and no pool of namespace %s has it in probePorts; "+
		"a TCP probe of the Service's first port is used instead", s.ForeignPort, s.Namespace)
}

// byAge returns the Services, oldest first; an unknown age counts as youngest.
func byAge(services []Service) []*Service {
	var all []*Service
	for i := range services {
		all = append(all, &services[i])
	}
	slices.SortStableFunc(all, func(a, b *Service) int {
		switch unknown := a.Created.IsZero(); {
		case unknown != b.Created.IsZero() && unknown:
			return 1
		case unknown != b.Created.IsZero():
			return -1
		}
		return cmp.Or(a.Created.Compare(b.Created), strings.Compare(a.String(), b.String()))
	})
	return all
}

// reservedAddresses returns those that no Service is given, with the reason.
func reservedAddresses(c *config.Config) map[netip.Addr]string {
	all := map[netip.Addr]string{}
	for i := range c.Peers {
		for _, a := range []netip.Addr{c.Peers[i].Address, c.Peers[i].LocalAddress, c.Peers[i].NextHop} {
			all[a] = "is an address of a peer, or of this site towards one, in the speaker's configuration"
		}
	}
	for i := range c.VIPs {
		all[c.VIPs[i].Address] = "is a VIP of the speaker's configuration"
	}
	return all
}

// refusal returns why the Service is not given the address, which is not reserved; "" if it is
// given.
func refusal(c *config.Config, s *Service, a netip.Addr, owners []*Service) string {
	switch {
	case c.PoolOf(s.Namespace, a) == nil:
		return "is not in any pool of namespace " + s.Namespace
	case len(c.SentTo(route.Host(a), c.PoolOf(s.Namespace, a).Peers)) == 0:
		return "is sent to no peer: " + c.WhyNobody(route.Host(a), c.PoolOf(s.Namespace, a).Peers)
	}
	for _, o := range owners {
		if o.Namespace != s.Namespace {
			return fmt.Sprintf("belongs to Service %s of another namespace; a VIP belongs to one namespace, that of the oldest Service", o.ServiceRef)
		}
		if o.Local != s.Local {
			return fmt.Sprintf("belongs to Service %s, whose externalTrafficPolicy differs", o.ServiceRef)
		}
		for _, port := range s.Ports {
			if slices.Contains(o.Ports, port) {
				return fmt.Sprintf("belongs to Service %s, which also has port %s", o.ServiceRef, port)
			}
		}
	}
	return ""
}

// vipOf returns the VIP that the Services share, all from one namespace. All of them must be served
// here; otherwise the VIP would attract traffic for one of them that nothing here takes.
func vipOf(a netip.Addr, owners []*Service) config.VIP {
	v := config.VIP{Address: a}
	for _, s := range owners {
		v.Owners = append(v.Owners, s.ServiceRef)
		v.Checks = append(v.Checks, s.checks()...)
		if b := s.backing(a); b.State > v.Backing.State {
			v.Backing = b
		}
	}
	return v
}

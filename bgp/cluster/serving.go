package cluster

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/nearcast/nearcast/bgp/config"
	"github.com/nearcast/nearcast/bgp/vip"
	"github.com/nearcast/nearcast/internal/federation"
)

// backing reports whether the Service can be served here at the address.
func (s *Service) backing(a netip.Addr) vip.Backing {
	if slices.Contains(s.Untaken, a) {
		return vip.Backing{State: vip.Untaken, Reason: fmt.Sprintf("the cluster accepts no packets to it: Service %s has it neither in status.loadBalancer "+
			"(written if loadBalancerClass is nearcast.dev/anycast) nor in spec.externalIPs", s.ServiceRef)}
	}
	where := ""
	if s.Local {
		where = " on this node"
	}
	state := vip.Unbacked
	for _, e := range s.Endpoints {
		switch {
		case s.Local && !e.Here:
		case e.Ready:
			return vip.Backing{}
		case e.Terminating:
			state = vip.Ending
		}
	}
	if state == vip.Ending {
		return vip.Backing{State: vip.Ending, Reason: fmt.Sprintf("Service %s has only terminating endpoints%s", s.ServiceRef, where)}
	}
	return vip.Backing{State: vip.Unbacked, Reason: fmt.Sprintf("Service %s has no ready endpoint%s", s.ServiceRef, where)}
}

// checks returns the checks of the endpoints to which this node may send traffic: the ready ones
// or, if there are none, the terminating ones, which serve while the VIP drains.
func (s *Service) checks() []config.Check {
	if s.Probe.Kind == federation.ProbeNone {
		return nil
	}
	e := &config.EndpointsCheck{Service: s.ServiceRef, Probe: s.Probe}
	var terminating []netip.AddrPort
	for _, endpoint := range s.Endpoints {
		switch {
		case s.Local && !endpoint.Here || endpoint.Addr.Port() == 0:
		case endpoint.Ready:
			e.Addrs = append(e.Addrs, endpoint.Addr)
		case endpoint.Terminating:
			terminating = append(terminating, endpoint.Addr)
		}
	}
	if len(e.Addrs) == 0 {
		e.Addrs = terminating
	}
	c := config.Check{Endpoints: e, Scope: vip.Local}
	c.SetDefaults()
	return []config.Check{c}
}

package nearcast

import (
	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/steering/steer"
)

// several reports whether the answer has more than the chosen cluster: as many as the policy wants, or all clusters
// if all are down. One of those may be alive, and the probes may be what is broken.
func (a *answer) several() bool { return a.choice.Most > 1 || a.choice.Tier == steer.Down }

// endpoints returns the endpoints of the answer, best first.
func (a *answer) endpoints(q steer.Question) []federation.Endpoint {
	switch {
	case a.choice.Anycast:
		return []federation.Endpoint{a.view.State.Functions.At(q.Function).Anycast()}
	case a.choice.WhenDown.Fallback():
		return []federation.Endpoint{federation.EndpointOf(a.choice.WhenDown.Addresses)}
	case a.choice.Cluster < 0:
		return nil
	case !a.several():
		return []federation.Endpoint{a.view.Endpoint(q.Function, a.choice.Cluster, q.Horizon)}
	}
	clusters := a.view.RankTier(nil, a.view.Standing, q, a.choice.Tier)
	if a.choice.Tier != steer.Down {
		clusters = clusters[:min(len(clusters), a.choice.Most)]
	}
	var all []federation.Endpoint
	for _, cluster := range clusters {
		all = append(all, a.view.Endpoint(q.Function, cluster, q.Horizon))
	}
	return all
}

// joined are the addresses of all endpoints.
func joined(all []federation.Endpoint) federation.Endpoint {
	var e federation.Endpoint
	for _, o := range all {
		e = e.Join(o)
	}
	return e
}

// addEndpoint adds the addresses of the family that the query asks for.
func (a *answer) addEndpoint(e federation.Endpoint, ttl uint32) {
	if a.qtype() == dns.TypeA {
		a.addAddresses(e.V4, ttl)
	} else {
		a.addAddresses(e.V6, ttl)
	}
}

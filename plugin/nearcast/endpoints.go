package nearcast

import (
	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/steering/steer"
)

// endpoints returns the endpoints of the answer, best first.
func (a *answer) endpoints(q steer.Question) []federation.Endpoint {
	switch {
	case a.choice.Anycast:
		return []federation.Endpoint{a.view.State.Functions.At(q.Function).Anycast()}
	case a.instead().Fallback():
		return []federation.Endpoint{federation.EndpointOf(a.instead().Addresses)}
	case a.choice.Cluster < 0:
		return nil
	case !a.choice.Several():
		return []federation.Endpoint{a.view.Endpoint(q.Function, a.choice.Cluster, q.Horizon)}
	}
	var all []federation.Endpoint
	for _, cluster := range a.view.Answers(a.view.Standing, q, a.choice) {
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

package build

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/nearcast/nearcast/internal/base/brief"
	"github.com/nearcast/nearcast/internal/federation"
)

// endpoints resolves the placement's addresses: fixed ones first, then the load
// balancer's, then the cluster's gateway if the function is reached there. A horizon's
// own addresses come before those of the default horizon.
func (b *pass) endpoints(t *federation.Template, c *federation.Cluster, seen federation.Observed) (map[string]federation.Endpoint, string) {
	endpoints := map[string]federation.Endpoint{}
	var refused error
	usable := func(e federation.Endpoint, unfit func(netip.Addr) error) federation.Endpoint {
		return e.Without(func(a netip.Addr) bool {
			err := unfit(a)
			if err != nil {
				refused = err
			}
			return err != nil
		})
	}
	set := func(horizon string, sources ...federation.Endpoint) {
		for _, e := range sources {
			unfit := func(a netip.Addr) error { return b.unfit(t.Namespace, a) }
			if e = usable(e, unfit); !e.IsZero() {
				endpoints[horizon] = e
				b.note(e)
				return
			}
		}
	}
	balancer := seen.LoadBalancer
	if len(seen.LoadBalancerNames) > 0 {
		balancer = b.resolve(seen.LoadBalancerNames)
	}
	gateways, announced := c.Gateways, b.announced(t.Namespace, seen)
	balancer = usable(balancer, func(a netip.Addr) error { return b.Claims.AllowBalanced(t.Namespace, a) })
	if announced || byGateway(t, c.Name, seen) {
		if !fixedIn(t, c.Name) && b.answersAlone(t.Namespace, gateways) {
			return gateways, "" // shared by all functions reached through the gateway
		}
		set("", t.Fixed[""][c.Name], gateways[""])
		if announced && len(endpoints) == 0 {
			set("", balancer) // which says why not
		}
	} else {
		set("", t.Fixed[""][c.Name], balancer)
		if len(endpoints) == 0 {
			gateways = nil // the gateway's horizons do not lead there either
		}
	}
	for horizon := range allHorizons(t, c) {
		set(horizon, t.Fixed[horizon][c.Name], gateways[horizon])
	}
	switch {
	case len(endpoints) > 0:
		return endpoints, ""
	case refused != nil:
		return nil, refused.Error()
	case !byGateway(t, c.Name, seen):
		return nil, brief.Text("the load balancer has no address yet" + b.pending(seen))
	}
	return nil, "no address: neither a fixed one, nor a load balancer's, nor the cluster's"
}

// announced reports whether every address of the load balancer is a VIP of the namespace
// and there is at least one. The placement then has no address of its own in the cluster;
// it is reached at the gateway.
func (b *pass) announced(namespace string, seen federation.Observed) bool {
	other := func(a netip.Addr) bool { return !b.isVIP(namespace, a) }
	return !seen.LoadBalancer.IsZero() && !seen.LoadBalancer.Any(other)
}

// pending describes a load balancer that has no address yet.
func (b *pass) pending(seen federation.Observed) string {
	switch {
	case seen.Unread != "":
		return ": " + seen.Unread
	case len(seen.LoadBalancerNames) == 0:
		return ""
	}
	name := ": its name " + seen.LoadBalancerNames[0]
	switch {
	case b.inZone(seen.LoadBalancerNames[0]):
		return name + " is in a zone served here, and would lead back"
	case b.Resolve == nil:
		return name + " is only resolved by a running server"
	}
	return name + " does not resolve"
}

// unfit returns an error if the namespace's functions must never be answered with the
// address. A VIP only takes addresses away from functions of its own namespace.
func (b *pass) unfit(namespace string, a netip.Addr) error {
	if b.isVIP(namespace, a) {
		return fmt.Errorf("address %s is a VIP, which every site would answer for", a)
	}
	return b.Claims.AllowSpecial(namespace, a)
}

// fixedIn reports whether the template's annotations set an address in the cluster.
func fixedIn(t *federation.Template, cluster string) bool {
	for _, byCluster := range t.Fixed {
		if _, here := byCluster[cluster]; here {
			return true
		}
	}
	return false
}

// answersAlone reports whether there are gateways and every one of their addresses may be
// used in answers.
func (b *pass) answersAlone(namespace string, gateways map[string]federation.Endpoint) bool {
	unfit := func(a netip.Addr) bool { return b.unfit(namespace, a) != nil }
	for _, e := range gateways {
		if e.IsZero() || e.Any(unfit) {
			return false
		}
	}
	return len(gateways) > 0
}

// resolve returns the addresses of a load balancer's names, so that clients get addresses
// instead of names: a CNAME would take the choice of address family away from them.
func (b *pass) resolve(names []string) federation.Endpoint {
	var all federation.Endpoint
	for _, name := range names {
		if b.inZone(name) {
			continue // a function's name would lead back here
		}
		if !slices.Contains(b.needs.lookups, name) {
			b.needs.lookups = append(b.needs.lookups, name)
		}
		if e := b.addressesOf(name); !e.IsZero() {
			all = all.Join(e)
		}
	}
	return all.Bounded()
}

func allHorizons(t *federation.Template, c *federation.Cluster) map[string]bool {
	horizons := map[string]bool{}
	for h, fixed := range t.Fixed {
		if _, here := fixed[c.Name]; here && h != "" {
			horizons[h] = true
		}
	}
	for h := range c.Gateways {
		if h != "" {
			horizons[h] = true
		}
	}
	return horizons
}

// byGateway reports whether the function is reached at the cluster's gateway: because its
// annotation says so, or because it has no load balancer there.
func byGateway(t *federation.Template, cluster string, seen federation.Observed) bool {
	if slices.Contains(t.ByGateway, cluster) || slices.Contains(t.ByGateway, federation.AnyCluster) {
		return true
	}
	return (!t.Balanced || t.Announced) && !seen.Balanced()
}

package federation

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"unique"
)

// gatewayPort is probed on a cluster's gateway that declares no port: functions
// are called over HTTPS.
const gatewayPort = 443

// place fills in f's placements and refusals from the bindings of its template
// and workload.
func (b *builder) place(f *Function) {
	template := b.binding(f.Ref)
	if template == nil {
		f.Unplaced = noBinding(f.Ref)
		return
	}
	work := b.workload(f.Template)
	healthy := false
	clusters := template.clusters()
	if len(clusters) == 0 {
		f.Unplaced = template.unplaced()
	}
	f.Placements = make([]*Placement, 0, len(clusters))
	for _, cluster := range clusters {
		p, refusal := b.placement(f.Template, template, work, cluster, "")
		if refusal != "" {
			f.Refused = append(f.Refused, Refusal{cluster, refusal, p.Leaving})
			continue
		}
		f.Placements = append(f.Placements, b.share(p))
		healthy = healthy || p.Serving() && !p.Outdated
	}
	if !healthy && template.placedAnywhere() && (work == nil || slices.ContainsFunc(work.bindings, (*Binding).placedAnywhere)) {
		b.handOver(f, template, work)
	}
	f.Placements = b.lists.share(f.Placements)
}

// noBinding is why a resource without a binding is placed nowhere.
func noBinding(of Ref) string {
	return "no ResourceBinding of " + of.String() + ": nothing propagates it"
}

// unplaced says why the binding names no cluster.
func (b *Binding) unplaced() string {
	if b.Unscheduled != "" {
		return "Karmada could not schedule " + b.Resource.String() + ": " + b.Unscheduled
	}
	return "the ResourceBinding of " + b.Resource.String() + " names no cluster"
}

func (b *Binding) placedAnywhere() bool {
	return slices.ContainsFunc(b.Members, func(m Member) bool { return m.Placed })
}

// handOver keeps the clusters that Karmada has just taken the function from, and
// still reports as running it, until what is placed instead is healthy: Karmada
// itself waits for that in an eviction only, and not where a policy changes.
func (b *builder) handOver(f *Function, template *Binding, work *workload) {
	for _, member := range template.Members {
		cluster := member.Cluster()
		isPlacement := func(p *Placement) bool { return b.state.Clusters[p.Cluster].Name == cluster }
		if !member.Observed().Applied || slices.ContainsFunc(f.Placements, isPlacement) {
			continue
		}
		p, refusal := b.placement(f.Template, template, work, cluster, "placed elsewhere, where it is not healthy yet")
		if refusal != "" {
			continue
		}
		f.Placements = append(f.Placements, b.share(p))
		f.Refused = slices.DeleteFunc(f.Refused, func(r Refusal) bool { return r.Cluster == cluster })
	}
	slices.SortFunc(f.Placements, func(a, b *Placement) int { return a.Cluster - b.Cluster })
}

// clusters returns the clusters that the binding names, sorted: placed, or being
// evicted by a task that lets the work run on.
func (b *Binding) clusters() []string {
	var names []string
	for _, m := range b.Members {
		if m.Placed {
			names = append(names, m.Cluster())
		}
	}
	for _, e := range b.Evictions {
		if !e.Purged {
			names = append(names, e.Cluster)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// places reports whether the binding's resource runs in the cluster, and why it
// is leaving if it is; with handOver, which says why, also where it is not placed
// any more and runs still.
func (b *Binding) places(cluster, handOver string) (placed bool, leaving string) {
	here := b.In(cluster)
	if here.Placed {
		return true, ""
	}
	if handOver != "" {
		return here.Observed().Applied, handOver
	}
	for _, e := range b.Evictions {
		// The work is gone once Karmada no longer reports it.
		if e.Cluster == cluster && !e.Purged && here.Observed().everApplied() {
			return true, "evicted by Karmada"
		}
	}
	return false, ""
}

// placement decides about one cluster: a placement, or the reason why there is
// none. handOver is as of Binding.places.
func (b *builder) placement(t *Template, template *Binding, work *workload, cluster, handOver string) (Placement, string) {
	index := b.state.ClusterIndex(cluster)
	if index < 0 {
		return Placement{}, "no Cluster of this name was read, or it was refused"
	}
	if m := b.in.exposed[t.Ref]; m != nil && len(m.Providers) > 0 && !slices.Contains(m.Providers, cluster) {
		return Placement{}, "its MultiClusterService has no provider here"
	}
	placed, leaving := template.places(cluster, handOver)
	if !placed {
		return Placement{}, "evicted by Karmada, and its work is gone"
	}
	seen := template.In(cluster).Observed()
	if !seen.everApplied() {
		return Placement{}, seen.unapplied()
	}
	p := Placement{Cluster: index, Health: seen.Health, Outdated: !seen.Applied, Leaving: leaving}
	if t.Balanced && p.Health == Unhealthy {
		p.Health = HealthUnknown // it says that the load balancer has no address yet, and no more
	}
	if work != nil {
		r, refusal := work.in(cluster, handOver)
		if refusal != "" {
			return Placement{}, refusal
		}
		p.Replicas, p.Cold, p.Health = r.replicas, !r.warm, r.health
		p.Runtime, p.Capacity = r.runtime, r.capacity
		if p.Leaving == "" {
			p.Leaving = r.leaving
		}
	}
	var refusal string
	if p.Endpoints, refusal = b.endpoints(t, &b.state.Clusters[index], seen); refusal != "" {
		return Placement{Leaving: p.Leaving}, refusal
	}
	p.Target = unique.Make(target(t, &p, b.hostForProbe))
	return p, ""
}

// endpoints resolves the placement's addresses: fixed ones, else the load
// balancer's, else the cluster's gateway, if that is where the function is reached; a
// horizon's own before the default's.
func (b *builder) endpoints(t *Template, c *Cluster, seen Observed) (map[string]Endpoint, string) {
	endpoints := map[string]Endpoint{}
	var refused error
	usable := func(e Endpoint) Endpoint {
		return e.without(func(a netip.Addr) bool {
			err := b.unfit(t.Namespace, a)
			if err != nil {
				refused = err
			}
			return err != nil
		})
	}
	set := func(horizon string, sources ...Endpoint) {
		for _, e := range sources {
			if e = usable(e); !e.IsZero() {
				endpoints[horizon] = e
				return
			}
		}
	}
	balancer := seen.LoadBalancer
	if len(seen.LoadBalancerNames) > 0 {
		balancer = b.resolve(seen.LoadBalancerNames)
	}
	gateways := c.Gateways
	if t.byGateway(c.Name, seen) {
		if !t.fixedIn(c.Name) && b.answersAlone(t.Namespace, gateways) {
			return gateways, "" // shared by all that are reached through them
		}
		set("", t.Fixed[""][c.Name], gateways[""])
	} else {
		set("", t.Fixed[""][c.Name], balancer)
		if len(endpoints) == 0 {
			gateways = nil // of a horizon: they do not lead there either
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
	case t.Balanced || seen.balanced():
		return nil, "the load balancer has no address yet" + b.pending(seen)
	}
	return nil, "no address: neither a fixed one, nor a load balancer's, nor the cluster's"
}

// pending says what is known of a load balancer without an address.
func (b *builder) pending(seen Observed) string {
	switch {
	case seen.Unread != "":
		return ": " + seen.Unread
	case len(seen.LoadBalancerNames) == 0:
		return ""
	case b.inZone(seen.LoadBalancerNames[0]):
		return ": its name " + seen.LoadBalancerNames[0] + " is in a zone served here, and would lead back"
	}
	return ": its name " + seen.LoadBalancerNames[0] + " does not resolve"
}

// unfit returns why the namespace's functions are never answered with the address;
// nil if they may be.
func (b *builder) unfit(namespace string, a netip.Addr) error {
	if b.in.vips[a] > 0 {
		return fmt.Errorf("address %s is a VIP, which every site would answer for", a)
	}
	return b.Claims.allowSpecial(namespace, a)
}

// fixedIn reports whether the template's annotations have an address in the cluster.
func (t *Template) fixedIn(cluster string) bool {
	for _, byCluster := range t.Fixed {
		if _, here := byCluster[cluster]; here {
			return true
		}
	}
	return false
}

// answersAlone reports whether there are gateways, and all that they are may be
// answered with.
func (b *builder) answersAlone(namespace string, gateways map[string]Endpoint) bool {
	unfit := func(a netip.Addr) bool { return b.unfit(namespace, a) != nil }
	for _, e := range gateways {
		if e.IsZero() || e.any(unfit) {
			return false
		}
	}
	return len(gateways) > 0
}

// resolve returns the addresses of a load balancer's names, so that clients get
// addresses and not names: a CNAME would take the choice of family from them.
func (b *builder) resolve(names []string) Endpoint {
	var all Endpoint
	for _, name := range names {
		if b.inZone(name) {
			continue // the name of a function would lead back here
		}
		if !slices.Contains(b.needs.lookups, name) {
			b.needs.lookups = append(b.needs.lookups, name)
		}
		if e := b.addressesOf(name); !e.IsZero() {
			all = all.Join(e)
		}
	}
	return all
}

func allHorizons(t *Template, c *Cluster) map[string]bool {
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

// hostForProbe returns the host that a probe names where its spec names none.
func (b *builder) hostForProbe(t *Template) string {
	for _, name := range t.Hostnames {
		if name[0] != '*' {
			return name[:len(name)-1]
		}
	}
	if len(b.Zones) == 0 || len(t.Hostnames) > 0 {
		return ""
	}
	name, err := defaultName(t, b.Zones[0])
	if err != nil {
		return ""
	}
	return name[:len(name)-1]
}

// target decides what proves the placement alive from this site: the address in
// the default horizon, else in the first other by name.
func target(t *Template, p *Placement, host func(*Template) string) Target {
	e, ok := p.Endpoints[""]
	if !ok {
		first := slices.Min(slices.Collect(maps.Keys(p.Endpoints)))
		e = p.Endpoints[first]
	}
	spec := ProbeSpec{Kind: ProbeTCP}
	if t.Probe != nil {
		spec = *t.Probe
	}
	p.ProbesGateway = e.Gateway
	port := spec.port(e, t.TCPPort)
	if t.withholds(p) {
		spec = ProbeSpec{Kind: ProbeTCP}
	}
	if spec.Kind == ProbeNone || port == 0 {
		return Target{Kind: ProbeNone}
	}
	out := Target{Kind: spec.Kind, Addr: netip.AddrPortFrom(e.First(), port)}
	if spec.Kind != ProbeTCP {
		out.Host, out.Path = spec.Host, spec.Path
		if out.Host == "" {
			out.Host = host(t)
		}
	}
	if spec.Kind == ProbeHTTP || spec.Kind == ProbeHTTPS {
		out.Expect = t.Expect
	}
	return out
}

// withholds reports whether the annotated probe is not sent to the placement: a cold one
// must not be woken by being asked, and reaching it is enough.
func (t *Template) withholds(p *Placement) bool {
	return p.Cold && t.Probe != nil && t.Probe.Kind != ProbeNone && t.Probe.Kind != ProbeTCP
}

// Withheld says why the annotated probe is not sent to the placement; "" if it is.
func (t *Template) Withheld(p *Placement) string {
	if !t.withholds(p) {
		return ""
	}
	annotation, _ := t.Annotations.find(keyProbe) // it was parsed
	return "the probe " + annotation.Value + " is not sent: it would start a function that is cold"
}

// port returns what to probe: the annotated port, the endpoint's own, the
// gateway's, or the Service's first TCP port; 0 if there is none.
func (s ProbeSpec) port(e Endpoint, service uint16) uint16 {
	switch {
	case s.Port != 0:
		return s.Port
	case e.Port != 0:
		return e.Port
	case e.Gateway && s.Kind == ProbeHTTP:
		return 80
	case e.Gateway:
		return gatewayPort
	}
	return service
}

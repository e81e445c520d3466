package feed

import (
	"encoding/binary"
	"slices"
	"strconv"
	"strings"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/federation"
	when "github.com/nearcast/nearcast/internal/federation/policy"
	"github.com/nearcast/nearcast/internal/site"
	"github.com/nearcast/nearcast/internal/steering/steer"
	"github.com/nearcast/nearcast/plugin/nearcast/records"
)

// TTL says how long resolvers may cache a function's records in a feed. It must not depend on the moment, because
// otherwise each failed probe would change the feed.
type TTL interface {
	// Steered is for answers that probes can end, Fixed for those that nothing ends.
	Steered(f *federation.Function) uint32
	Fixed() uint32
}

// reach is where the clients of a place are sent for a function. Equal reaches are the same pointer.
type reach struct {
	anycast bool
	// fallback is what replaces the clusters, all of which are down; nil if nothing does.
	fallback *when.WhenDown
	// clusters are by family; linked families have one.
	clusters [3][]int
}

// reaches interns reaches. It belongs to one goroutine.
type reaches struct {
	known map[string]*reach
	key   []byte
	dst   []int
}

// mostReaches bounds the interned reaches; beyond it, all are computed once again.
const mostReaches = 1 << 16

// families are the families of a question. Linked families have one answer.
func families(v *site.View) []steer.Family {
	if v.Independent {
		return everyFamily[:]
	}
	return everyFamily[:1]
}

var everyFamily = [...]steer.Family{steer.AnyFamily, steer.V4, steer.V6}

// reachOf returns where clients at the vantage are sent.
func (r *reaches) reachOf(v *site.View, function int, from *steer.Vantage) *reach {
	r.key = r.key[:0]
	var fallback *when.WhenDown
	for _, family := range families(v) {
		var anycast bool
		var tier steer.Tier
		r.dst, tier, anycast = v.Reach(r.dst[:0], v.Standing, steer.Question{Function: function, From: from, Family: family})
		if anycast {
			r.key = append(r.key, anycastKey...)
			break
		}
		if fallback = instead(v, function, from, tier); fallback != nil {
			r.key = append(append(r.key[:0], fallbackKey...), fallback.String()...)
			break
		}
		r.key = binary.AppendUvarint(r.key, uint64(len(r.dst))) //nolint:gosec // a length
		for _, c := range r.dst {
			r.key = binary.AppendUvarint(r.key, uint64(c)) //nolint:gosec // an index
		}
	}
	if same := r.known[string(r.key)]; same != nil {
		return same
	}
	if r.known == nil || len(r.known) > mostReaches {
		r.known = map[string]*reach{}
	}
	found := &reach{fallback: fallback}
	for i, family := range families(v) {
		found.clusters[i], _, found.anycast = v.Reach(nil, v.Standing, steer.Question{Function: function, From: from, Family: family})
	}
	r.known[string(r.key)] = found
	return found
}

// instead returns the fallback of a function of which clients at the vantage reach nothing better than the tier; nil if
// it has none. A feed cannot say SERVFAIL: of a function that is to fail, it has all candidates.
func instead(v *site.View, function int, from *steer.Vantage, tier steer.Tier) *when.WhenDown {
	w := v.WhenAllDown(function)
	if tier != steer.Down || !w.Fallback() || v.TurnsAway(function, from) {
		return nil
	}
	return w
}

// Both are not a possible count of clusters.
const (
	anycastKey  = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
	fallbackKey = anycastKey + "\xff"
)

// alias returns the name that replaces the function's records; "" if none does.
func (r *reach) alias() string {
	if r.fallback == nil {
		return ""
	}
	return r.fallback.Name
}

// endpoints returns the endpoints of the reach.
func (r *reach) endpoints(v *site.View, function int) []federation.Endpoint {
	if r.anycast {
		return []federation.Endpoint{v.State.Functions.At(function).Anycast()}
	}
	var all []federation.Endpoint
	if r.fallback != nil {
		return append(all, federation.EndpointOf(r.fallback.Addresses))
	}
	for i := range families(v) {
		for _, cluster := range r.clusters[i] {
			e := v.Endpoint(function, cluster, 0)
			switch everyFamily[i] {
			case steer.V4:
				e.V6 = nil
			case steer.V6:
				e.V4 = nil
			case steer.AnyFamily:
				if v.Independent {
					continue // each family has its own
				}
			}
			all = append(all, e)
		}
	}
	return all
}

// rules makes a function's nodes in the apex's zone.
type rules struct {
	apexes []Apex // of the server block: a name belongs to the longest one
	ttl    TTL
	log    Logger
}

// owns reports whether the hostname belongs to the apex's zone and is not one that the zone itself, or the operator's
// file, answers for.
func (r *rules) owns(apex *Apex, hostname string) bool {
	name := strings.TrimPrefix(hostname, "*.")
	if name == apex.Zone && name != hostname || !federation.IsAtOrBelow(name, apex.Zone) || federation.IsAtOrBelow(name, Policies(apex.Zone)) ||
		slices.Contains(apex.Servers, hostname) || apex.records().Taken([]byte(hostname)) {
		return false
	}
	return !slices.ContainsFunc(r.apexes, func(o Apex) bool {
		return len(o.Zone) > len(apex.Zone) && federation.IsAtOrBelow(name, o.Zone)
	})
}

// nodesOf returns the nodes of a function with the given endpoints, or with an alias of its names if that is not "".
// Taken are names that other functions have.
func (r *rules) nodesOf(apex *Apex, f *federation.Function, at []federation.Endpoint, alias string, taken map[string]bool) []*Node {
	var all []*Node
	add := func(owner string, rrs []dns.RR) {
		if len(owner) > maxName {
			return
		}
		n, err := newNode(owner, rrs)
		if err != nil {
			r.log.Warningf("feed: skipping %s: %v", f, err)
			return
		}
		all = append(all, n)
	}
	for _, hostname := range f.Hostnames {
		if !r.owns(apex, hostname) {
			continue
		}
		if alias != "" {
			if hostname == apex.Zone {
				continue // which has a SOA, and so no CNAME
			}
			add(hostname, []dns.RR{&dns.CNAME{Hdr: r.header(dns.TypeCNAME, r.ttl.Steered(f)), Target: alias}})
			continue
		}
		add(hostname, r.host(f, at))
		if hostname[0] == '*' {
			continue // a wildcard cannot be in the middle of a name
		}
		for owner, rrs := range r.services(hostname, f, at) {
			if !taken[owner] && len(apex.records().Node(owner).Types()) == 0 {
				add(owner, rrs)
			}
		}
	}
	return all
}

func (r *rules) header(rrtype uint16, ttl uint32) dns.RR_Header {
	return dns.RR_Header{Name: ".", Rrtype: rrtype, Class: dns.ClassINET, Ttl: ttl}
}

// host returns the records of one of the function's own names.
func (r *rules) host(f *federation.Function, at []federation.Endpoint) []dns.RR {
	ttl := r.ttl.Steered(f)
	all := records.Texts(r.header(dns.TypeTXT, r.ttl.Fixed()), f)
	for _, e := range at {
		for _, addr := range slices.Concat(e.V4, e.V6) {
			all = append(all, records.Address(".", addr, ttl))
		}
	}
	if len(f.ALPN) > 0 {
		for _, rrtype := range [...]uint16{dns.TypeHTTPS, dns.TypeSVCB} {
			all = append(all, records.Bindings(r.header(rrtype, ttl), f, at, ".", nil)...)
		}
	}
	return all
}

// services returns the records below the function's name: SRV for each named port, and HTTPS for each port with a
// known protocol.
func (r *rules) services(hostname string, f *federation.Function, at []federation.Endpoint) map[string][]dns.RR {
	all := map[string][]dns.RR{}
	ttl := r.ttl.Steered(f)
	for _, p := range f.Ports {
		if p.Name != "" {
			all["_"+p.Name+"._"+p.Protocol+"."+hostname] = records.Services(r.header(dns.TypeSRV, ttl), f, at, hostname, p)
		}
		if owner := "_" + strconv.Itoa(int(p.Number)) + "._https." + hostname; len(f.ALPN) > 0 && all[owner] == nil {
			if rrs := records.Bindings(r.header(dns.TypeHTTPS, ttl), f, at, hostname, &p); len(rrs) > 0 {
				all[owner] = rrs
			}
		}
	}
	return all
}

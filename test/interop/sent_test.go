package interop

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/nearcast/nearcast/bgp"
	"github.com/nearcast/nearcast/bgp/route"
	"github.com/nearcast/nearcast/bgp/session"
	"github.com/nearcast/nearcast/bgp/vip"
)

// receiver is a router that is sent a part of the speaker's routes.
type receiver struct {
	node   *node
	router router
	asn    int
	before routerSession
}

// address is the router's in the speaker's file.
func (r *receiver) address(i int) string { return fmt.Sprintf("192.0.2.%d", i+1) }

// TestEachRouterHasTheRoutesThatStatusSaysAreSent has two eBGP routers and an iBGP one be sent different routes with
// different attributes, which the file and a drain change. Each has exactly what
// the speaker's status says, and no session is reset.
func TestEachRouterHasTheRoutesThatStatusSaysAreSent(t *testing.T) {
	const (
		net4   = "198.51.100.0/24"
		states = "states: {up: {med: 1}, draining: {dwell: 1m, linger: 0s}}"
		base   = "asn: 64511\nrouterID: 192.0.2.11\ngroups: {tor: {}, transit: {}, rr: {}}\n" + states + "\npeers:\n"
	)
	for _, b := range brands {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			n := newNetwork(t)
			l := n.lan("lan")
			one := siteAddresses(1)
			var all []*receiver
			for i, asn := range []int{routerASN, routerASN, one.asn} {
				r := &receiver{node: n.node(fmt.Sprintf("r%d", i+1)), asn: asn}
				l.join(r.node, r.address(i)+"/24", fmt.Sprintf("2001:db8::%d/64", i+1))
				text := b.config(neighbour{address: one.v4, asn: one.asn, families: []string{"ipv4", "ipv6"}})
				r.router = b.start(r.node, strings.ReplaceAll(text, fmt.Sprint(routerASN), fmt.Sprint(asn)))
				all = append(all, r)
			}
			file := func(more [3]string, vips, aggregate string) string {
				text := &strings.Builder{}
				text.WriteString(base)
				for i, r := range all {
					fmt.Fprintf(text, "  - {address: %s, asn: %d, families: [ipv4, ipv6], nextHop: %q, %s%s}\n", r.address(i), r.asn, one.v6, hold9.keys, more[i])
				}
				text.WriteString("vips:\n")
				for i, addr := range []string{vip4, vip6} {
					fmt.Fprintf(text, "  - address: %q\n    checks: [{dns: {server: %q, name: %s}, rise: 2, fall: 2, interval: 200ms}]\n%s", addr, netip.AddrPortFrom(netip.MustParseAddr(addr), 53), zone, strings.Split(vips, "|")[i])
				}
				fmt.Fprintf(text, "aggregates: [{prefix: %s%s}]\n", net4, aggregate)
				return text.String()
			}
			s := l.site(1, file([3]string{}, "|", ""))
			holdsWhatIsSaid := func(what string, count ...int) {
				t.Helper()
				for i, r := range all {
					eventually(t, fmt.Sprintf("%s: r%d has the routes that the speaker reports", what, i+1), comeback, func() error {
						st, err := s.speaker.glance()
						if err != nil {
							return err
						}
						n, err := r.compare(&st, r.address(i), net4)
						if err == nil && n != count[i] {
							err = fmt.Errorf("got %d routes, want %d", n, count[i])
						}
						return err
					})
					is := established(r.node, r.router, one.v4)
					if r.before.established && !is.same(r.before) {
						t.Errorf("%s: the session of r%d was reset: %+v, was %+v", what, i+1, is, r.before)
					}
					r.before = is
				}
			}
			holdsWhatIsSaid("the same for all", 3, 3, 3)
			for _, change := range []struct {
				name            string
				more            [3]string
				vips, aggregate string
				count           []int
			}{
				{
					"attributes of peers",
					[3]string{", group: tor, attributes: {prepend: 2, med: 10}", `, attributes: {communities: ["64500:80", "64500:1:2"]}`, ", attributes: {localPreference: 200}"},
					"|", "", []int{3, 3, 3},
				},
				{
					"attributes of VIPs as well",
					[3]string{", group: tor, attributes: {prepend: 2, med: 10}", `, attributes: {communities: ["64500:80", "64500:1:2"]}`, ", attributes: {localPreference: 200}"},
					"    attributes: {prepend: 1, localPreference: 300, communities: [\"64500:81\", \"64500:80\"]}\n|    attributes: {med: 5}\n", "", []int{3, 3, 3},
				},
				{
					"who is sent what",
					[3]string{", group: tor", ", group: transit, vips: [198.51.100.0/24]", `, group: rr, vips: ["2001:db8:53::/48"]`},
					"    peers: [tor]\n|", ", peers: [transit]", []int{2, 1, 1},
				},
				{
					"another group",
					[3]string{", group: rr", ", group: transit", ", group: tor"},
					"    peers: [tor]\n|    peers: [rr, transit]\n", ", peers: [192.0.2.1]", []int{2, 1, 1},
				},
			} {
				s.speaker.rewrite(file(change.more, change.vips, change.aggregate))
				holdsWhatIsSaid(change.name, change.count...)
				s.tell(http.MethodPut)
				eventually(t, "draining", slack, func() error { return s.is(vip.Draining) })
				holdsWhatIsSaid(change.name+", draining", change.count...)
				s.tell(http.MethodDelete)
				eventually(t, "up", slack, func() error { return s.is(vip.Up) })
				holdsWhatIsSaid(change.name+", up again", change.count...)
			}
		})
	}
}

// is returns an error unless all VIPs are in the state.
func (s *site) is(state vip.State) error {
	st, err := s.speaker.glance()
	if err != nil {
		return err
	}
	for _, v := range st.VIPs {
		if v.State != state {
			return fmt.Errorf("%s is %s: %s", v.Address, v.State, v.Reason.Text)
		}
	}
	return nil
}

// compare compares the router's table with the speaker's status, and returns how many routes it
// holds.
func (r *receiver) compare(st *bgp.Status, peer string, aggregate string) (n int, err error) {
	i := slices.IndexFunc(st.Peers, func(p session.Status) bool { return p.Address == peer })
	if i < 0 {
		return 0, errors.New("the speaker does not have the peer")
	}
	p, internal := &st.Peers[i], st.Peers[i].ASN == st.ASN
	check := func(prefix netip.Prefix, announced bool, names []string, a *route.Attributes, own bool) error {
		want := announced && (names == nil || slices.Contains(names, peer)) && p.Takes(prefix) && slices.Contains(p.Families, string(route.FamilyOf(prefix.Addr())))
		best, err := r.router.best(prefix.String())
		switch {
		case errors.Is(err, errNoPath) && !want:
			return nil
		case err != nil:
			return err
		case !want:
			return fmt.Errorf("has %s, %+v, which is not sent to it", prefix, best)
		}
		n++
		sent := p.Sent(*a, own, internal)
		if got, want := best.text(internal), textOf(sent, int(st.ASN), internal); got != want {
			return fmt.Errorf("%s is %s, but the speaker reports %s", prefix, got, want)
		}
		return nil
	}
	for _, v := range st.VIPs {
		addr := netip.MustParseAddr(v.Address)
		if err := check(netip.PrefixFrom(addr, addr.BitLen()), v.Announced, v.Peers, v.Attributes, v.OwnPreference); err != nil {
			return n, err
		}
	}
	for _, g := range st.Aggregates {
		if err := check(netip.MustParsePrefix(g.Prefix), g.Announced, g.Peers, g.Attributes, g.OwnPreference); err != nil {
			return n, err
		}
	}
	return n, nil
}

// text has what the router holds of the path, in no order of the router's.
func (p path) text(internal bool) string {
	pref := 0
	if internal {
		pref = p.localPref
	}
	slices.Sort(p.communities)
	slices.Sort(p.largeCommunities)
	return fmt.Sprintf("path %q med %d preference %d communities %v %v", p.asPath, p.med, pref, p.communities, p.largeCommunities)
}

// textOf has what was sent, as text has it.
func textOf(a route.Attributes, asn int, internal bool) string {
	p := path{localPref: 100}
	if !internal {
		p.asPath = strings.TrimSpace(strings.Repeat(fmt.Sprint(asn, " "), 1+a.Prepend))
	}
	if a.MED != nil {
		p.med = int(*a.MED)
	}
	if a.LocalPreference != nil {
		p.localPref = int(*a.LocalPreference)
	}
	for _, n := range a.Communities.Standard {
		p.communities = append(p.communities, fmt.Sprintf("%d:%d", n>>16, n&0xffff))
	}
	p.largeCommunities = route.Communities{Large: a.Communities.Large}.Texts()
	return p.text(internal)
}

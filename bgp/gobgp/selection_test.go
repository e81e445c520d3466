package gobgp

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nearcast/nearcast/bgp/config"
	"github.com/nearcast/nearcast/bgp/route"
)

// TestARouteIsSentOnlyToItsPeers changes the peers of routes, and the vips of peers: each router has
// its own, no session is reset, and a router for which nothing changes is sent nothing.
func TestARouteIsSentOnlyToItsPeers(t *testing.T) {
	h := newThree(t, "127.0.0.122")
	h.keys[2] += `, families: [ipv4, ipv6], nextHop: "2001:db8::11"`
	if err := h.routers[2].carry(t, route.IPv6, netip.MustParseAddr("127.0.0.122")); err != nil {
		t.Fatal(err)
	}
	peers := h.declare()
	first, second, third := peers[0].Name(), peers[1].Name(), peers[2].Name()
	four, five, six, net := "198.51.100.4/32", "198.51.100.5/32", "2001:db8:53::6/128", "198.51.100.0/24"
	keys := make([]string, 3)
	for _, step := range []struct {
		name string
		to   map[string][]string // of the routes that are announced
		more []string
		want [3][]string
	}{
		{"all to all", map[string][]string{four: nil, five: nil, six: nil, net: nil}, nil, [3][]string{{net, four, five}, {net, four, five}, {net, four, five, six}}},
		{"one to one", map[string][]string{four: {first}, five: nil, six: nil, net: nil}, nil, [3][]string{{net, four, five}, {net, five}, {net, five, six}}},
		{"to another one", map[string][]string{four: {second}, five: nil, six: nil, net: nil}, nil, [3][]string{{net, five}, {net, four, five}, {net, five, six}}},
		{"to no peer", map[string][]string{four: {}, five: nil, six: {}, net: nil}, nil, [3][]string{{net, five}, {net, five}, {net, five}}},
		{"to two", map[string][]string{four: {first, third}, five: nil, six: {third}, net: {first}}, nil, [3][]string{{net, four, five}, {five}, {four, five, six}}},
		{"withdrawn", map[string][]string{five: nil}, nil, [3][]string{{five}, {five}, {five}}},
		{"again", map[string][]string{four: {first, third}, five: nil, six: {third}}, nil, [3][]string{{four, five}, {five}, {four, five, six}}},
		{"a peer that accepts one", map[string][]string{four: {first, third}, five: nil, six: {third}}, []string{"", "", "vips: [198.51.100.5/32]"}, [3][]string{{four, five}, {five}, {five}}},
		{"a peer that accepts all of a family", map[string][]string{four: {first, third}, five: nil, six: {third}}, []string{"", "", `vips: ["::/0"]`}, [3][]string{{four, five}, {five}, {six}}},
		{"a prefix and what is in it", map[string][]string{four: nil, five: nil, six: nil, net: nil}, []string{"vips: [198.51.100.4/31]", "vips: [198.51.100.0/24]", ""}, [3][]string{{four, five}, {net, four, five}, {net, four, five, six}}},
		{"all to all again", map[string][]string{four: nil, five: nil, six: nil, net: nil}, nil, [3][]string{{net, four, five}, {net, four, five}, {net, four, five, six}}},
	} {
		before, counts := make([]string, 3), make([]uint64, 3)
		for j, router := range h.routers {
			before[j], counts[j] = held(t, router), updatesTo(router)
		}
		h.declare(step.more...)
		own := slices.Clone(keys) // what a peer was sent by
		clear(keys)
		copy(keys, step.more)
		var routes []route.Route
		for _, prefix := range []string{four, five, six, net} {
			if to, announced := step.to[prefix]; announced {
				slices.Sort(to)
				routes = append(routes, route.Route{Prefix: netip.MustParsePrefix(prefix), To: to})
			}
		}
		if _, err := h.speaker.Set(routes); err != nil {
			t.Fatal(err)
		}
		for j, router := range h.routers {
			path := " path=64511"
			if j == 2 {
				path = " path= pref=100"
			}
			var want []string
			for _, prefix := range step.want[j] {
				want = append(want, prefix+path)
				if prefix == six {
					want[len(want)-1] += " via=2001:db8::11"
				}
			}
			text := strings.Join(want, "; ")
			holds(t, router, text)
			withdraws := step.name == "withdrawn" // which GoBGP sends to all, and the next step must not count
			if text == before[j] && own[j] == keys[j] {
				time.Sleep(stays)
				if n := updatesTo(router); n != counts[j] && !withdraws {
					t.Errorf("%s: router %d was sent %d UPDATEs although nothing changed for it", step.name, j, n-counts[j])
				}
			}
			if flops(router) != 0 {
				t.Errorf("%s: the session of router %d was reset", step.name, j)
			}
		}
	}
}

// TestANewPeerIsSentNoRoutesOfOthers adds it while a route is for another one.
func TestANewPeerIsSentNoRoutesOfOthers(t *testing.T) {
	h := newThree(t, "127.0.0.123")
	all := h.declare()
	if err := h.speaker.SetPeers(all[:1], 0); err != nil {
		t.Fatal(err)
	}
	routes := []route.Route{{Prefix: vip, To: []string{all[0].Name()}}, {Prefix: netip.MustParsePrefix("198.51.100.54/32")}}
	if _, err := h.speaker.Set(routes); err != nil {
		t.Fatal(err)
	}
	holds(t, h.routers[0], "198.51.100.53/32 path=64511; 198.51.100.54/32 path=64511")
	holds(t, h.routers[1], "")
	h.declare("", "vips: [198.51.100.0/26]", "")
	holds(t, h.routers[1], "198.51.100.54/32 path=64511")
	holds(t, h.routers[2], "198.51.100.54/32 path= pref=100")
	for _, r := range h.routers[1:] {
		if n := updatesTo(r); n > 2 { // the route, and the end of the table
			t.Errorf("got %d UPDATEs", n)
		}
	}
}

// TestAStateChangeDoesNotChangeThePolicy: only a change of the routes' peers rebuilds the policy.
func TestAStateChangeDoesNotChangeThePolicy(t *testing.T) {
	sel := newSelection()
	to := []string{"192.0.2.1"}
	var routes []route.Route
	for i := range 100 {
		routes = append(routes, route.Route{Prefix: netip.MustParsePrefix(fmt.Sprintf("198.51.100.%d/32", i)), To: to})
	}
	worse := slices.Clone(routes)
	worse[0].Attributes = degraded
	for _, step := range []struct {
		name   string
		routes []route.Route
		added  int
		all    bool
	}{
		{"the first one", routes[:1], 0, true},
		{"as it is", routes[:1], 0, false},
		{"more of one audience", routes, 99, false},
		{"fewer", routes[50:], 0, false},
		{"none", nil, 0, false},
		{"all again", routes, 0, false},
		{"another state", worse, 0, false},
		{"another audience", []route.Route{{Prefix: routes[0].Prefix, To: []string{"192.0.2.2"}}}, 0, true},
		{"another family", []route.Route{{Prefix: netip.MustParsePrefix("2001:db8::53/128"), To: to}}, 0, true},
		{"nobody", []route.Route{{Prefix: routes[1].Prefix, To: []string{}}}, 0, true},
		{"everybody", []route.Route{{Prefix: routes[1].Prefix}}, 0, true},
	} {
		added, all := sel.take(step.routes, func(*audience, *route.Route) []string { return nil }, func(netip.Prefix, *audience, *audience) {})
		n := 0
		for _, prefixes := range added {
			n += len(prefixes)
		}
		if n != step.added || all != step.all {
			t.Errorf("%s: %d prefixes added, policy rebuilt: %t", step.name, n, all)
		}
		if all {
			sel.rules(nil)
		}
	}
}

// TestAGatewayIsOneAudienceWhateverItsRouters checks that its name in the file stands for all of them.
func TestAGatewayIsOneAudienceWhateverItsRouters(t *testing.T) {
	a := &audience{to: []string{"192.0.2.9", "gateway/ipv4"}}
	for text, want := range map[string]bool{"192.0.2.1": true, "192.0.2.2": true, "2001:db8::1": false} {
		addr := netip.MustParseAddr(text)
		if p := (&peer{config: config.Peer{Gateway: route.FamilyOf(addr), Address: addr}}); a.has(p) != want {
			t.Errorf("%s: want %v", p.config.Name(), want)
		}
	}
}

// TestRoutersWithOneLinkLocalAddressAreNotSentEachOthersRoutes: the policy sees addresses without
// their links.
func TestRoutersWithOneLinkLocalAddressAreNotSentEachOthersRoutes(t *testing.T) {
	at := func(link string) *peer {
		return &peer{config: config.Peer{Interface: link}, addr: netip.MustParseAddr("fe80::1%" + link)}
	}
	one, two, three := at("eth1"), at("eth2"), at("eth3")
	three.addr = netip.MustParseAddr("fe80::3%eth3")
	a := &audience{to: []string{"eth1", "eth3"}}
	if got := fmt.Sprint(a.members([]*peer{one, three})); got != "[fe80::1 fe80::3]" {
		t.Errorf("got members %s", got)
	}
	if got := fmt.Sprint(a.members([]*peer{one, two, three})); got != "[fe80::3]" {
		t.Errorf("got members %s: eth2 would be sent routes for eth1", got)
	}
	s := &Speaker{peers: map[string]*peer{"eth1": one, "eth2": two, "eth3": three}}
	one.added = true
	if s.double(two) != nil || s.double(three) != nil {
		t.Error("routers that are sent the same are distinguished")
	}
	two.config.Attributes = &route.Attributes{Prepend: 1}
	if err := s.add(two); err == nil || !strings.Contains(err.Error(), "peer eth2: fe80::1 is also the address of the router on eth1, which is sent other routes") || two.added {
		t.Errorf("%v", err)
	}
	if three.config.Attributes = two.config.Attributes; s.double(three) != nil {
		t.Error("another address counts as the same")
	}
}

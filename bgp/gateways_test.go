package bgp

import (
	"cmp"
	"context"
	_ "embed" // for the configuration
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nearcast/nearcast/bgp/cluster"
	"github.com/nearcast/nearcast/bgp/config"
	"github.com/nearcast/nearcast/bgp/route"
	"github.com/nearcast/nearcast/bgp/session"
	"github.com/nearcast/nearcast/bgp/vip"
)

//go:embed config/testdata/racks.yaml
var racks string

// gatewaysOf returns the routers of both families, by their addresses.
func gatewaysOf(routers ...string) map[route.Family]Gateway {
	all := map[route.Family]Gateway{route.IPv4: {Problem: "no ipv4 default route yet"}, route.IPv6: {Problem: "no ipv6 default route yet"}}
	for _, text := range routers {
		addr := netip.MustParseAddr(text)
		g := all[route.FamilyOf(addr)]
		g.Routers, g.Problem = append(g.Routers, Router{Addr: addr}), ""
		all[route.FamilyOf(addr)] = g
	}
	return all
}

// TestEveryRouterOfADefaultRouteGetsASessionIfPossible covers one and for several next
// hops, and that one that cannot be a peer takes down nobody else and says why.
func TestEveryRouterOfADefaultRouteGetsASessionIfPossible(t *testing.T) {
	c, err := config.Parse([]byte(racks))
	if err != nil {
		t.Fatal(err)
	}
	own := gatewaysOf("192.0.2.1")
	own[route.IPv4] = Gateway{Routers: []Router{{netip.MustParseAddr("192.0.2.1"), ""}, {netip.MustParseAddr("192.0.2.77"), "it is this machine's own address"}}}
	for name, test := range map[string]struct {
		gateways             map[route.Family]Gateway
		peers, lacking, note string
	}{
		"before anything is known": {nil, "", "gateway/ipv4: looking for the ipv4 default route, gateway/ipv6: looking for the ipv6 default route", ""},
		"none yet":                 {gatewaysOf(), "", "gateway/ipv4: no ipv4 default route yet, gateway/ipv6: no ipv6 default route yet", ""},
		"one of each family":       {gatewaysOf("192.0.2.1", "2001:db8::1"), "gateway/ipv4/192.0.2.1 gateway/ipv6/2001:db8::1", "", ""},
		"two of each":              {gatewaysOf("192.0.2.1", "192.0.2.2", "fe80::1%eth0", "fe80::1%eth1"), "gateway/ipv4/192.0.2.1 gateway/ipv4/192.0.2.2 gateway/ipv6/fe80::1%eth0 gateway/ipv6/fe80::1%eth1", "", ""},
		"a peer of the file":       {gatewaysOf("192.0.2.9", "192.0.2.1", "2001:db8::1"), "gateway/ipv4/192.0.2.1 gateway/ipv6/2001:db8::1", "", "gateway/ipv4/192.0.2.9: its router already has a session as the peer 192.0.2.9 (peers[2])"},
		"on an unnumbered link":    {gatewaysOf("192.0.2.1", "fe80::1%eth7", "fe80::1%eth0"), "gateway/ipv4/192.0.2.1 gateway/ipv6/fe80::1%eth0", "", "gateway/ipv6/fe80::1%eth7: its router already has a session as the peer eth7 (peers[3])"},
		"the router ID":            {gatewaysOf("192.0.2.11", "2001:db8::1"), "gateway/ipv6/2001:db8::1", "gateway/ipv4/192.0.2.11: the default route leads to 192.0.2.11, which is this speaker's router ID (routerID)", ""},
		"a localAddress":           {gatewaysOf("192.0.2.12", "2001:db8::1"), "gateway/ipv6/2001:db8::1", "gateway/ipv4/192.0.2.12: the default route leads to 192.0.2.12, which is an address of this machine (peers[4].localAddress)", ""},
		"a VIP":                    {gatewaysOf("198.51.100.53", "2001:db8::1"), "gateway/ipv6/2001:db8::1", "gateway/ipv4/198.51.100.53: the default route leads to 198.51.100.53, which is a VIP of this speaker (vips[0])", ""},
		"in an aggregate":          {gatewaysOf("198.51.100.1", "2001:db8::1"), "gateway/ipv6/2001:db8::1", "gateway/ipv4/198.51.100.1: the default route leads to 198.51.100.1, which is in aggregate 198.51.100.0/24, and the aggregate would attract its traffic (aggregates[0])", ""},
		"one of two is its own":    {own, "gateway/ipv4/192.0.2.1", "gateway/ipv4/192.0.2.77: it is this machine's own address, gateway/ipv6: no ipv6 default route yet", ""},
	} {
		f := find(c, test.gateways)
		var peers, lacking []string
		for i := range f.peers {
			switch p := &f.peers[i]; {
			case p.Gateway == "":
			case p.Gateway == route.IPv4 && (p.ASN != 64500 || p.Group != "tor" || p.HoldTime != 3*time.Second) || p.Gateway == route.IPv6 && (p.ASN != 64501 || len(p.Families) != 2):
				t.Errorf("%s: %+v lacks settings of the file", name, p)
			default:
				peers = append(peers, p.Name())
			}
		}
		for _, st := range f.lacking {
			if lacking = append(lacking, st.Name()+": "+st.Problem); st.Reason == "" || st.ASN == 0 {
				t.Errorf("%s: %+v", name, st)
			}
		}
		if got := strings.Join(peers, " "); got != test.peers || len(f.peers) != len(peers)+3 {
			t.Errorf("%s: got peers %s of %d, want %s", name, got, len(f.peers), test.peers)
		}
		if got := strings.Join(lacking, ", "); got != test.lacking {
			t.Errorf("%s: got missing %s, want %s", name, got, test.lacking)
		}
		if got := strings.Join(f.notes, ", "); got != test.note {
			t.Errorf("%s: got notes %s, want %s", name, got, test.note)
		}
	}
	if !slices.ContainsFunc(c.Peers, func(p config.Peer) bool { return p.Carries(route.IPv6) }) {
		t.Error("a router that is not yet found carries routes")
	}
}

// fakeGateways has default routes that the test sets.
type fakeGateways chan map[route.Family]Gateway

func (f fakeGateways) Run(ctx context.Context, changed func(map[route.Family]Gateway)) {
	for {
		select {
		case <-ctx.Done():
			return
		case found := <-f:
			changed(found)
		}
	}
}

// TestTheSessionsFollowTheDefaultRoutes checks that the announcer has the routers that were found, that the
// status names the others, and that no Service is given the address of a router.
func TestTheSessionsFollowTheDefaultRoutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg, err := config.Parse([]byte(strings.Replace(racks, "aggregates:\n  - {prefix: 198.51.100.0/24}\n", "pools: [{cidrs: [192.0.2.128/25], namespaces: [media]}]\n", 1)))
		if err != nil {
			t.Fatal(err)
		}
		announcer, gateways := &fakeAnnouncer{t: t}, make(fakeGateways)
		s := newSpeaker(Options{Config: cfg, Announcer: announcer, Binder: announcer, Gateways: gateways, Log: discard})
		s.local = cluster.Declared{Services: []cluster.Service{{ServiceRef: vip.ServiceRef{Namespace: "media", Name: "thumbs"}, Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.129")}, Ports: []string{"tcp/80"}}}}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- s.run(ctx) }()
		want := func(peers, lacking string, refused int) {
			t.Helper()
			time.Sleep(time.Second)
			synctest.Wait()
			announcer.mu.Lock()
			var has, lacks []string
			for i := range announcer.peers {
				has = append(has, announcer.peers[i].Name())
			}
			announcer.mu.Unlock()
			st := s.Status()
			for _, p := range st.Peers {
				lacks = append(lacks, p.Name())
			}
			if fmt.Sprint(has) != peers || fmt.Sprint(lacks) != lacking || st.RefusedInAll != refused {
				t.Errorf("got announcer with %v, status without %v, %d refused; want %s, %s, %d", has, lacks, st.RefusedInAll, peers, lacking, refused)
			}
		}
		want("[192.0.2.9 eth7 192.0.2.8]", "[gateway/ipv4 gateway/ipv6]", 0)
		gateways <- gatewaysOf("192.0.2.129")
		want("[gateway/ipv4/192.0.2.129 192.0.2.9 eth7 192.0.2.8]", "[gateway/ipv6]", 1)
		gateways <- gatewaysOf("192.0.2.1", "192.0.2.2", "198.51.100.53", "fe80::1%eth0")
		want("[gateway/ipv4/192.0.2.1 gateway/ipv4/192.0.2.2 gateway/ipv6/fe80::1%eth0 192.0.2.9 eth7 192.0.2.8]", "[gateway/ipv4/198.51.100.53]", 0)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// TestAddingAGatewayToTheFileStartsAWatch checks that the default routes are followed from then on, and
// that a file without one leaves nothing of them.
func TestAddingAGatewayToTheFileStartsAWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		with, err := config.Parse([]byte(racks))
		if err != nil {
			t.Fatal(err)
		}
		without := *with
		without.Peers = with.Peers[2:]
		announcer, gateways := &fakeAnnouncer{t: t}, make(fakeGateways, 1)
		gateways <- gatewaysOf("192.0.2.1")
		s := newSpeaker(Options{Config: &without, Announcer: announcer, Binder: announcer, Gateways: gateways, Log: discard})
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- s.run(ctx) }()
		want := func(n int, lacking int, waits int) {
			t.Helper()
			time.Sleep(time.Second)
			synctest.Wait()
			announcer.mu.Lock()
			defer announcer.mu.Unlock()
			if len(announcer.peers) != n || len(*s.lacking.Load()) != lacking || len(gateways) != waits {
				t.Errorf("got %d peers, %d missing, %d routes not watched, want %d, %d, %d", len(announcer.peers), len(*s.lacking.Load()), len(gateways), n, lacking, waits)
			}
		}
		take := func(c *config.Config) {
			s.do(ctx, func() {
				if err := s.take(c); err != nil {
					t.Error(err)
				}
			})
		}
		want(3, 0, 1)
		take(with)
		want(4, 1, 0) // the router of IPv4, and none of IPv6
		take(&without)
		want(3, 0, 0)
		take(with)
		want(4, 1, 0)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// TestASessionIsListedOnceInTheStatus checks it while one that ends is lacking already.
func TestASessionIsListedOnceInTheStatus(t *testing.T) {
	sessions := []session.Status{{Address: "192.0.2.9"}, {Gateway: route.IPv4, Address: "192.0.2.1", State: "established"}}
	all := withLacking(sessions, []session.Status{{Gateway: route.IPv4, Address: "192.0.2.1"}, {Gateway: route.IPv6}})
	names := slices.Collect(func(yield func(string) bool) {
		for _, p := range all {
			if !yield(cmp.Or(p.State, "-") + " " + p.Name()) {
				return
			}
		}
	})
	if fmt.Sprint(names) != "[- 192.0.2.9 established gateway/ipv4/192.0.2.1 - gateway/ipv6]" {
		t.Error(names)
	}
}

// TestRoutesForAGatewayGoToAllOfItsRouters checks that lists of peers name a gateway, whatever routers it
// leads to.
func TestRoutesForAGatewayGoToAllOfItsRouters(t *testing.T) {
	c, err := config.Parse([]byte(strings.Replace(racks, "  - address: 198.51.100.53\n", "  - address: 198.51.100.53\n    peers: [gateway/ipv4, 192.0.2.9]\n", 1)))
	if err != nil {
		t.Fatal(err)
	}
	names := config.NewAudience(c.Peers).Of(c.VIPs[0].Peers)
	if fmt.Sprint(names) != "[192.0.2.9 gateway/ipv4]" {
		t.Errorf("got a route for %v", names)
	}
	f := find(c, gatewaysOf("192.0.2.1", "192.0.2.2", "2001:db8::1"))
	for i, want := range []bool{true, true, false, true, false, false} {
		if p := &f.peers[i]; slices.Contains(names, p.Entry()) != want || p.Named(names) != want {
			t.Errorf("%s: want %v", p.Name(), want)
		}
	}
}

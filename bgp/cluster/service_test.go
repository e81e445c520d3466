package cluster

import (
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nearcast/nearcast/bgp/config"
	"github.com/nearcast/nearcast/bgp/route"
	"github.com/nearcast/nearcast/bgp/vip"
	"github.com/nearcast/nearcast/internal/federation"
)

// poolOf returns a configuration with a DNS VIP and one pool for the namespaces.
func poolOf(namespaces ...string) *config.Config {
	return &config.Config{
		Peers: []config.Peer{{Families: []route.Family{route.IPv4, route.IPv6}}},
		VIPs:  []config.VIP{{Address: netip.MustParseAddr("198.51.100.53")}},
		Pools: []config.Pool{{CIDRs: []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("2001:db8::/64")}, Namespaces: namespaces}},
	}
}

// serviceOf returns a Service of namespace media with one ready endpoint on this node.
func serviceOf(name string, age int, change func(*Service), addresses ...string) Service {
	s := Service{
		ServiceRef: vip.ServiceRef{Namespace: "media", Name: name}, Created: time.Unix(int64(age), 0), Ports: []string{"tcp/80"},
		Endpoints: []Endpoint{{Addr: netip.MustParseAddrPort("10.0.0.1:8080"), Ready: true, Here: true}},
		Probe:     federation.Target{Kind: federation.ProbeTCP},
	}
	for _, a := range addresses {
		s.Addresses = append(s.Addresses, netip.MustParseAddr(a))
	}
	if change != nil {
		change(&s)
	}
	return s
}

// ofIoT moves a Service to another namespace, with a port of its own and no endpoint.
func ofIoT(s *Service) { s.Namespace, s.Ports, s.Endpoints = "iot", []string{"tcp/81"}, nil }

func TestAServiceGetsOnlyAddressesThatAPoolPermits(t *testing.T) {
	for name, c := range map[string]struct {
		config   *config.Config
		services []Service
		vips     string // of Services
		refused  string
	}{
		"in a pool, both families":   {poolOf("media"), []Service{serviceOf("a", 1, nil, "198.51.100.80", "2001:db8::80")}, "198.51.100.80=media/a 2001:db8::80=media/a", ""},
		"any namespace":              {poolOf("*"), []Service{serviceOf("a", 1, nil, "198.51.100.80")}, "198.51.100.80=media/a", ""},
		"another namespace's pool":   {poolOf("iot"), []Service{serviceOf("a", 1, nil, "198.51.100.80")}, "", "media/a: 198.51.100.80: is not in any pool of namespace media"},
		"outside the pool":           {poolOf("media"), []Service{serviceOf("a", 1, nil, "203.0.113.80", "198.51.100.80")}, "198.51.100.80=media/a", "media/a: 203.0.113.80: is not in any pool"},
		"an address of the resolver": {poolOf("media"), []Service{serviceOf("a", 1, nil, "198.51.100.53")}, "", "is a VIP of the speaker's configuration"},
		"a family without a peer": {func() *config.Config {
			c := poolOf("media")
			c.Peers[0].Families = []route.Family{route.IPv4}
			return c
		}(),
			[]Service{serviceOf("a", 1, nil, "2001:db8::80")}, "", "is sent to no peer: no peer carries ipv6"},
		"shared by two ports": {poolOf("media"), []Service{serviceOf("b", 2, func(s *Service) { s.Ports = []string{"tcp/443"} }, "198.51.100.80"), serviceOf("a", 1, nil, "198.51.100.80")},
			"198.51.100.80=media/a,media/b", ""},
		"claimed twice: the older Service gets it": {poolOf("media"), []Service{serviceOf("a", 2, nil, "198.51.100.80"), serviceOf("b", 1, nil, "198.51.100.80")},
			"198.51.100.80=media/b", "media/a: 198.51.100.80: belongs to Service media/b, which also has port tcp/80"},
		"claimed twice at the same time: by name": {poolOf("media"), []Service{serviceOf("b", 1, nil, "198.51.100.80"), serviceOf("a", 1, nil, "198.51.100.80")},
			"198.51.100.80=media/a", "media/b: 198.51.100.80: belongs to Service media/a"},
		"claimed by an older Service of another namespace": {poolOf("media", "iot"), []Service{serviceOf("a", 2, nil, "198.51.100.80"), serviceOf("b", 1, ofIoT, "198.51.100.80")},
			"198.51.100.80=iot/b", "media/a: 198.51.100.80: belongs to Service iot/b of another namespace"},
		"claimed by another namespace with a known age": {poolOf("*"), []Service{serviceOf("a", 0, func(s *Service) { s.Created = time.Time{} }, "198.51.100.80"), serviceOf("b", 9, ofIoT, "198.51.100.80")},
			"198.51.100.80=iot/b", "media/a: 198.51.100.80: belongs to Service iot/b"},
		"claimed by another namespace at the same time: by name": {poolOf("*"), []Service{serviceOf("a", 1, nil, "198.51.100.80"), serviceOf("b", 1, ofIoT, "198.51.100.80")},
			"198.51.100.80=iot/b", "media/a: 198.51.100.80: belongs to Service iot/b"},
		"shared, except with another namespace": {poolOf("*"), []Service{serviceOf("a", 1, nil, "198.51.100.80"), serviceOf("b", 2, ofIoT, "198.51.100.80"), serviceOf("c", 3, func(s *Service) { s.Ports = []string{"tcp/443"} }, "198.51.100.80")},
			"198.51.100.80=media/a,media/c", "iot/b: 198.51.100.80: belongs to Service media/a"},
		"older, but in no pool": {poolOf("media"), []Service{serviceOf("a", 2, nil, "198.51.100.80"), serviceOf("b", 1, ofIoT, "198.51.100.80")},
			"198.51.100.80=media/a", "iot/b: 198.51.100.80: is not in any pool of namespace iot"},
		"an address of a router": {func() *config.Config {
			c := poolOf("media")
			c.Peers[0].Address = netip.MustParseAddr("198.51.100.1")
			return c
		}(),
			[]Service{serviceOf("a", 1, nil, "198.51.100.1")}, "", "is an address of a peer"},
		"the site's address towards a router": {func() *config.Config {
			c := poolOf("media")
			c.Peers[0].NextHop = netip.MustParseAddr("2001:db8::1")
			return c
		}(), []Service{serviceOf("a", 1, nil, "2001:db8::1")}, "", "is an address of a peer"},
		"owners that disagree": {poolOf("media"), []Service{serviceOf("a", 1, nil, "198.51.100.80"), serviceOf("b", 2, func(s *Service) { s.Ports, s.Local = nil, true }, "198.51.100.80")},
			"198.51.100.80=media/a", "whose externalTrafficPolicy differs"},
	} {
		vips, refused := Assign(c.config, c.services)
		var got []string
		for _, v := range vips[len(c.config.VIPs):] {
			got = append(got, fmt.Sprintf("%s=%s", v.Address, strings.ReplaceAll(strings.Trim(fmt.Sprint(v.Owners), "[]"), " ", ",")))
		}
		if text := strings.Join(got, " "); text != c.vips {
			t.Errorf("%s: got %q, want %q", name, text, c.vips)
		}
		if text := fmt.Sprint(refused); c.refused == "" && len(refused) > 0 || !strings.Contains(text, c.refused) {
			t.Errorf("%s: refused %s, want %q", name, text, c.refused)
		}
	}
}

func TestTheYoungestServicesBeyondANamespacesLimitAreRefused(t *testing.T) {
	first := netip.MustParseAddr("2001:db8::1000")
	var services []Service
	for i, a := 0, first; i < maxAddresses+2; i, a = i+1, a.Next() {
		services = append(services, serviceOf(fmt.Sprintf("s%d", i), i+1, nil, a.String()))
	}
	shares := serviceOf("shares", 1000, func(s *Service) { s.Ports = []string{"tcp/443"} }, first.String())
	others := serviceOf("others", 1000, ofIoT, "198.51.100.80")
	vips, refused := Assign(poolOf("*"), append(services, shares, others))
	if len(vips) != 1+maxAddresses+1 || len(refused) != 3 {
		t.Fatalf("%d VIPs, refused %v", len(vips), refused)
	}
	if r := refused[2]; r.Service.Name != "shares" || !strings.Contains(r.Reason, "namespace media has 256 addresses") {
		t.Errorf("%v: a Service that shares an address must be checked as well", r)
	}
	for i, r := range refused[:2] {
		if r.Service.Name != fmt.Sprintf("s%d", maxAddresses+i) || !strings.Contains(r.Reason, "namespace media has 256 addresses") {
			t.Errorf("%v", r)
		}
	}
}

func TestRefusalsOfOneNamespaceHideNoOthers(t *testing.T) {
	var refused []Refusal
	for i := range 1000 {
		refused = append(refused, Refusal{Service: vip.ServiceRef{Namespace: "evil", Name: fmt.Sprintf("s%d", i)}, Reason: "x"})
	}
	refused = append(refused, Refusal{Service: vip.ServiceRef{Namespace: "media", Name: "a"}, Reason: "y"})
	few := FewOfEach(refused)
	if len(few) != maxRefusals+2 || few[maxRefusals].Service.Namespace != "media" || few[maxRefusals+1].String() != "Service evil/*: and 984 more of this namespace" {
		t.Errorf("%v", few)
	}
}

// TestTerminatingEndpointsAreCheckedIfNoneIsReady: a VIP that drains for them is served by
// them until then, and a check without endpoints would end its dwell.
func TestTerminatingEndpointsAreCheckedIfNoneIsReady(t *testing.T) {
	const a, b, c = "10.0.0.1:80 ", "10.0.0.2:80 ", "10.0.0.3:80 "
	endpoint := func(addr string, ready, terminating, here bool) Endpoint {
		return Endpoint{Addr: netip.MustParseAddrPort(strings.TrimSpace(addr)), Ready: ready, Terminating: terminating, Here: here}
	}
	for name, one := range map[string]struct {
		local     bool
		endpoints []Endpoint
		want      string
	}{
		"one is ready": {false, []Endpoint{endpoint(a, false, true, true), endpoint(b, true, false, false)}, b},
		"none is":      {false, []Endpoint{endpoint(a, false, true, true), endpoint(b, false, true, false), endpoint(c, false, false, true)}, a + b},
		"none is here": {true, []Endpoint{endpoint(a, false, true, true), endpoint(b, true, false, false)}, a},
		"those here are neither serving nor terminating": {true, []Endpoint{endpoint(a, false, false, true), endpoint(b, false, true, false)}, ""},
	} {
		s := serviceOf("x", 1, func(s *Service) { s.Local, s.Endpoints = one.local, one.endpoints })
		got := ""
		for _, addr := range s.checks()[0].Endpoints.Addrs {
			got += addr.String() + " "
		}
		if got != one.want {
			t.Errorf("%s: got checked %s, want %s", name, got, one.want)
		}
	}
}

func TestAServiceIsBackedAccordingToItsTrafficPolicy(t *testing.T) {
	endpoint := func(ready, terminating, here bool) Endpoint {
		return Endpoint{Addr: netip.MustParseAddrPort("10.0.0.1:80"), Ready: ready, Terminating: terminating, Here: here}
	}
	for _, c := range []struct {
		name      string
		endpoints []Endpoint
		cluster   vip.BackingState
		local     vip.BackingState
	}{
		{"none", nil, vip.Unbacked, vip.Unbacked},
		{"ready here", []Endpoint{endpoint(true, false, true)}, vip.Backed, vip.Backed},
		{"ready elsewhere", []Endpoint{endpoint(true, false, false)}, vip.Backed, vip.Unbacked},
		{"not ready", []Endpoint{endpoint(false, false, true)}, vip.Unbacked, vip.Unbacked},
		{"terminating here", []Endpoint{endpoint(false, true, true)}, vip.Ending, vip.Ending},
		{"terminating elsewhere", []Endpoint{endpoint(false, true, false)}, vip.Ending, vip.Unbacked},
		{"terminating here, ready elsewhere", []Endpoint{endpoint(false, true, true), endpoint(true, false, false)}, vip.Backed, vip.Ending},
	} {
		for _, local := range []bool{false, true} {
			want := c.cluster
			if local {
				want = c.local
			}
			s := serviceOf("a", 1, func(s *Service) { s.Endpoints, s.Local = c.endpoints, local })
			if got := s.backing(netip.Addr{}); got.State != want || (got.Reason == "") != (want == vip.Backed) {
				t.Errorf("%s, local %v: got %+v, want %d", c.name, local, got, want)
			}
		}
	}
}

// TestAServiceIsBackedIfTheDataPathAcceptsItsAddress and where it has endpoints.
func TestAServiceIsBackedIfTheDataPathAcceptsItsAddress(t *testing.T) {
	s := serviceOf("a", 1, func(s *Service) { s.Untaken = []netip.Addr{netip.MustParseAddr("198.51.100.81")} }, "198.51.100.80", "198.51.100.81")
	vips, _ := Assign(poolOf("media"), []Service{s})
	if got := vips[1].Backing; got.State != vip.Backed {
		t.Errorf("%s: %+v", vips[1].Address, got)
	}
	if got := vips[2].Backing; got.State != vip.Untaken || !strings.Contains(got.Reason, "media/a has it neither in status.loadBalancer") {
		t.Errorf("%s: %+v", vips[2].Address, got)
	}
}

// TestASharedVIPRequiresAllItsServices: the traffic of one without endpoints must not
// be attracted by the other.
func TestASharedVIPRequiresAllItsServices(t *testing.T) {
	empty := func(s *Service) { s.Ports, s.Endpoints = []string{"tcp/443"}, nil }
	vips, _ := Assign(poolOf("media"), []Service{serviceOf("a", 1, nil, "198.51.100.80"), serviceOf("b", 2, empty, "198.51.100.80")})
	if v := vips[1]; v.Backing.State != vip.Unbacked || !strings.Contains(v.Backing.Reason, "media/b") || len(v.Checks) != 2 {
		t.Errorf("%+v", v)
	}
}

// TestAServiceKeepsItsCheckWhenItsEndpointsChange: it must not start from scratch and
// be withdrawn meanwhile.
func TestAServiceKeepsItsCheckWhenItsEndpointsChange(t *testing.T) {
	before := serviceOf("a", 1, nil, "198.51.100.80")
	after := serviceOf("a", 1, func(s *Service) {
		s.Endpoints = append(s.Endpoints, Endpoint{Addr: netip.MustParseAddrPort("10.0.0.2:8080"), Ready: true})
	}, "198.51.100.80")
	if a, b := before.checks()[0], after.checks()[0]; a.ID() != b.ID() || len(b.Endpoints.Addrs) != 2 {
		t.Errorf("%s\n%s", a.ID(), b.ID())
	}
	if local := serviceOf("a", 1, func(s *Service) { s.Local = true; s.Endpoints = after.Endpoints }); len(local.checks()[0].Endpoints.Addrs) != 1 {
		t.Error("an endpoint elsewhere is probed under externalTrafficPolicy Local")
	}
}

// TestServicesGetThePeersAndAttributesOfTheirPool checks it up to the routes.
func TestServicesGetThePeersAndAttributesOfTheirPool(t *testing.T) {
	chosen, err := os.ReadFile("../config/testdata/chosen.yaml")
	if err != nil {
		t.Fatal(err)
	}
	c, err := config.Parse(chosen)
	if err != nil {
		t.Fatal(err)
	}
	vips, refused := Assign(c, []Service{
		serviceOf("dash", 1, nil, "203.0.113.65", "2001:db8:53:1::1", "198.51.100.9"),
	})
	if len(refused) != 1 || refused[0].Reason != "is not in any pool of namespace media" {
		t.Errorf("%v", refused)
	}
	got := 0
	for _, v := range vips {
		if len(v.Owners) > 0 {
			got++
			if !slices.Equal(v.Peers, []string{"rr"}) || *v.Attributes.MED != 5 {
				t.Errorf("%+v", v)
			}
		}
	}
	if got != 2 {
		t.Errorf("got %d VIPs", got)
	}
	limited := strings.Replace(string(chosen), "group: rr,", `group: rr, vips: [203.0.113.64/27, "2001:db8:53::/48"],`, 1)
	if c, err = config.Parse([]byte(limited)); err != nil {
		t.Fatal(err)
	}
	_, refused = Assign(c, []Service{serviceOf("dash", 1, nil, "203.0.113.65", "203.0.113.120")})
	if len(refused) != 1 || refused[0].Reason != "is sent to no peer: no peer of rr accepts it: no peer that carries ipv4 has it in its vips" {
		t.Errorf("%v", refused)
	}
}

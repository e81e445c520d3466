package interop

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestExtendedCommunitiesArriveAsConfigured has each router print what it received, over eBGP.
// BIRD shows every octet; the link bandwidth is in bytes per second, as an IEEE 754 number (RFC 10005).
func TestExtendedCommunitiesArriveAsConfigured(t *testing.T) {
	const states = `states: {up: {communities: ["rt:64500:100", "rt:4200000000:200", "rt:192.0.2.1:300", "soo:64500:400", "color:500", 0x030bc00000000001, 0x030c000000000008, 0x4300000000000001, 0x4302fbf400000064], linkBandwidth: 10G}}`
	printed := map[string][]string{
		"FRR":  {"RT:64500:100", "RT:4200000000:200", "RT:192.0.2.1:300", "SoO:64500:400", "ET:8", "OVS:not-found", "LB:64511:1250000000 (10.000 Gbps)"},
		"BIRD": {"(rt, 64500, 100) (rt, 4200000000, 200) (rt, 192.0.2.1, 300) (ro, 64500, 400) (generic, 0x30b0000, 0x1f4) (generic, 0x30bc000, 0x1) (generic, 0x30c0000, 0x8) (generic, 0x43000000, 0x1) (generic, 0x4302fbf4, 0x64) (unknown 0x4004, 64511, 1318388473)"},
	}
	for _, b := range brands {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			l, r := newLAN(t)
			one := siteAddresses(1)
			router := b.start(r, b.config(one.neighbours()...))
			next := map[string]string{vip4: one.v4, vip6: one.v6}
			watched := map[string]*routes{vip4: watch(r, prefix(vip4)), vip6: watch(r, prefix(vip6))}
			start := time.Now()
			l.site(1, strings.Replace(config(1, hold3.keys, vip4, vip6), noDwell, states, 1))
			for vip, address := range next {
				watched[vip].becomes(start, comeback, address)
				best, err := router.best(prefix(vip))
				for _, want := range printed[b.name] {
					if err != nil || !strings.Contains(best.extended, want) {
						t.Errorf("%s: got %+v, %v, want %s", vip, best, err, want)
					}
				}
			}
		})
	}
}

// TestSitesShareTheLoadByTheirLinkBandwidth reads the weights in the kernel of a router that knows
// weighted ECMP: 10G and 30G are 1 to 3, a site without one makes all alike, and so does a change of
// the file, of which no session notices. One site has an AS of 32 bits, which the community has no room for.
func TestSitesShareTheLoadByTheirLinkBandwidth(t *testing.T) {
	const (
		states    = "states: {up: {linkBandwidth: %s}}"
		oneOfFour = " weight 24" // of a hundred, rounded down: 30G is a little more in IEEE 754
	)
	for name, asns := range map[string][2]int{"eBGP": {64511, 4200000002}, "iBGP": {routerASN, routerASN}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, r := newLAN(t)
			text := func(number int, states string) string {
				own, actual := fmt.Sprintf("asn: %d\n", siteAddresses(number).asn), fmt.Sprintf("asn: %d\n", asns[number-1])
				return strings.NewReplacer(own, actual, noDwell, states).Replace(config(number, hold3.keys, vip4, vip6))
			}
			start := time.Now()
			var sites []*site
			var neighbours []neighbour
			for i, bandwidth := range []string{"10G", "30G"} {
				s := l.site(i+1, text(i+1, fmt.Sprintf(states, bandwidth)))
				sites = append(sites, s)
				neighbours = append(neighbours, neighbour{address: s.v4, asn: asns[i]}, neighbour{address: s.v6, asn: asns[i]})
			}
			router := startFRR(r, frrConfig(neighbours...))
			four, six := watch(r, prefix(vip4)), watch(r, prefix(vip6))
			shares := func(start time.Time, one, two string) {
				t.Helper()
				four.becomes(start, comeback, sites[0].v4+one, sites[1].v4+two)
				six.becomes(start, comeback, sites[0].v6+one, sites[1].v6+two)
			}
			shares(start, oneOfFour, " weight 75")
			before := established(r, router, sites[1].v4)
			for _, step := range []struct{ states, one, two string }{
				{fmt.Sprintf(states, "10G"), " weight 50", " weight 50"},
				{fmt.Sprintf(states, "2500M"), " weight 80", " weight 20"},
				{noDwell, "", ""},
				{fmt.Sprintf(states, "30G"), oneOfFour, " weight 75"},
			} {
				start := time.Now()
				sites[1].speaker.rewrite(text(2, step.states))
				shares(start, step.one, step.two)
			}
			start = time.Now() // at the VIPs themselves, in the place of the state's
			sites[1].speaker.rewrite(strings.ReplaceAll(text(2, fmt.Sprintf(states, "30G")), "    checks:", "    attributes: {linkBandwidth: 2500M}\n    checks:"))
			shares(start, " weight 80", " weight 20")
			if after := established(r, router, sites[1].v4); !before.same(after) {
				t.Errorf("the session was reset: %+v, then %+v", before, after)
			}
		})
	}
}

// TestBIRDSharesTheLoadByTheWeightOfItsFilters holds what router-config says for a router that does
// not weigh by link bandwidth.
func TestBIRDSharesTheLoadByTheWeightOfItsFilters(t *testing.T) {
	l, r := newLAN(t)
	start := time.Now()
	var neighbours []neighbour
	for number := 1; number <= 2; number++ {
		s := l.site(number, strings.Replace(config(number, hold3.keys, vip4), noDwell, "states: {up: {linkBandwidth: 10G}}", 1))
		neighbours = append(neighbours, neighbour{address: s.v4, asn: s.asn})
	}
	text := birdConfig(neighbours...)
	for _, weight := range []int{1, 3} {
		text = strings.Replace(text, "import all;", fmt.Sprintf("import filter { weight = %d; accept; };", weight), 1)
	}
	startBIRD(r, text)
	watch(r, prefix(vip4)).becomes(start, comeback, neighbours[0].address, neighbours[1].address+" weight 3")
}

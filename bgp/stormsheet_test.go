package bgp

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/nearcast/nearcast/bgp/cluster"
	"github.com/nearcast/nearcast/bgp/vip"
	"github.com/nearcast/nearcast/internal/federation"
)

var (
	// shared80 is wanted by Services of two namespaces, and at times by the file.
	shared80 = netip.MustParseAddr("198.51.100.80")
	shared81 = netip.MustParseAddr("198.51.100.81")
	allVIPs  = []netip.Addr{bound4, given, passed, bound6, shared80, shared81}
	ofFile   = allVIPs[:5]
)

// ownPort and the number of a site is where its resolver answers at a VIP itself.
const ownPort = 5300

// sheet is what the file of a site says.
type sheet struct {
	entries    map[netip.Addr]entry
	peers      int
	dwell      time.Duration
	linger     time.Duration
	inside     bool // up carries no-export
	hold       int
	budget     int
	aggregates [2]aggregated
	fault      string // a line that no file may have
}

// entry is what it says of a VIP.
type entry struct {
	disabled, hints, upstream bool
	local                     []netip.AddrPort
	rise, fall                int
}

// aggregated is an aggregate; its zero value is none.
type aggregated struct {
	is, hosts bool
	least     int
}

var prefixes = [2]netip.Prefix{netip.MustParsePrefix("198.51.100.52/30"), netip.MustParsePrefix("2001:db8:53::/48")}

func (s sheet) clone() sheet {
	s.entries = maps.Clone(s.entries)
	return s
}

// hosts reports whether the address is announced by a route of its own.
func (s sheet) hosts(a netip.Addr) bool {
	for i, g := range s.aggregates {
		if g.is && prefixes[i].Contains(a) {
			return g.hosts
		}
	}
	return true
}

// text is the file.
func (s sheet) text(n *station) string {
	var b strings.Builder
	fmt.Fprintf(&b, "asn: 64512\nrouterID: 192.0.2.%d\nstate: %q\nstartupHold: %d\nflaps: {budget: %d, window: %s}\npeers:\n", 11+n.number, n.state(), s.hold, s.budget, flapWindow)
	for i := range s.peers {
		fmt.Fprintf(&b, "- {address: 192.0.2.%d, asn: 64500, families: [ipv4, ipv6], nextHop: \"2001:db8::11\"}\n", 1+i)
	}
	up, dwells := "", fmt.Sprintf("dwell: %s, linger: %s", s.dwell, s.linger)
	if s.inside {
		up = "communities: [no-export, \"64500:1\"]"
	}
	fmt.Fprintf(&b, "states: {up: {%s}, draining: {%s}}\npools: [{cidrs: [198.51.100.80/28], namespaces: [media, iot]}]\n", up, dwells)
	if slices.ContainsFunc(s.aggregates[:], func(g aggregated) bool { return g.is }) {
		b.WriteString("aggregates:\n")
	}
	for i, g := range s.aggregates {
		if g.is {
			fmt.Fprintf(&b, "- {prefix: %q, hostRoutes: %v, least: %d}\n", prefixes[i], g.hosts, g.least)
		}
	}
	if len(s.entries) > 0 {
		b.WriteString("vips:\n")
	}
	for _, a := range ofFile {
		if e, is := s.entries[a]; is {
			fmt.Fprintf(&b, "- {address: %q, %sdisabled: %v, hints: %v, checks: [%s]}\n", a, ways[a], e.disabled, e.hints, e.checks())
		}
	}
	return b.String() + s.fault
}

// ways is how the machine comes to the addresses.
var ways = map[netip.Addr]string{bound4: "bind: lo, ", bound6: "bind: lo, ", passed: "forwarded: true, ", shared80: "forwarded: true, "}

func (e entry) checks() string {
	var all []string
	for _, at := range e.local {
		all = append(all, fmt.Sprintf("{tcp: {address: %q}, rise: %d, fall: %d, interval: 2s, fastInterval: 250ms}", at, e.rise, e.fall))
	}
	if e.upstream {
		all = append(all, fmt.Sprintf("{tcp: {address: %q}, scope: upstream, rise: 2, fall: 2, interval: 2s, fastInterval: 250ms}", sharedUpstream))
	}
	return strings.Join(all, ", ")
}

// flapWindow ends in the middle of a step, in which whatever may have failed has failed by then.
const flapWindow = 4*calmTime + 14*time.Second

func firstSheet(w *storm, site int) sheet {
	s := sheet{
		entries: map[netip.Addr]entry{}, peers: 1 + w.n("peers", 1), inside: w.coin("inside"), hold: 1 + w.n("hold", 2), budget: []int{1, 2, 1000}[w.n("budget", 2)],
	}
	s.dwell, s.linger = drawDwells(w)
	for _, a := range ofFile[:4] {
		s.entries[a] = drawEntry(w, a, site)
	}
	s.change(w, site)
	return s
}

func drawDwells(w *storm) (dwell, linger time.Duration) {
	return time.Duration(w.n("dwell", 2)) * 1500 * time.Millisecond, time.Duration(w.n("linger", 2)) * time.Second
}

func drawEntry(w *storm, a netip.Addr, site int) entry {
	e := entry{disabled: w.n("disabled", 7) == 0, hints: w.coin("hints"), upstream: w.coin("upstream"), rise: 1 + w.n("rise", 2), fall: 1 + w.n("fall", 1)}
	if which := w.n("checks", 2); which != 1 {
		e.local = append(e.local, backend(site, 0))
	} else {
		e.local = append(e.local, netip.AddrPortFrom(a, uint16(ownPort+site)))
	}
	if w.n("another", 3) == 0 {
		e.local = append(e.local, backend(site, 1))
	}
	return e
}

// backend is one of the site's own.
func backend(site, which int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(101 + site)}), uint16(53+which))
}

// change changes one or two things that the file says.
func (s *sheet) change(w *storm, site int) {
	a := ofFile[w.n("which", len(ofFile)-1)]
	switch w.n("change", 8) {
	case 0:
		delete(s.entries, a)
	case 1:
		s.peers = 3 - s.peers
	case 2:
		s.inside = !s.inside
	case 3:
		s.budget = []int{1, 2, 1000}[w.n("budget", 2)]
	case 4, 5:
		s.aggregates[w.n("aggregate", 1)] = aggregated{is: w.n("is", 3) > 0, hosts: w.coin("hosts"), least: w.n("least", 3)}
	case 6:
		s.dwell, s.linger = drawDwells(w)
	default:
		s.entries[a] = drawEntry(w, a, site)
	}
}

// service is one of the cluster's Services.
type service struct {
	is, untaken, probed bool
	endpoints           string // ready, terminating or none
}

// Who wants what, the oldest first.
var (
	refs     = [3]vip.ServiceRef{{Namespace: "media", Name: "a"}, {Namespace: "iot", Name: "b"}, {Namespace: "media", Name: "c"}}
	wantedBy = [3][]netip.Addr{{shared80}, {shared80, shared81}, {shared81}}
)

func drawServices(w *storm) (all [3]service) {
	for i := range all {
		all[i] = drawService(w)
	}
	return all
}

func drawService(w *storm) service {
	return service{is: w.n("is", 3) > 0, untaken: w.n("untaken", 7) == 0, probed: w.coin("probed"), endpoints: []string{"ready", "ready", "terminating", "none"}[w.n("endpoints", 3)]}
}

func (n *station) endpoint(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(n.number), byte(1 + i)}), 8080)
}

// declared are the Services as package kube reports them.
func (n *station) declared() (all []cluster.Service) {
	for i, s := range n.services {
		if !s.is {
			continue
		}
		one := cluster.Service{ServiceRef: refs[i], Created: time.Unix(int64(1+i), 0), Addresses: wantedBy[i], Ports: []string{fmt.Sprintf("tcp/%d", 80+i)}, Probe: federation.Target{Kind: federation.ProbeNone}}
		if s.probed {
			one.Probe.Kind = federation.ProbeTCP
		}
		if s.untaken {
			one.Untaken = one.Addresses
		}
		if s.endpoints != "none" {
			one.Endpoints = []cluster.Endpoint{{Addr: n.endpoint(i), Ready: s.endpoints == "ready", Terminating: s.endpoints != "ready", Here: true}}
		}
		all = append(all, one)
	}
	return all
}

package interop

import (
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"
)

// The VIPs of a function, beside those of the name server.
const (
	function4 = "198.51.100.80"
	function6 = "2001:db8:53::80"
)

// everyVIP is site 1 with one session for both families. The function is checked
// over HTTP at one of its VIPs, and for a connection at the other.
var everyVIP = fmt.Sprintf(`asn: 64511
routerID: 192.0.2.11
%s
peers:
  - {address: %s, asn: %d, holdTime: 3s, families: [ipv4, ipv6], nextHop: "2001:db8::11"}
vips:
  - {address: %s, checks: [{dns: {server: "%[4]s:53", name: %s}, %[6]s}]}
  - {address: "%[7]s", checks: [{dns: {server: "[%[7]s]:53", name: %[5]s}, %[6]s}]}
  - {address: %[8]s, checks: [{http: {url: "http://%[8]s:8080/healthz"}, %[6]s}]}
  - {address: "%[9]s", checks: [{tcp: {address: "[%[9]s]:8080"}, %[6]s}]}
`, noDwell, routerID, routerASN, vip4, zone, "rise: 2, fall: 2, interval: 200ms", vip6, function4, function6)

// TestAVIPIsWithdrawnOnlyWithItsOwnBackend breaks the function and the name server, one
// after the other: only the VIPs of what is broken go, and the session stays.
func TestAVIPIsWithdrawnOnlyWithItsOwnBackend(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: -short: it takes too long")
	}
	for _, b := range brands {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			p := newPeering(t, b, one(func(n *neighbour) { n.families = []string{"ipv4", "ipv6"} }), everyVIP)
			s := siteAddresses(1)
			hops := map[string]string{vip4: s.v4, vip6: s.v6, function4: s.v4, function6: s.v6}
			watched := map[string]*routes{}
			for vip := range hops {
				watched[vip] = watch(p.node, prefix(vip))
			}
			p.site.node.address("lo", prefix(function4), prefix(function6))
			f := p.site.node.function(function4, function6)
			// want waits until some VIPs are announced or not, and checks that the others are as
			// they were.
			want := func(start time.Time, there bool, vips ...string) {
				t.Helper()
				for _, vip := range vips {
					var hop []string
					if there {
						hop = []string{hops[vip]}
					}
					watched[vip].becomes(start, slack, hop...)
				}
				for vip, w := range watched {
					if changes := w.since(start); len(changes) != 1 != (vip == vips[0] || vip == vips[1]) {
						t.Errorf("%s: %v, while %v change", vip, changes, vips)
					}
				}
			}
			before := established(p.node, p.router, s.v4)
			for vip := range hops {
				watched[vip].becomes(time.Now(), comeback, hops[vip])
			}
			start := time.Now()
			f.fail()
			want(start, false, function4, function6)
			start = time.Now()
			p.site.backend.sick.Store(true)
			want(start, false, vip4, vip6)
			start = time.Now()
			f.repair()
			want(start, true, function4, function6)
			start = time.Now()
			p.site.backend.sick.Store(false)
			want(start, true, vip4, vip6)
			if after := established(p.node, p.router, s.v4); !after.same(before) {
				t.Errorf("the session changed: got %+v, was %+v", after, before)
			}
		})
	}
}

// function is a server behind its own VIPs: HTTP at one, any protocol at the
// other.
type function struct {
	node   *node
	sick   atomic.Bool // answers 503
	other  string
	closed func() error // refuses connections at the other
}

// function serves at the addresses.
func (n *node) function(web, other string) *function {
	n.t.Helper()
	f := &function{node: n, other: other}
	go http.Serve(n.listen(web), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if f.sick.Load() {
			http.Error(w, "sick", http.StatusServiceUnavailable)
		}
	})) // it ends with its listener
	f.repair()
	return f
}

func (f *function) fail() {
	f.sick.Store(true)
	f.closed() // an error says that it is
}

func (f *function) repair() {
	f.node.t.Helper()
	f.sick.Store(false)
	// The kernel takes the connections.
	f.closed = f.node.listen(f.other).Close
}

// listen opens port 8080 of an address until the test ends.
func (n *node) listen(address string) (listener net.Listener) {
	n.t.Helper()
	err := n.Do(func() (err error) {
		listener, err = net.Listen("tcp", net.JoinHostPort(address, "8080"))
		return err
	})
	if err != nil {
		n.t.Fatalf("%s: %v", n.name, err)
	}
	n.t.Cleanup(func() { listener.Close() })
	return listener
}

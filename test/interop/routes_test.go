package interop

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
)

// look is how often the kernel's table is read. Its notices would be sooner, but
// it gives none for the routes that it removes with a link's carrier.
const look = 5 * time.Millisecond

// routes records what becomes of one route in a node's kernel: the truth by which
// packets go.
type routes struct {
	t      *testing.T
	prefix string

	mu      sync.Mutex
	changes []change
}

// change is what the route is from that time on: its next hops, sorted and
// separated by spaces; "" while there is no route.
type change struct {
	at   time.Time
	hops string
}

// watch records the route to a prefix until the test ends.
func watch(n *node, prefix string) *routes {
	n.t.Helper()
	_, dst, err := net.ParseCIDR(prefix)
	if err != nil {
		n.t.Fatal(err)
	}
	handle, err := netlink.NewHandleAt(n.handle)
	if err != nil {
		n.t.Fatalf("%s: %v", n.name, err)
	}
	r := &routes{t: n.t, prefix: prefix, changes: []change{{at: time.Now()}}}
	done, ended := make(chan struct{}), make(chan struct{})
	n.t.Cleanup(func() { close(done); <-ended; handle.Close() })
	go func() {
		defer close(ended)
		tick := time.NewTicker(look)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				r.read(handle, dst)
			}
		}
	}()
	return r
}

func (r *routes) read(handle *netlink.Handle, dst *net.IPNet) {
	family := syscall.AF_INET6
	if dst.IP.To4() != nil {
		family = syscall.AF_INET
	}
	found, err := handle.RouteListFiltered(family, &netlink.Route{Dst: dst}, netlink.RT_FILTER_DST)
	if err != nil {
		r.t.Errorf("the route to %s: %v", r.prefix, err)
		return
	}
	hops := hopsOf(found)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.changes[len(r.changes)-1].hops != hops {
		r.changes = append(r.changes, change{time.Now(), hops})
	}
}

func hopsOf(found []netlink.Route) string {
	var hops []string
	add := func(gw net.IP, via netlink.Destination) {
		switch {
		case gw != nil:
			hops = append(hops, gw.String())
		case via != nil: // an IPv4 route with an IPv6 next hop
			hops = append(hops, strings.Fields(via.String())...)
		}
	}
	for _, route := range found {
		add(route.Gw, route.Via)
		for _, hop := range route.MultiPath {
			add(hop.Gw, hop.Via)
		}
	}
	slices.Sort(hops)
	return strings.Join(hops, " ")
}

// since returns what the route was at a time, and the changes after it.
func (r *routes) since(start time.Time) []change {
	r.mu.Lock()
	defer r.mu.Unlock()
	first := 0
	for i, c := range r.changes {
		if !c.at.After(start) {
			first = i
		}
	}
	return slices.Clone(r.changes[first:])
}

// becomes waits until the route has exactly these next hops, none for no route,
// and returns how long after start it first had.
func (r *routes) becomes(start time.Time, bound time.Duration, hops ...string) time.Duration {
	r.t.Helper()
	wanted := strings.Join(slices.Sorted(slices.Values(hops)), " ")
	for {
		now := time.Now()
		for _, c := range r.since(start) {
			if c.hops == wanted {
				return max(0, c.at.Sub(start))
			}
		}
		if now.Sub(start) > bound {
			r.t.Fatalf("the route to %s is not via [%s] within %s: %v", r.prefix, wanted, bound, r.since(start))
		}
		time.Sleep(look)
	}
}

func (c change) String() string { return fmt.Sprintf("%s [%s]", c.at.Format("15:04:05.000"), c.hops) }

package interop

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
)

// glimpse is how often a router is queried: that takes longer than to
// read the kernel's table.
const glimpse = 20 * time.Millisecond

// onlyMarked lets only GRACEFUL_SHUTDOWN distinguish a draining site from the
// others.
const (
	onlyMarked = "states: {degraded: {prepend: 0, med: 0}, draining: {prepend: 0, med: 0, dwell: 3s, linger: 2s}}"
	aDwell     = 3 * time.Second
	aLinger    = 2 * time.Second
)

// obeying has a router set the lowest local preference for routes with
// GRACEFUL_SHUTDOWN. FRR does so by default.
func obeying(config string) string {
	return strings.ReplaceAll(config, "import all", "import filter { if (65535,0) ~ bgp_community then bgp_local_pref = 0; accept; }")
}

// TestADrainIsMarkedThenWithdrawnThenUnbound watches the site that the router
// prefers leave, by command and by SIGTERM: what the router receives, where it sends
// its clients, and the address at the site.
func TestADrainIsMarkedThenWithdrawnThenUnbound(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: -short: it waits for dwells")
	}
	measured := &table{heading: "router\tby\tmarked\tother best path\tclients moved\twithdrawn\tunbound"}
	t.Run("routers", func(t *testing.T) {
		for _, b := range brands {
			t.Run(b.name, func(t *testing.T) {
				t.Parallel()
				plain := b.config
				b.config = func(n ...neighbour) string { return obeying(plain(n...)) }
				three := newThree(t, b, noDwell, onlyMarked, "checks: [", bindToLo)
				router := three.settle()
				for _, by := range []departure{drainTold, drainTerm} {
					d := three.watchDrain(router)
					measured.add(d.measure(t, three, by), b.name, by.event)
					by.after(three, d.site)
				}
			})
		}
	})
	measured.print(t)
}

// drainWatch records what is seen of a draining site.
type drainWatch struct {
	site              *site
	offer, best, bind *history
}

const (
	isMarked   = "marked"
	isOffered  = "offered"
	isDegraded = "degraded"
)

// watchDrain watches the site that the router prefers.
func (s *three) watchDrain(r router) *drainWatch {
	s.vip.t.Helper()
	t := s.vip.t
	best, err := r.best(prefix(vip4))
	if err != nil {
		t.Fatal(err)
	}
	site := s.sites[slices.IndexFunc(s.sites, func(s *site) bool { return s.v4 == best.nextHop })]
	d := &drainWatch{site: site, bind: site.node.bound(vip4)}
	d.offer = record(t, "what "+site.v4+" offers", glimpse, func() (string, error) { return offer(r, site.v4) })
	d.best = record(t, "the best path", glimpse, func() (string, error) {
		best, err := r.best(prefix(vip4))
		return best.nextHop, err
	})
	d.offer.becomes(time.Now(), slack, isOffered)
	d.bind.becomes(time.Now(), slack, vip4)
	return d
}

// offer returns the state of the path from a site at the router: offered,
// marked or degraded; "" for none.
func offer(r router, site string) (string, error) {
	all, err := r.paths(prefix(vip4))
	i := slices.IndexFunc(all, func(p path) bool { return p.nextHop == site })
	switch {
	case err != nil || i < 0:
		return "", err
	case slices.Contains(all[i].communities, "65535:0"):
		return isMarked, nil
	case all[i].med == degradedMED:
		return isDegraded, nil
	}
	return isOffered, nil
}

// degradedMED is the speaker's default for a site that does not reach its
// dependencies.
const degradedMED = 100

// bound records an address on the node's loopback while it is there.
func (n *node) bound(address string) *history {
	n.t.Helper()
	handle, err := netlink.NewHandleAt(n.Handle)
	if err != nil {
		n.t.Fatalf("%s: %v", n.name, err)
	}
	n.t.Cleanup(handle.Close)
	return record(n.t, address+" at "+n.name, look, func() (string, error) {
		lo, err := handle.LinkByName("lo")
		if err != nil {
			return "", err
		}
		all, err := handle.AddrList(lo, netlink.FAMILY_ALL)
		if slices.ContainsFunc(all, func(a netlink.Addr) bool { return a.IP.String() == address }) {
			return address, err
		}
		return "", err
	})
}

// measure drains the site, and returns when each step was seen. The steps come
// in order, and the dwells lie between.
func (d *drainWatch) measure(t *testing.T, three *three, by departure) []time.Duration {
	t.Helper()
	others := three.addresses(d.site)
	start := time.Now()
	by.strike(d.site)
	marked := d.offer.becomes(start, slack, isMarked)
	moved := three.vip.becomes(start, slack, others...)
	withdrawn := d.offer.becomes(start, aDwell+slack)
	unbound := d.bind.becomes(start, aDwell+aLinger+slack)
	best := time.Duration(-1)
	for _, c := range d.best.since(start) {
		if slices.Contains(others, c.is) {
			best = c.at.Sub(start)
			break
		}
	}
	// A step is seen a glimpse after it happened, or more on a loaded machine; that a
	// dwell is not left out is seen by half of it.
	if marked > withdrawn-aDwell/2 || best < 0 || best > withdrawn-aDwell/2 || moved > withdrawn-aDwell/2 || withdrawn > unbound-aLinger/2 {
		t.Errorf("%s: marked %s, another best path %s, clients moved %s, withdrawn %s, unbound %s", by.event, marked, best, moved, withdrawn, unbound)
	}
	if bound := aDwell + prompt; withdrawn > bound || unbound > bound+aLinger {
		t.Errorf("%s: withdrawn after %s and unbound after %s; the dwells are %s and %s", by.event, withdrawn, unbound, aDwell, aLinger)
	}
	return []time.Duration{marked, best, moved, withdrawn, unbound}
}

// TestBIRDWithoutAFilterIgnoresGracefulShutdown is why router-config prints
// one, and why a site that drains has a longer path by default.
func TestBIRDWithoutAFilterIgnoresGracefulShutdown(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: -short: it waits to see that nothing happens")
	}
	for name, test := range map[string]struct {
		states string
		moves  bool
	}{
		"the mark only": {strings.ReplaceAll(onlyMarked, "dwell: 3s", "dwell: 30s"), false},
		"the default":   {"states: {draining: {dwell: 30s}}", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			three := newThree(t, brands[1], noDwell, test.states)
			router := three.settle()
			leaves := three.sites[0]
			start := time.Now()
			leaves.drain()
			eventually(t, "the path is marked", slack, func() error {
				what, err := offer(router, leaves.v4)
				if err == nil && what != isMarked {
					err = errors.New(what)
				}
				return err
			})
			if test.moves {
				three.vip.becomes(start, slack, three.addresses(leaves)...)
				return
			}
			time.Sleep(prompt)
			if changes := three.vip.since(start); len(changes) != 1 {
				t.Errorf("the route changed: %v", changes)
			}
		})
	}
}

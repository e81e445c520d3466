package bgp

import (
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"testing/synctest"
	"time"

	"github.com/nearcast/nearcast/bgp/config"
	"github.com/nearcast/nearcast/bgp/route"
	"github.com/nearcast/nearcast/internal/base/admin/hint"
)

// step has something happen.
func (w *storm) step() {
	n := w.sites[w.n("site", len(w.sites)-1)]
	event := w.n("event", 15)
	for _, one := range w.sites {
		one.keeps("", time.Time{})
		one.bars(w.calm && !slices.Contains([]int{2, 3, 4, 9, 10, 12, 15}, event)) // which change what works
	}
	switch event {
	case 0, 1:
		for _, one := range w.sites {
			one.keeps("only the shared upstream has changed", time.Now().Add(calmTime))
		}
		w.setAnswer(sharedUpstream, w.draw("upstream"))
	case 2, 3:
		w.setAnswer(backend(n.number, w.n("backend", 1)), w.draw("backend answers"))
	case 4:
		if w.coin("endpoint") {
			w.setAnswer(n.endpoint(w.n("service", 2)), w.draw("endpoint answers"))
		} else {
			w.setAnswer(netip.AddrPortFrom(w.vip(), uint16(ownPort+n.number)), w.draw("own answers"))
		}
	case 5:
		n.drains()
	case 6:
		n.undrains()
	case 7:
		n.undamps()
	case 8:
		n.hinted()
	case 9, 10:
		n.rewrites()
	case 11:
		n.moves()
	case 12:
		n.declaresOther()
	case 13:
		n.announcerFails()
	case 14:
		n.diskChanges()
	case 15:
		n.restarts()
	}
	synctest.Wait()
}

func (w *storm) draw(label string) answerKind {
	return allAnswers[[]int{0, 0, 1, 1, 2, 3}[w.n(label, 5)]]
}

func (w *storm) vip() netip.Addr { return allVIPs[w.n("vip", len(allVIPs)-1)] }

// aDrain is a VIP and what a command says of it; the zero Addr is all.
func (n *station) aDrain() (netip.Addr, url.Values) {
	if n.n("all", 3) == 0 {
		return netip.Addr{}, url.Values{}
	}
	a := n.vip()
	return a, url.Values{"vip": {a.String()}}
}

func (n *station) drains() {
	_, query := n.aDrain()
	query.Set("reason", "kernel")
	if n.coin("until") {
		query.Set("until", time.Now().Add([]time.Duration{-time.Second, 5 * time.Second, 30 * time.Second, 70 * time.Second}[n.n("until", 3)]).Format(time.RFC3339Nano))
	}
	n.dwells()
	n.disk.rewritten = true
	if st, ok := n.call(http.MethodPut, "/drains", query, nil); ok {
		n.drained(st)
	}
}

// dwells has routes stay for the dwell, whatever leaves.
func (n *station) dwells() {
	if n.signalledAt.IsZero() {
		n.keeps("it is only draining, which takes a dwell", time.Now().Add(n.force.dwell))
	}
}

func (n *station) undrains() {
	_, query := n.aDrain()
	n.disk.rewritten = true
	if st, ok := n.call(http.MethodDelete, "/drains", query, nil); ok {
		n.drained(st)
	}
}

// undamps forgets failures, which is sure to be all of them where everything had settled.
func (n *station) undamps() {
	a, query := n.aDrain()
	if _, ok := n.call(http.MethodDelete, "/flaps", query, nil); !ok || !n.calm {
		return
	}
	if !a.IsValid() {
		n.counts = map[netip.Addr]*count{}
	}
	delete(n.counts, a)
}

func (n *station) hinted() {
	hints := []hint.Hint{}
	for range n.n("hints", 2) {
		hints = append(hints, hint.Hint{VIP: n.vip(), Namespace: []string{"media", "iot"}[n.n("namespace", 1)], Reason: "evicted"})
	}
	n.dwells()
	if _, ok := n.call(http.MethodPut, hint.Path, nil, hints); ok {
		n.hints, n.hintsEnd = hints, time.Now().Add(hint.Last)
	}
}

// rewrites changes the file, which may have a fault then, and has it read.
func (n *station) rewrites() {
	next := n.force.clone()
	for range 1 + n.n("changes", 1) {
		next.change(n.storm, n.number)
	}
	if !n.signalledAt.IsZero() {
		next.dwell, next.linger = 4*time.Second, 4*time.Second // which must prolong no end
	}
	faults := []string{"", "", "", "vipps: []\n", "asn: 64513\n", "aggregates: 7\n"}
	next.fault = faults[n.n("fault", len(faults)-1)]
	n.sheet = next
	n.write0(next)
	n.rereads()
	n.reloads[next.fault == ""]++
	if !n.signalledAt.IsZero() || next.fault != "" {
		return
	}
	cfg, err := config.Load(n.path())
	if err != nil {
		n.Fatalf("%v\n%s", err, next.text(n))
	}
	n.force, n.config = next, cfg
}

// moves changes the machine's addresses from outside.
func (n *station) moves() {
	a := []netip.Addr{bound4, bound6, given}[n.n("address", 2)]
	m := n.machine
	m.does(func() { n.movedAt = time.Now() })
	switch n.n("move", 7) {
	case 0, 1:
		m.does(func() { m.loses(a) })
	case 2:
		m.does(func() { m.loses(bound4); m.loses(bound6); m.loses(given) })
	case 3:
		m.does(func() { m.broken[a] = true; m.loses(a) })
		if n.coin("no longer served") {
			n.setAnswer(netip.AddrPortFrom(a, uint16(ownPort+n.number)), refuses)
		}
	case 4:
		m.does(func() { clear(m.broken); m.there[given] = true })
	case 5:
		m.does(func() { m.there[a] = true }) // another program gives it
	case 6:
		m.does(func() { m.goDeaf() })
		if n.coin("hears") {
			m.does(func() { m.deaf = false })
		}
	case 7:
		m.does(func() { m.blind = !m.blind })
		n.blinds = true
	}
}

// declaresOther has the cluster declare something else.
func (n *station) declaresOther() {
	if n.n("taint", 4) == 0 {
		n.taint = []string{"", "node n has the taint nearcast.dev/drain"}[n.n("tainted", 1)]
		n.dwells()
	} else {
		i := n.n("which", 2)
		before := n.services[i]
		n.services[i] = drawService(n.storm)
		if before.endpoints == "ready" && n.services[i].endpoints == "terminating" && !n.services[i].untaken {
			n.dwells()
		}
	}
	n.declares()
}

// announcerFails has routes or discards fail, for a while or for good.
func (n *station) announcerFails() {
	a := n.vip()
	n.machine.mu.Lock()
	defer n.machine.mu.Unlock()
	switch n.n("failure", 4) {
	case 0:
		n.fails = 1 + n.n("fails", 2)
	case 1:
		n.stuck[route.Host(a)] = true
	case 2:
		clear(n.stuck)
	case 3:
		n.loops = !n.loops
	case 4:
		n.slow = []time.Duration{0, slowest}[n.n("slow", 1)]
	}
}

func (n *station) diskChanges() {
	if n.n("damage", 4) == 0 {
		if n.damages(); n.signalledAt.IsZero() && n.coin("restart then") {
			n.restarts()
		}
		return
	}
	n.setDisk(allDisks[n.n("disk", len(allDisks)-1)])
	if n.coin("drain then") {
		n.drains()
	}
}

// restarts ends the speaker, by whatever signal, and starts another one. It does not start with
// a file that has a fault.
func (n *station) restarts() {
	n.seen[restart] = true
	n.bars(false)
	if n.coin("crash") {
		n.crashes()
	} else {
		n.ends(false)
		n.inherits()
	}
	n.sheet.fault = ""
	n.starts()
}

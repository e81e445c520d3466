package bgp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/nearcast/nearcast/bgp/cluster"
	"github.com/nearcast/nearcast/bgp/config"
	"github.com/nearcast/nearcast/bgp/route"
	"github.com/nearcast/nearcast/bgp/session"
	"github.com/nearcast/nearcast/bgp/vip"
	"github.com/nearcast/nearcast/internal/base/admin/hint"
	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/steering/health"
)

// The victim, and the attacker, whose name may come before or after it in any order.
const victim = "bank"

// step is what happens at one moment of a history. Everything then has time to settle.
type step struct {
	namespace string // who does it; "" is the operator
	put       []cluster.Service
	gone      []vip.ServiceRef
	answers   map[netip.AddrPort]string // what endpoints answer from now on
	hints     []hint.Hint               // the resolver's, of what the namespace declares
	hinted    bool                      // hints counts
	drained   *string                   // of the node
}

// history is what happens at a site, and whether both namespaces may have the same
// addresses.
type history struct {
	shared bool
	steps  []step
}

const (
	// A history drains fast, so that each step can settle.
	// checkInterval is the default.
	checkInterval         = time.Second
	testDwell, testLinger = 2 * time.Second, time.Second
	settles               = 12 * time.Second
	// testWindow ends in the middle of a step, whenever in one a failure was.
	testWindow = 5*settles + settles/2
)

// playground is a speaker, but for the network, of which it records what it is given.
type playground struct {
	*speaker
	mu      sync.Mutex
	answers map[netip.AddrPort]string
	// routes are what was last announced of each address that is not the attacker's, and
	// changes, when and how they changed since the step began.
	routes  map[netip.Addr]string
	changes map[netip.Addr][]string
	last    map[netip.Addr]time.Duration
	began   time.Time
	evil    string
	declare chan cluster.Declared
}

func (p *playground) SetPeers([]config.Peer, time.Duration) error    { return nil }
func (p *playground) Freeze()                                        {}
func (p *playground) UpdatesSent() uint64                            { return 0 }
func (p *playground) Peers() []session.Status                        { return nil }
func (p *playground) Close(time.Duration) error                      { return nil }
func (p *playground) Bind(give, look []netip.Addr) (Bound, error)    { return here, nil }
func (p *playground) Discard([]netip.Prefix) map[netip.Prefix]error  { return nil }
func (p *playground) Watch(ctx context.Context, _ func()) error      { <-ctx.Done(); return nil }
func (p *playground) Assign(granted map[vip.ServiceRef][]netip.Addr) {}
func (p *playground) answer(to netip.AddrPort) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.answers[to]
}

// Run declares what the test does.
func (p *playground) Run(ctx context.Context, changed func(cluster.Declared)) {
	for {
		select {
		case <-ctx.Done():
			return
		case declared := <-p.declare:
			changed(declared)
		}
	}
}

// Set is called by the loop, which the controller belongs to.
func (p *playground) Set(routes []route.Route) ([]route.Route, error) {
	now := map[netip.Addr]string{}
	for _, r := range routes {
		if a := r.Prefix.Addr(); p.owner(a) != p.evil {
			raw, err := json.Marshal(r.Attributes)
			if err != nil {
				return nil, err
			}
			now[a] = string(raw)
		}
	}
	for a := range maps.Keys(joined(p.routes, now)) {
		if p.routes[a] != now[a] {
			p.changes[a] = append(p.changes[a], now[a])
			p.last[a] = time.Since(p.began)
		}
	}
	p.routes = now
	return routes, nil
}

// owner returns the namespace whose Services have the address; "" for a VIP of the file.
func (p *playground) owner(a netip.Addr) string {
	for ref, addrs := range p.controller.Granted() {
		if slices.Contains(addrs, a) {
			return ref.Namespace
		}
	}
	return ""
}

func joined(a, b map[netip.Addr]string) map[netip.Addr]string {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

// ask stands for the network: endpoints answer, refuse, or let packets vanish.
func (p *playground) ask(ctx context.Context, target federation.Target) (health.Sample, error) {
	switch p.answer(target.Addr) {
	case "":
		return health.Sample{}, nil
	case "vanishes":
		<-ctx.Done()
		return health.Sample{}, ctx.Err()
	}
	return health.Sample{}, errors.New("refused")
}

// seen is what a step changed of the routes that are not the attacker's.
type seen struct {
	routes  map[netip.Addr]string
	changes map[netip.Addr][]string
	last    map[netip.Addr]time.Duration
}

// play runs the history without the steps of the namespace, which last as long.
func play(t *testing.T, h history, evil string, without bool) (all []seen) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		p := &playground{answers: map[netip.AddrPort]string{}, routes: map[netip.Addr]string{}, evil: evil, declare: make(chan cluster.Declared)}
		before := ask
		ask = p.ask
		defer func() { ask = before }()
		p.speaker = newSpeaker(Options{Config: h.config(evil), Announcer: p, Binder: p, Cluster: p, Log: discard})
		p.step()
		ended := make(chan error)
		go func() { ended <- p.run(ctx) }()
		w := newDeclarations()
		for _, s := range h.steps {
			p.step()
			if !without || s.namespace != evil {
				w.take(s)
				p.take(s.answers)
			}
			p.declare <- w.declared()
			synctest.Wait()
			for range 2 { // as the resolver tells them again
				p.hint(t, w.sent())
				time.Sleep(settles / 2)
			}
			synctest.Wait()
			all = append(all, seen{p.routes, p.changes, p.last})
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return all
}

func (p *playground) step() {
	p.changes, p.last, p.began = map[netip.Addr][]string{}, map[netip.Addr]time.Duration{}, time.Now()
}

func (p *playground) take(answers map[netip.AddrPort]string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	maps.Copy(p.answers, answers)
}

func (p *playground) hint(t *testing.T, all []hint.Hint) {
	raw, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	p.handler().ServeHTTP(w, httptest.NewRequest(http.MethodPut, hint.Path, strings.NewReader(string(raw))))
	if w.Code != http.StatusOK {
		t.Errorf("hints: %d %s", w.Code, w.Body)
	}
}

// declarations are what the cluster and the resolver say.
type declarations struct {
	services map[vip.ServiceRef]cluster.Service
	hints    map[string][]hint.Hint
	drained  string
}

func newDeclarations() *declarations {
	return &declarations{services: map[vip.ServiceRef]cluster.Service{}, hints: map[string][]hint.Hint{}}
}

func (w *declarations) take(s step) {
	for _, one := range s.put {
		w.services[one.ServiceRef] = one
	}
	for _, ref := range s.gone {
		delete(w.services, ref)
	}
	if s.hinted {
		w.hints[s.namespace] = s.hints
	}
	if s.drained != nil {
		w.drained = *s.drained
	}
}

func (w *declarations) declared() cluster.Declared {
	d := cluster.Declared{Drained: w.drained}
	for _, ref := range slices.SortedFunc(maps.Keys(w.services), func(a, b vip.ServiceRef) int { return strings.Compare(a.String(), b.String()) }) {
		d.Services = append(d.Services, w.services[ref])
	}
	return d
}

func (w *declarations) sent() []hint.Hint {
	all := []hint.Hint{}
	for _, namespace := range slices.Sorted(maps.Keys(w.hints)) {
		all = append(all, w.hints[namespace]...)
	}
	return all
}

var (
	fileVIP  = netip.MustParseAddr("198.51.100.64")
	fileAsks = netip.MustParseAddrPort("127.0.0.1:53")
)

// config has a VIP of the file's own, one that takes hints, and pools for both namespaces.
func (h history) config(evil string) *config.Config {
	c, err := config.Parse(fmt.Appendf(nil, `asn: 64512
routerID: 192.0.2.11
peers: [{address: 192.0.2.1, asn: 64512, families: [ipv4]}]
vips: [{address: %s, bind: lo, checks: [{tcp: {address: "%s"}}]}]
flaps: {budget: 3, window: %s}
states: {draining: {dwell: %s, linger: %s}}
`, fileVIP, fileAsks, testWindow, testDwell, testLinger))
	if err != nil {
		panic(err)
	}
	pools := map[string]string{victim: "198.51.100.64/29", evil: "198.51.100.72/29"}
	if h.shared {
		pools = map[string]string{"*": "198.51.100.64/28"}
	}
	for namespace, cidr := range pools {
		c.Pools = append(c.Pools, config.Pool{CIDRs: []netip.Prefix{netip.MustParsePrefix(cidr)}, Namespaces: []string{namespace}})
	}
	return c
}

// drawing draws a history.
type drawing struct {
	*rapid.T
	history
	evil    string
	created map[vip.ServiceRef]time.Time
	clock   int64
}

func (d *drawing) n(label string, most int) int { return rapid.IntRange(0, most).Draw(d.T, label) }

func (d *drawing) vip() netip.Addr {
	return netip.AddrFrom4([4]byte{198, 51, 100, byte(64 + d.n("vip", 15))})
}

// endpoint is a pod of the namespace; the attacker also writes the victim's and the file's.
func (d *drawing) endpoint(namespace string) netip.AddrPort {
	i := d.n("endpoint", 3)
	if namespace == victim || d.n("whose", 3) == 0 {
		if i == 0 && namespace != victim {
			return fileAsks
		}
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}), 8080)
	}
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 1, byte(i)}), 8080)
}

func (d *drawing) service(namespace string) cluster.Service {
	ref := vip.ServiceRef{Namespace: namespace, Name: fmt.Sprintf("s%d", d.n("name", 2))}
	s := cluster.Service{
		ServiceRef: ref, Created: d.age(ref), Local: d.n("local", 3) == 0,
		Probe: federation.Target{Kind: rapid.SampledFrom([]federation.ProbeKind{federation.ProbeNone, federation.ProbeTCP, federation.ProbeHTTP}).Draw(d.T, "probe")},
	}
	for range 1 + d.n("addresses", 2) {
		s.Addresses = append(s.Addresses, d.vip())
	}
	for range d.n("ports", 2) {
		s.Ports = append(s.Ports, fmt.Sprintf("tcp/%d", 80+d.n("port", 2)))
	}
	for range 1 + d.n("endpoints", 2) {
		s.Endpoints = append(s.Endpoints, cluster.Endpoint{
			Addr: d.endpoint(namespace), Ready: d.n("ready", 3) > 0, Terminating: d.n("terminating", 2) == 0, Here: d.n("here", 2) > 0,
		})
	}
	return s
}

// age is when the Service was created. Where both share a range, the older Services are the
// victim's; else one that comes back is a new one.
func (d *drawing) age(ref vip.ServiceRef) time.Time {
	if at, is := d.created[ref]; is {
		return at
	}
	d.clock++
	at := time.Unix(1000+d.clock, 0)
	switch {
	case ref.Namespace == d.evil && d.n("unknown", 3) == 0:
		at = time.Time{}
	case ref.Namespace == d.evil && !d.shared:
		at = time.Unix(1, 0) // older than all
	case ref.Namespace == victim && d.shared:
		at = time.Unix(d.clock, 0)
	}
	d.created[ref] = at
	return at
}

func (d *drawing) step(namespace string) step {
	s := step{namespace: namespace}
	switch d.n("what", 6) {
	case 0:
		ref := vip.ServiceRef{Namespace: namespace, Name: fmt.Sprintf("s%d", d.n("name", 2))}
		if s.gone = append(s.gone, ref); !d.shared || namespace == d.evil {
			delete(d.created, ref)
		}
	case 1:
		s.hinted = true
		for range d.n("hints", 2) {
			s.hints = append(s.hints, hint.Hint{Namespace: namespace, VIP: d.vip(), Reason: namespace + "/x is evicted"})
		}
	case 2, 3:
		to := d.endpoint(namespace)
		if namespace == d.evil { // whose pods those are not
			to = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 1, byte(d.n("pod", 3))}), 8080)
		}
		s.answers = map[netip.AddrPort]string{to: rapid.SampledFrom([]string{"", "refuses", "vanishes"}).Draw(d.T, "answer")}
	default:
		for range 1 + d.n("services", 2) {
			s.put = append(s.put, d.service(namespace))
		}
	}
	return s
}

// operator performs the operator's actions on the file's VIP and the node.
func (d *drawing) operator() step {
	if d.n("what", 2) == 0 {
		return step{drained: new([]string{"", "a taint"}[d.n("drained", 1)])}
	}
	return step{answers: map[netip.AddrPort]string{fileAsks: []string{"", "refuses"}[d.n("answer", 1)]}}
}

func drawHistory(t *rapid.T) (history, string) {
	d := &drawing{T: t, evil: rapid.SampledFrom([]string{"aaa", "zzz"}).Draw(t, "evil"), created: map[vip.ServiceRef]time.Time{}}
	d.shared = rapid.Bool().Draw(t, "shared")
	for range rapid.IntRange(3, 14).Draw(t, "steps") {
		var s step
		switch d.n("who", 10) {
		case 0:
			s = d.operator()
		case 1, 2, 3, 4:
			s = d.step(victim)
		default:
			s = d.step(d.evil)
		}
		d.steps = append(d.steps, s)
	}
	return d.history, d.evil
}

// differ returns what the attacker changed; "" for nothing.
func (h history) differ(alone, beside []seen) string {
	for i, a := range alone {
		b := beside[i]
		if !maps.Equal(a.routes, b.routes) {
			return fmt.Sprintf("after step %d of %s: got routes %v\nalone: %v", i, h.steps[i].namespace, b.routes, a.routes)
		}
		for addr, became := range b.changes {
			if !within(became, a.changes[addr]) {
				return fmt.Sprintf("in step %d of %s: got route changes %q\nalone: %q", i, h.steps[i].namespace, b.changes, a.changes)
			}
		}
		for addr, took := range b.last {
			most := 2 * a.last[addr]
			if h.steps[i].answers != nil { // it is chance when within its interval a check asks next
				most += checkInterval + checkInterval/10
			}
			if h.shared { // the attacker's, which had it, is drained first
				most += testDwell + testLinger
			}
			if took > most {
				return fmt.Sprintf("in step %d of %s: %s changed after %s, alone after %s", i, h.steps[i].namespace, addr, took, a.last[addr])
			}
		}
	}
	return ""
}

// within reports whether the changes are some of the others, in their order. What an
// endpoint answers may be known already, because the attacker had it asked the same: a
// VIP then does not wait for its first result.
func within(changes, others []string) bool {
	for _, other := range others {
		if len(changes) > 0 && changes[0] == other {
			changes = changes[1:]
		}
	}
	return len(changes) == 0
}

// TestANamespaceChangesNoRouteOfOthers: whatever Services, endpoints, hints and answers a
// namespace makes up, in any order, the speaker announces the VIPs of another namespace
// and of the file as if it did not exist, step by step, and in at most twice the time.
// The control has the same done in the victim's own namespace.
func TestANamespaceChangesNoRouteOfOthers(t *testing.T) {
	worlds, announced, changed := 0, 0, 0
	rapid.Check(t, func(r *rapid.T) {
		h, evil := drawHistory(r)
		alone := play(t, h, evil, true)
		if what := h.differ(alone, play(t, h, evil, false)); what != "" {
			r.Fatal(what)
		}
		worlds++
		if slices.ContainsFunc(alone, func(s seen) bool { return len(s.routes) > 1 }) {
			announced++
		}
		if h.differ(alone, play(t, h.within(evil), "nobody", false)) != "" {
			changed++
		}
	})
	t.Logf("%d worlds, %d announce VIPs of %s, %d change if its own Services do the same", worlds, announced, victim, changed)
	if !t.Failed() && (announced < worlds/4 || changed < worlds/4) {
		t.Errorf("of %d worlds, %d announce a VIP of the victim, and the control changes %d: the attack does not work", worlds, announced, changed)
	}
}

// within returns the history with all that the attacker does done by the victim.
func (h history) within(evil string) history {
	own := history{shared: h.shared}
	for _, s := range h.steps {
		if s.namespace == evil {
			s.namespace = victim
			s.put, s.hints, s.gone = slices.Clone(s.put), slices.Clone(s.hints), slices.Clone(s.gone)
			for i := range s.put {
				s.put[i].Namespace = victim
			}
			for i := range s.gone {
				s.gone[i].Namespace = victim
			}
			for i := range s.hints {
				s.hints[i].Namespace = victim
			}
		}
		own.steps = append(own.steps, s)
	}
	return own
}

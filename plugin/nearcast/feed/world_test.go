package feed

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/coredns/coredns/plugin/test"
	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/federation/build"
	steering "github.com/nearcast/nearcast/internal/federation/policy"
	"github.com/nearcast/nearcast/internal/federation/staging"
	"github.com/nearcast/nearcast/internal/site"
	"github.com/nearcast/nearcast/internal/steering/health"
	"github.com/nearcast/nearcast/internal/steering/locate"
	"github.com/nearcast/nearcast/internal/steering/steer"
)

const apexName = "fn.example.org."

// world is a federation with one cluster in each of the regions a, b and c, which a test
// changes and publishes.
type world struct {
	store   *staging.Store
	builder build.Builder
	table   *steer.Table
	stand   *steer.Standing
	down    map[netip.Addr]bool

	mu   sync.Mutex
	view *site.View
	next chan struct{}
	// unsettled is set until the first probes are done.
	unsettled bool
}

var regions = []string{"a", "b", "c"}

func newWorld() *world {
	w := &world{store: staging.NewStore(), down: map[netip.Addr]bool{}, next: make(chan struct{})}
	for i, region := range regions {
		w.store.Put(staging.Whole(&federation.Cluster{
			Meta: federation.NewMeta(federation.Ref{Group: "cluster.karmada.io", Kind: "Cluster", Name: region}), Region: region,
			Coordinates: &federation.Coordinates{Lat: 10, Lon: float64(10 * i)},
		}))

	}
	return w
}

// address returns the function's address in the region.
func address(function, region int) netip.Addr {
	return netip.AddrFrom4([4]byte{byte(10 + region), byte(function >> 16), byte(function >> 8), byte(function)})
}

// declare places the function in the clusters of the regions; edit may be nil.
func (w *world) declare(function int, edit func(*federation.Template), in ...int) {
	ref := federation.Ref{Kind: "Service", Namespace: "ns", Name: fmt.Sprintf("f%d", function)}
	t := &federation.Template{Meta: federation.NewMeta(ref), Service: &federation.Service{TCPPort: 80}, Annotated: &federation.Annotated{Probe: &federation.ProbeSpec{Kind: federation.ProbeTCP, Port: 80}}}
	t.Fixed = map[string]map[string]federation.Endpoint{"": {}}
	b := federation.NewBinding(federation.NewMeta(federation.Ref{Kind: "ResourceBinding", Namespace: ref.Namespace, Name: ref.Name}), ref)
	for _, r := range in {
		t.Fixed[""][regions[r]] = federation.Endpoint{V4: []netip.Addr{address(function, r)}}
		b.Place(regions[r], 1)
		b.Observe(regions[r], federation.Observed{Applied: true, Health: federation.Healthy})
	}
	if edit != nil {
		edit(t)
	}
	w.store.Put(staging.Whole(t))
	w.store.Put(staging.Whole(b))
}

func (w *world) verdict(t federation.SharedTarget) health.Verdict {
	if w.down[t.Value().Addr.Addr()] {
		return health.Verdict{State: health.Down}
	}
	return health.Verdict{State: health.Up}
}

// publish makes a View of the declarations.
func (w *world) publish() *site.View {
	state := w.builder.Build(w.store, build.Options{Zones: []string{apexName}})
	w.table = steer.Compile(state, steer.Options{Site: steer.Site{Region: "a"}, Policy: steering.Default, Load: steer.DefaultLoad, Locations: locate.Empty}, w.table)
	return w.judge()
}

// judge makes another View of the same State.
func (w *world) judge() *site.View {
	w.stand = w.table.Stand(w.verdict, w.stand)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.view = &site.View{Table: w.table, Standing: w.stand}
	close(w.next)
	w.next = make(chan struct{})
	return w.view
}

func (w *world) View() *site.View {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.view
}

func (w *world) Published() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.next
}

func (w *world) Settled() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return !w.unsettled
}

func (w *world) settle(yes bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.unsettled = !yes
}

type fixedTTL struct{}

func (fixedTTL) Steered(*federation.Function) uint32 { return 10 }
func (fixedTTL) Fixed() uint32                       { return 30 }

// memo keeps what is logged.
type memo struct {
	mu   sync.Mutex
	text []string
}

func (m *memo) Infof(format string, args ...any) { m.Warningf(format, args...) }
func (m *memo) Warningf(format string, args ...any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.text = append(m.text, fmt.Sprintf(format, args...))
}

func (m *memo) String() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return strings.Join(m.text, "\n")
}

var testSOA = dns.SOA{Ns: "ns." + apexName, Mbox: "host." + apexName, Minttl: 5}

func testApex() Apex {
	return Apex{Zone: apexName, SOA: testSOA, Servers: []string{"ns." + apexName}}
}

// configure returns a Set's configuration with the lines, kept in dir.
func configure(t testing.TB, dir string, lines ...Line) (Config, *memo) {
	log := &memo{}
	return Config{Lines: lines, Apexes: []Apex{testApex()}, TTL: fixedTTL{}, Dir: dir, Source: t.Name(), Log: log}, log
}

// to allows all clients to transfer the region.
func to(region string) Line {
	return Line{Scope: Scope{Region: region}, To: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}}
}

var anybody = Identity{Source: netip.MustParseAddr("192.0.2.9"), Key: "carrier.", Algorithm: dns.HmacSHA256}

// history returns what the region's Book contains, or nil.
func (s *Set) history(t testing.TB, region string) *history {
	t.Helper()
	z, ok := s.Policy(region+"._rpz."+apexName, anybody)
	if !ok {
		t.Fatalf("no zone of %s", region)
	}
	return z.z.book.now.Load()
}

// text formats the content of a history, one line per record.
func (h *history) text(f form) string {
	var b strings.Builder
	for rr := range h.whole(f) {
		if rr.Header().Rrtype != dns.TypeSOA && rr.Header().Rrtype != dns.TypeNS {
			b.WriteString(strings.Join(strings.Fields(rr.String()), " ") + "\n")
		}
	}
	return b.String()
}

// tcp receives the replies of a transfer.
type tcp struct {
	test.ResponseWriter
	messages []*dns.Msg
	octets   int
	timers   bool
}

func (w *tcp) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 9), Port: 4242} }

func (w *tcp) WriteMsg(m *dns.Msg) error {
	raw, err := m.Pack()
	w.messages, w.octets = append(w.messages, m), w.octets+len(raw)
	return err
}

func (w *tcp) TsigTimersOnly(yes bool) { w.timers = yes }

func (w *tcp) records() []dns.RR {
	var all []dns.RR
	for _, m := range w.messages {
		all = append(all, m.Answer...)
	}
	return all
}

// incrementally applies a transfer to a zone like a secondary (RFC 1995). The zone is the
// text of its records; it returns "AXFR" if everything is replaced.
func incrementally(t testing.TB, zone map[string]bool, rrs []dns.RR) (kind string) {
	t.Helper()
	last := rrs[0].(*dns.SOA).Serial
	if len(rrs) == 1 {
		return "current"
	}
	if _, increments := rrs[1].(*dns.SOA); !increments {
		clear(zone)
		for _, rr := range rrs[1:] {
			zone[rr.String()] = true
		}
		delete(zone, rrs[0].String())
		return "AXFR"
	}
	deleting := false
	for _, rr := range rrs[1:] {
		if soa, is := rr.(*dns.SOA); is {
			if deleting = !deleting; deleting && soa.Serial == last {
				return "IXFR"
			}
			continue
		}
		switch text := rr.String(); {
		case deleting && !zone[text]:
			t.Errorf("removes %q, which does not exist", text)
		case deleting:
			delete(zone, text)
		case zone[text]:
			t.Errorf("adds %q, which already exists", text)
		default:
			zone[text] = true
		}
	}
	t.Error("the transfer does not end")
	return ""
}

// set returns the zone's records without its SOAs.
func (h *history) set(f form) map[string]bool {
	all := map[string]bool{}
	for rr := range h.whole(f) {
		if rr.Header().Rrtype != dns.TypeSOA {
			all[rr.String()] = true
		}
	}
	return all
}

func ask(name string, qtype uint16, serial uint32) *dns.Msg {
	m := new(dns.Msg).SetQuestion(name, qtype)
	if qtype == dns.TypeIXFR {
		m.SetIxfr(name, serial, "ns.", "host.")
	}
	return m
}

// udp receives one reply.
type udp struct {
	test.ResponseWriter
	reply *dns.Msg
}

func (w *udp) WriteMsg(m *dns.Msg) error { w.reply = m; return nil }

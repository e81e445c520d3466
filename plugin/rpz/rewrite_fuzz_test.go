package rpz

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/coredns/coredns/plugin"
	"github.com/miekg/dns"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/mocktracer"
	"golang.org/x/time/rate"

	"github.com/nearcast/nearcast/plugin/rpz/internal/policyzone"
)

// handlerOf is a handler over zones of which each has rules, without a server.
func handlerOf(t testing.TB, set func(*settings), next plugin.Handler, zones ...string) *RPZ {
	t.Helper()
	h := &RPZ{Next: next, settings: defaults(), logging: rate.NewLimiter(0, 0)}
	set(&h.settings)
	for i, records := range zones {
		z := &configuredZone{name: []string{"rpz1.", "rpz2."}[i], source: &source{}, treatment: h.settings.treatment}
		z.counters = countersOf(z.name)
		generation, _, err := policyzone.Read(strings.NewReader(withSOA(records)), z.name, z.name)
		if err != nil {
			t.Fatal(err)
		}
		z.source.zone.Store(generation)
		z.source.loaded.Store(true)
		h.zones = append(h.zones, z)
	}
	h.rebuild()
	return h
}

// FuzzRewriting holds that whatever the next plugins write, the client gets at most one
// reply, to its own question, that can be packed; and that the message that they wrote is
// not changed, since a cache may hold it.
func FuzzRewriting(f *testing.F) {
	pack := func(records ...string) []byte {
		m := new(dns.Msg).SetQuestion("a.test.", dns.TypeA)
		m.Response = true
		for _, record := range records {
			rr, err := dns.NewRR(record)
			if err != nil {
				f.Fatal(err)
			}
			m.Answer = append(m.Answer, rr)
		}
		raw, err := m.Pack()
		if err != nil {
			f.Fatal(err)
		}
		return raw
	}
	f.Add("a.test.", dns.TypeA, pack("a.test. 60 IN A 192.0.2.1"), uint8(0))
	f.Add("a.test.", dns.TypeA, pack("a.test. 60 IN CNAME b.test.", "b.test. 60 IN CNAME a.test."), uint8(1))
	f.Add("b.test.", dns.TypeANY, pack("test. 60 IN DNAME example.", "b.test. 60 IN CNAME b.example."), uint8(2))
	f.Add("deep.walled.test.", dns.TypeCNAME, pack(), uint8(3))
	f.Add("h.test.", dns.TypeHTTPS, pack("h.test. 60 IN CNAME h.example.", "h.example. 60 IN HTTPS 1 . ipv4hint=192.0.2.1 ipv6hint=2001:db8::1 ech=AAQA"), uint8(0))
	f.Add("s.test.", dns.TypeSVCB, pack("s.test. 60 IN SVCB 0 .", "s.test. 60 IN SVCB 1 t.test. ipv4hint=198.51.100.1,192.0.2.1"), uint8(4))
	f.Add("x.local.test.", dns.TypeTXT, pack("x.local.test. 60 IN RRSIG TXT 13 2 300 20300101000000 20200101000000 1 test. c2ln"), uint8(7))
	const zone = `
a.test CNAME .
b.test CNAME *.
drop.test CNAME rpz-drop.
tcp.test CNAME rpz-tcp-only.
*.local.test A 203.0.113.1
*.local.test TXT "x"
*.walled.test CNAME *.garden.test.
to.test CNAME b.test.
24.0.2.0.192.rpz-ip CNAME *.
32.1.0.0.127.rpz-client-ip CNAME rpz-passthru.
`
	f.Fuzz(func(t *testing.T, name string, qtype uint16, raw []byte, flags uint8) {
		if _, ok := dns.IsDomainName(name); !ok {
			return
		}
		query := new(dns.Msg).SetQuestion(dns.Fqdn(name), qtype)
		if flags&1 != 0 {
			query.SetEdns0(1232, flags&2 != 0)
		}
		if _, err := query.Pack(); err != nil {
			return
		}
		var wrote *dns.Msg
		var text string
		behind := plugin.HandlerFunc(func(_ context.Context, w dns.ResponseWriter, _ *dns.Msg) (int, error) {
			m := new(dns.Msg)
			if err := m.Unpack(raw); err != nil {
				return dns.RcodeServerFailure, err
			}
			wrote, text = m, m.String()
			if err := w.WriteMsg(m); err != nil {
				return dns.RcodeServerFailure, err
			}
			return dns.RcodeSuccess, w.WriteMsg(m) // a faulty plugin writes twice
		})
		h := handlerOf(t, func(s *settings) { s.breakDNSSEC, s.waitRecurse = flags&4 != 0, flags&8 == 0 }, behind, zone, "*.test A 203.0.113.2\n")
		client := from([]string{"127.0.0.1", "127.0.0.2"}[flags>>4&1])
		rcode, _ := h.ServeDNS(context.Background(), client, query)
		if len(client.replies) > 0 && !plugin.ClientWrite(rcode) {
			t.Errorf("CoreDNS would write a second reply, with %s", dns.RcodeToString[rcode])
		}
		if wrote != nil && wrote.String() != text {
			t.Errorf("the message of the next plugin was changed:\n%s\n%s", text, wrote)
		}
		if transfer := qtype == dns.TypeAXFR || qtype == dns.TypeIXFR; len(client.replies) > 1 && !transfer { // transfers pass by policy
			t.Fatalf("%d replies", len(client.replies))
		}
		for _, reply := range client.replies {
			if reply == wrote {
				continue // the true answer, which policy does not write
			}
			if _, err := reply.Pack(); err != nil {
				t.Errorf("%v: got %s", err, reply)
			}
			if reply.Id != query.Id || !reply.Response || reply.Question[0] != query.Question[0] {
				t.Errorf("not a reply to the query: %s", reply)
			}
		}
	})
}

func TestAChainThatIsTooLongDoesNotPass(t *testing.T) {
	for length, want := range map[int]int{mostStages: dns.RcodeNameError, mostStages + 1: dns.RcodeServerFailure, 3000: dns.RcodeServerFailure} {
		reply := question("n0.test.", dns.TypeA)
		reply.Response = true
		for i := range length {
			rr, _ := dns.NewRR(fmt.Sprintf("n%d.test. 60 IN CNAME n%d.test.", i, i+1))
			reply.Answer = append(reply.Answer, rr)
		}
		behind := plugin.HandlerFunc(func(_ context.Context, w dns.ResponseWriter, _ *dns.Msg) (int, error) {
			return dns.RcodeSuccess, w.WriteMsg(reply)
		})
		h := handlerOf(t, func(*settings) {}, behind, fmt.Sprintf("n%d.test CNAME .\n", length))
		client := from("127.0.0.1")
		if _, err := h.ServeDNS(context.Background(), client, question("n0.test.", dns.TypeA)); err != nil {
			t.Fatal(err)
		}
		if got := client.replies[0].Rcode; got != want {
			t.Errorf("%d aliases: %s, want %s", length, dns.RcodeToString[got], dns.RcodeToString[want])
		}
	}
}

// TestAQueryThatMatchesNothingAllocatesOnlyItsState bounds what policy costs the many
// queries that no rule matches.
func TestAQueryThatMatchesNothingAllocatesOnlyItsState(t *testing.T) {
	reply := question("www.example.org.", dns.TypeA)
	reply.Response = true
	rr, _ := dns.NewRR("www.example.org. 60 IN A 198.51.100.1")
	reply.Answer = []dns.RR{rr}
	behind := plugin.HandlerFunc(func(_ context.Context, w dns.ResponseWriter, _ *dns.Msg) (int, error) {
		return dns.RcodeSuccess, w.WriteMsg(reply)
	})
	h := handlerOf(t, func(*settings) {}, behind, "*.evil.example CNAME .\n24.0.2.0.192.rpz-ip CNAME .\n24.0.2.0.192.rpz-client-ip CNAME .\n")
	client := &counter{from: net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:53"))}
	query := question("www.example.org.", dns.TypeA)
	ctx := context.Background()
	perQuery := testing.AllocsPerRun(1000, func() {
		if _, err := h.ServeDNS(ctx, client, query); err != nil {
			t.Fatal(err)
		}
	})
	if perQuery > 1 { // the query's state
		t.Errorf("%v allocations", perQuery)
	}
	if client.replies == 0 {
		t.Error("no reply")
	}
}

// TestPolicyWaitsUntilTheNextPluginsHaveReturned keeps their frames and policy's from
// being on the stack at the same time: CoreDNS serves each packet on a new stack, and
// growing it once more costs a tenth of the query.
func TestPolicyWaitsUntilTheNextPluginsHaveReturned(t *testing.T) {
	client := &counter{from: net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:53"))}
	reply := question("www.example.org.", dns.TypeA)
	behind := plugin.HandlerFunc(func(_ context.Context, w dns.ResponseWriter, _ *dns.Msg) (int, error) {
		if err := w.WriteMsg(reply); err != nil {
			t.Error(err)
		}
		if client.replies != 0 {
			t.Error("the reply was sent before they returned")
		}
		return dns.RcodeServerFailure, errors.New("after the reply")
	})
	h := handlerOf(t, func(*settings) {}, behind, "*.evil.example CNAME .\n24.0.2.0.192.rpz-ip CNAME .\n")
	rcode, err := h.ServeDNS(context.Background(), client, reply)
	if rcode != dns.RcodeSuccess || err == nil || client.replies != 1 {
		t.Errorf("%s, %v and %d replies", dns.RcodeToString[rcode], err, client.replies)
	}
}

func TestATraceHasASpanForTheNextPlugin(t *testing.T) {
	behind := plugin.HandlerFunc(func(_ context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
		return dns.RcodeSuccess, w.WriteMsg(r)
	})
	h := handlerOf(t, func(*settings) {}, behind, "*.evil.example CNAME .\n")
	tracer := mocktracer.New()
	ctx := opentracing.ContextWithSpan(context.Background(), tracer.StartSpan("query"))
	client := &counter{from: net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:53"))}
	if _, err := h.ServeDNS(ctx, client, question("www.example.org.", dns.TypeA)); err != nil {
		t.Fatal(err)
	}
	if spans := tracer.FinishedSpans(); len(spans) != 1 || spans[0].OperationName != behind.Name() {
		t.Errorf("spans: %v", spans)
	}
}

// counter is a client that counts.
type counter struct {
	dns.ResponseWriter
	from    net.Addr
	replies int
}

func (c *counter) RemoteAddr() net.Addr    { return c.from }
func (c *counter) WriteMsg(*dns.Msg) error { c.replies++; return nil }

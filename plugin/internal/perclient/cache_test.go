package perclient

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/cache"
	"github.com/miekg/dns"
)

// answerer is a handler behind the cache. While it steers, its answer is the client's own
// address.
type answerer struct {
	steers, fails atomic.Bool
	asked         atomic.Int32
}

var errFailed = errors.New("failed")

func (a *answerer) Name() string { return "answerer" }

func (a *answerer) ServeDNS(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	a.asked.Add(1)
	if !a.steers.Load() {
		m := new(dns.Msg).SetRcode(r, dns.RcodeNameError)
		m.Ns = []dns.RR{&dns.SOA{Hdr: dns.RR_Header{Name: "test.", Rrtype: dns.TypeSOA, Class: dns.ClassINET, Ttl: 2}, Ns: "ns.test.", Mbox: "a.test.", Minttl: 2}}
		return dns.RcodeSuccess, w.WriteMsg(m)
	}
	Mark(ctx)
	if a.fails.Load() {
		return dns.RcodeServerFailure, errFailed
	}
	m := new(dns.Msg).SetReply(r)
	host, _, _ := net.SplitHostPort(w.RemoteAddr().String())
	m.Answer = []dns.RR{&dns.TXT{Hdr: dns.RR_Header{Name: r.Question[0].Name, Rrtype: r.Question[0].Qtype, Class: dns.ClassINET, Ttl: 2}, Txt: []string{host}}}
	return dns.RcodeSuccess, w.WriteMsg(m)
}

// written is the writer of a client's query.
type written struct {
	dns.ResponseWriter
	addr    string
	replies []*dns.Msg
}

func (w *written) RemoteAddr() net.Addr { return &net.UDPAddr{IP: net.ParseIP(w.addr), Port: 53} }
func (w *written) LocalAddr() net.Addr  { return w.RemoteAddr() }
func (w *written) WriteMsg(m *dns.Msg) error {
	w.replies = append(w.replies, m)
	return nil
}

// cached returns the handlers around a cache with the settings, in front of a.
func cached(t *testing.T, setting string, a plugin.Handler) plugin.Handler {
	t.Helper()
	c := caddy.NewTestController("dns", setting)
	setup, err := caddy.DirectiveAction("dns", "cache")
	if err == nil {
		err = setup(c)
	}
	if err != nil {
		t.Fatal(err)
	}
	h := dnsserver.GetConfig(c).Plugin[0](a)
	if _, ok := h.(*cache.Cache); !ok {
		t.Fatalf("%T is not the cache", h)
	}
	return beforeCache(h)
}

// ask returns what a client at the address gets: the rcode and the text.
func ask(t *testing.T, h plugin.Handler, addr string, qtype uint16) string {
	t.Helper()
	w := &written{addr: addr}
	rcode, err := h.ServeDNS(t.Context(), w, new(dns.Msg).SetQuestion("name.test.", qtype))
	if len(w.replies) == 0 {
		return "none, " + dns.RcodeToString[rcode] + ", " + errorText(err)
	}
	if len(w.replies) > 1 {
		t.Fatalf("%d replies to one query", len(w.replies))
	}
	text := dns.RcodeToString[w.replies[0].Rcode]
	for _, rr := range w.replies[0].Answer {
		text += " " + strings.Join(rr.(*dns.TXT).Txt, "")
	}
	return text
}

func errorText(err error) string {
	if err == nil {
		return "no error"
	}
	return err.Error()
}

var settings = []string{
	"cache . {\nsuccess 9 60 0\ndenial 9 60 0\n}",
	"cache . {\nsuccess 9 60 30\ndenial 9 60 30\nkeepttl\n}",
	"cache . {\nserve_stale 1h\nprefetch 1 1m 90%\n}",
	"cache . {\nserve_stale 1h verify\n}",
	"cache . {\nserve_stale 1h verify 1s\n}",
	"cache . {\nserve_stale 1h immediate 30s 30s\nservfail 1m\n}",
	"cache . {\nserve_stale 1h\nserve_stale_policy prefer_positive\n}",
}

// TestACachedAnswerYieldsToOneThatDependsOnTheClient covers a function that is placed, or
// hidden, after its name was queried. The refresh that finds it has no client.
func TestACachedAnswerYieldsToOneThatDependsOnTheClient(t *testing.T) {
	for _, setting := range settings {
		synctest.Test(t, func(t *testing.T) {
			a := &answerer{}
			h := cached(t, setting, a)
			for range 2 {
				if got := ask(t, h, "192.0.2.1", dns.TypeTXT); got != "NXDOMAIN" {
					t.Fatalf("%s: %s", setting, got)
				}
			}
			if !strings.Contains(setting, "prefetch") && a.asked.Load() != 1 {
				t.Errorf("%s: an answer that is the same for all clients was not cached", setting)
			}
			a.steers.Store(true)
			for range 3 { // by the second query at the latest, as the cache is configured
				time.Sleep(time.Minute + time.Second)
				ask(t, h, "192.0.2.1", dns.TypeTXT)
				synctest.Wait()
			}
			for range 3 {
				for _, addr := range []string{"192.0.2.1", "192.0.2.2", "2001:db8::1"} {
					if got := ask(t, h, addr, dns.TypeTXT); got != "NOERROR "+addr {
						t.Errorf("%s: %s got %s", setting, addr, got)
					}
				}
				time.Sleep(time.Minute + time.Second)
				synctest.Wait()
			}
			a.steers.Store(false)
			time.Sleep(2 * time.Minute)
			ask(t, h, "192.0.2.1", dns.TypeTXT)
			synctest.Wait()
			if got := ask(t, h, "192.0.2.2", dns.TypeTXT); got != "NXDOMAIN" {
				t.Errorf("%s: got %s after the answer stopped depending on the client", setting, got)
			}
		})
	}
}

// TestAFailureThatDependsOnTheClientIsNotKept fails for only one client.
func TestAFailureThatDependsOnTheClientIsNotKept(t *testing.T) {
	for _, setting := range settings {
		synctest.Test(t, func(t *testing.T) {
			a := &answerer{}
			a.steers.Store(true)
			a.fails.Store(true)
			h := cached(t, setting, a)
			if got := ask(t, h, "192.0.2.1", dns.TypeTXT); got != "none, SERVFAIL, failed" {
				t.Errorf("%s: %s", setting, got)
			}
			a.fails.Store(false)
			if got := ask(t, h, "192.0.2.2", dns.TypeTXT); got != "NOERROR 192.0.2.2" {
				t.Errorf("%s: the next client got %s", setting, got)
			}
			synctest.Wait()
		})
	}
}

// TestEveryTypeHasANoteThatCachesAccept covers caches that look at the records of an answer
// by type.
func TestEveryTypeHasANoteThatCachesAccept(t *testing.T) {
	a := &answerer{}
	a.steers.Store(true)
	for qtype := range dns.TypeToString {
		for _, do := range []bool{false, true} {
			h := cached(t, settings[3], a)
			for _, addr := range []string{"192.0.2.1", "192.0.2.2"} {
				w := &written{addr: addr}
				m := new(dns.Msg).SetQuestion("name.test.", qtype)
				m.SetEdns0(1232, do)
				if _, err := h.ServeDNS(t.Context(), w, m); err != nil || len(w.replies) != 1 || w.replies[0].Answer[0].(*dns.TXT).Txt[0] != addr {
					t.Errorf("%s: %v, %v", dns.TypeToString[qtype], w.replies, err)
				}
			}
		}
	}
}

// TestAnAnswerForAPartOfTheClientsIsNotKept has another server restrict its answer with
// the scope.
func TestAnAnswerForAPartOfTheClientsIsNotKept(t *testing.T) {
	var scope uint8
	asked := 0
	upstream := plugin.HandlerFunc(func(_ context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
		asked++
		m := new(dns.Msg).SetReply(r)
		m.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: r.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 60}, A: net.IPv4(192, 0, 2, 1)}}
		m.SetEdns0(1232, false)
		m.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_SUBNET{Code: dns.EDNS0SUBNET, Family: 1, SourceNetmask: 24, SourceScope: scope, Address: net.IPv4(10, 0, 0, 0)}}
		return dns.RcodeSuccess, w.WriteMsg(m)
	})
	for _, c := range []struct {
		scope uint8
		want  int // after the note, of three records
	}{{0, 1}, {1, 4}, {24, 4}} {
		scope, asked = c.scope, 0
		h := cached(t, "cache .", upstream)
		for range 3 {
			if _, err := h.ServeDNS(t.Context(), &written{addr: "192.0.2.1"}, new(dns.Msg).SetQuestion("name.test.", dns.TypeA)); err != nil {
				t.Fatal(err)
			}
		}
		if asked != c.want {
			t.Errorf("scope %d: asked %d times, want %d", c.scope, asked, c.want)
		}
	}
}

// TestOnlyACacheIsWrapped leaves other plugins as they are.
func TestOnlyACacheIsWrapped(t *testing.T) {
	a := &answerer{}
	if beforeCache(a) != plugin.Handler(a) {
		t.Error("wrapped")
	}
	alone := cached(t, "cache .", nil)
	if got, want := ask(t, alone, "192.0.2.1", dns.TypeTXT), "none, SERVFAIL, plugin/cache: no next plugin found"; got != want {
		t.Errorf("a cache without a next plugin: %s, want %s", got, want)
	}
}

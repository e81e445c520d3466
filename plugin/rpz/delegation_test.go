package rpz

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/miekg/dns"
)

// resolver answers look-ups in tests without sockets. If it returns no records and false,
// it does not answer before the look-up ends.
type resolver struct {
	answer func(name string, qtype uint16) (records []string, ok bool)
	// slow is how long it continues after a look-up has ended.
	slow time.Duration

	mu    sync.Mutex
	asked []string
	seen  []*dns.Msg
	from  []string
}

func (r *resolver) ServeDNS(ctx context.Context, w dns.ResponseWriter, m *dns.Msg) {
	q := m.Question[0]
	r.mu.Lock()
	r.asked = append(r.asked, q.Name+" "+dns.Type(q.Qtype).String())
	r.seen, r.from = append(r.seen, m.Copy()), append(r.from, w.RemoteAddr().Network())
	r.mu.Unlock()
	records, ok := r.answer(q.Name, q.Qtype)
	if !ok {
		<-ctx.Done()
		time.Sleep(r.slow)
		return
	}
	reply := new(dns.Msg).SetReply(m)
	for _, text := range records {
		rr, err := dns.NewRR(text)
		if err != nil {
			panic(err)
		}
		if rr.Header().Rrtype == dns.TypeSOA {
			reply.Ns = append(reply.Ns, rr)
			continue
		}
		reply.Answer = append(reply.Answer, rr)
	}
	_ = w.WriteMsg(reply)
}

// count returns the number of queries since the last count.
func (r *resolver) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := len(r.asked)
	r.asked = nil
	return n
}

// asking is a query of a client at the address.
func asking(d *delegations, r *resolver, client string) *query {
	q := &query{
		ResponseWriter: from(client), ctx: context.WithValue(context.Background(), dnsserver.Key{}, r),
		handler: &RPZ{paths: d}, set: &set{serverFamilies: wanted{true, false}},
	}
	q.init()
	return q
}

// look finds the servers on the path to a name.
func (q *query) look(name string) *path {
	st := &stage{name: name}
	q.serverAddresses(st, name)
	return st.path
}

// hosted makes each name of a test with at most so many labels a zone with its own name
// servers.
func hosted(labels, servers int) func(string, uint16) ([]string, bool) {
	return func(name string, qtype uint16) (records []string, ok bool) {
		switch {
		case qtype == dns.TypeNS && dns.CountLabel(name) <= labels:
			for i := range servers {
				records = append(records, fmt.Sprintf("%s 300 NS ns%d.%s", name, i, name))
			}
		case qtype == dns.TypeA:
			records = []string{name + " 300 A 192.0.2.1"}
		}
		return records, true
	}
}

func TestAQueryCausesABoundedNumberOfLookUps(t *testing.T) {
	for labels := 2; labels <= 120; labels++ {
		d, r := newDelegations(".", 1), &resolver{answer: hosted(labels, 13)}
		q := asking(d, r, "192.0.2.7")
		q.look(strings.Repeat("x.", labels-1) + "example.")
		q.look(strings.Repeat("y.", labels-1) + "example.") // the next name of its chain
		if n := r.count(); n > lookupsPerQuery {
			t.Fatalf("%d labels: %d look-ups", labels, n)
		}
	}
}

func TestAQueryOverBudgetLeavesItsFindingsToTheNext(t *testing.T) {
	d, r := newDelegations(".", 1), &resolver{answer: hosted(6, 13)}
	var lacks []lack
	for range 3 {
		p := asking(d, r, "192.0.2.7").look("a.b.c.d.e.example.")
		lacks = append(lacks, p.lackOfAddresses)
	}
	if lacks[0] != overQuery || lacks[2] != "" {
		t.Errorf("lacks: got %q", lacks)
	}
	r.count()
	if asking(d, r, "192.0.2.7").look("a.b.c.d.e.example."); r.count() > 0 {
		t.Error("a known result was looked up again")
	}
}

func TestTheZoneOfALongNameIsFoundFirst(t *testing.T) {
	name := strings.Repeat("0.", 28) + "8.b.d.0.1.0.0.2.ip6.arpa."
	zones := []string{name[len(name)-len("1.0.0.2.ip6.arpa."):], name[len(name)-len("0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa."):]}
	r := &resolver{answer: func(name string, qtype uint16) ([]string, bool) {
		switch {
		case qtype == dns.TypeNS && slices.Contains(zones, name):
			return []string{name + " 300 NS ns.example."}, true
		case qtype == dns.TypeNS && dns.IsSubDomain(zones[1], name):
			return []string{zones[1] + " 300 SOA ns. h. 1 1 1 1 1"}, true
		case qtype == dns.TypeNS && dns.IsSubDomain(zones[0], name):
			return []string{zones[0] + " 300 SOA ns. h. 1 1 1 1 1"}, true
		}
		return nil, true
	}}
	d := newDelegations(".", 1)
	p := asking(d, r, "192.0.2.7").look(name)
	if p.lack != "" || len(p.cuts) != 2 || p.cuts[0].zone != zones[0] || p.cuts[1].zone != zones[1] {
		t.Errorf("lack %q: %v", p.lack, p.cuts)
	}
	r.count()
	if asking(d, r, "192.0.2.7").look(name); r.count() > 0 {
		t.Error("a known result was looked up again")
	}
}

func TestTheServersOfALongNameCannotHideItsRegisteredDomain(t *testing.T) {
	r := &resolver{answer: func(name string, qtype uint16) ([]string, bool) {
		switch {
		case qtype == dns.TypeNS && name == "evil.example.":
			return []string{"evil.example. 300 NS ns.evil.example."}, true
		case qtype == dns.TypeNS:
			return []string{"example. 300 SOA ns. h. 1 1 1 1 1"}, true
		}
		return nil, true
	}}
	p := asking(newDelegations(".", 1), r, "192.0.2.7").look(strings.Repeat("x.", 20) + "evil.example.")
	if p.lack != "" || len(p.cuts) != 1 {
		t.Errorf("lack %q: %v", p.lack, p.cuts)
	}
}

func TestOnlyTheZoneOfANegativeAnswerIsLookedAt(t *testing.T) {
	r := &resolver{answer: hosted(2, 1)}
	q := asking(newDelegations(".", 1), r, "192.0.2.7")
	st := &stage{name: "random.a.b.example.", inside: "b.example."}
	q.serverNames(st, st.name)
	if !slices.Equal(r.asked, []string{"b.example. NS"}) {
		t.Errorf("asked %q", r.asked)
	}
}

func TestOnlyFamiliesWithRulesAreLookedUp(t *testing.T) {
	r := &resolver{answer: hosted(2, 1)}
	d := newDelegations(".", 1)
	if asking(d, r, "192.0.2.7").look("b.example."); !slices.Equal(r.asked, []string{"b.example. NS", "ns0.b.example. A"}) {
		t.Errorf("asked %q", r.asked)
	}
	r.count()
	six := asking(d, r, "192.0.2.7")
	six.set = &set{serverFamilies: wanted{true, true}}
	if six.look("b.example."); !slices.Equal(r.asked, []string{"ns0.b.example. AAAA"}) {
		t.Errorf("with a rule for IPv6 asked %q", r.asked)
	}
}

func TestLookUpsCarryNothingOfTheClientsQuery(t *testing.T) {
	r := &resolver{answer: hosted(2, 1)}
	q := asking(newDelegations(".", 1), r, "192.0.2.7")
	w := q.ResponseWriter.(*recorder)
	w.from = net.TCPAddrFromAddrPort(netip.MustParseAddrPort("192.0.2.7:5353"))
	q.msg = new(dns.Msg).SetQuestion("b.example.", dns.TypeA)
	q.msg.CheckingDisabled = true
	q.msg.SetEdns0(4096, true)
	q.msg.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_SUBNET{Code: dns.EDNS0SUBNET, Family: 1, SourceNetmask: 24, Address: []byte{10, 0, 0, 0}}}
	q.look("b.example.")
	for i, m := range r.seen {
		if opt := m.IsEdns0(); m.CheckingDisabled || opt == nil || opt.Do() || len(opt.Option) > 0 || r.from[i] != "udp" {
			t.Errorf("over %s: %s", r.from[i], m)
		}
	}
}

func TestNamesBelowOneDomainEvictNothingOfAnother(t *testing.T) {
	r := &resolver{answer: hosted(9, 1)}
	d := newDelegations(".", 1)
	asking(d, r, "192.0.2.7").look("www.bank.example.")
	for i := range 20_000 {
		asking(d, r, "198.51.100.1").look(fmt.Sprintf("x%d.evil.example.", i))
	}
	r.count()
	if asking(d, r, "192.0.2.7").look("www.bank.example."); r.count() > 0 {
		t.Error("the delegation of another domain's name was forgotten")
	}
	if asking(d, r, "192.0.2.7").look("x0.evil.example."); r.count() == 0 { // the control
		t.Error("one domain is remembered without limit")
	}
}

func TestDomainsQueriedOnceEvictNoneQueriedAgain(t *testing.T) {
	r := &resolver{answer: hosted(9, 1)}
	d := newDelegations(".", 1)
	for range 2 {
		asking(d, r, "192.0.2.7").look("www.bank.example.")
	}
	for i := range 2 * domainsKept {
		asking(d, r, "198.51.100.1").look(fmt.Sprintf("www.d%d.example.", i))
	}
	r.count()
	if asking(d, r, "192.0.2.7").look("www.bank.example."); r.count() > 0 {
		t.Error("a domain that is queried again was forgotten")
	}
}

func TestOneClientDoesNotUseUpTheLookUpsOfOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &resolver{slow: 3 * time.Second, answer: func(name string, qtype uint16) ([]string, bool) {
			if strings.Contains(name, ".slow") && dns.CountLabel(name) > 2 {
				return nil, false
			}
			return hosted(2, 1)(name, qtype)
		}}
		d := newDelegations(".", 1)
		for i := range 4000 {
			go asking(d, r, fmt.Sprintf("192.0.%d.7", i%4)).look(fmt.Sprintf("x%d.slow%d.example.", i, i%400))
		}
		synctest.Wait()
		took := func(client, name string) (time.Duration, lack) {
			start := time.Now()
			p := asking(d, r, client).look(name)
			return time.Since(start), worse(p.lack, p.lackOfAddresses)
		}
		if n, lack := took("198.51.100.1", "www.bank.example."); n > 0 || lack != "" {
			t.Errorf("another client waits for %s, %q", n, lack)
		}
		if _, lack := took("192.0.2.99", "www.other.example."); lack != overClient { // the control
			t.Errorf("the same prefix lacks %q", lack)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(d.shares.of) > 0 || d.shares.waiting > 0 {
			t.Errorf("shares are left: %d, %d waiting", len(d.shares.of), d.shares.waiting)
		}
		if n, lack := took("192.0.2.99", "www.other.example."); n > 0 || lack != "" {
			t.Errorf("afterwards the same prefix waits for %s, %q", n, lack)
		}
	})
}

func TestOneDomainDoesNotUseUpTheLookUpsOfItsClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &resolver{answer: func(name string, qtype uint16) ([]string, bool) {
			if strings.HasSuffix(name, ".slow.example.") {
				return nil, false
			}
			return hosted(2, 1)(name, qtype)
		}}
		d := newDelegations(".", 1)
		for i := range 200 {
			go asking(d, r, "192.0.2.7").look(fmt.Sprintf("x%d.slow.example.", i))
		}
		synctest.Wait()
		start := time.Now()
		p := asking(d, r, "192.0.2.7").look("www.bank.example.")
		if n := time.Since(start); n > 0 || p.lack != "" {
			t.Errorf("another domain waits for %s, %q", n, p.lack)
		}
		time.Sleep(time.Minute) // they end
	})
}

func TestAZoneThatDoesNotAnswerIsNotQueriedAgainAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answers := false
		r := &resolver{}
		r.answer = func(name string, qtype uint16) ([]string, bool) {
			if !answers && dns.IsSubDomain("slow.example.", name) {
				return nil, false
			}
			return hosted(2, 1)(name, qtype)
		}
		d := newDelegations(".", 1)
		start := time.Now()
		if p := asking(d, r, "192.0.2.7").look("a.slow.example."); p.lack != unanswered || time.Since(start) != lookupTime {
			t.Fatalf("lack %q after %s", p.lack, time.Since(start))
		}
		synctest.Wait()
		answers = true
		r.count()
		for i := range 100 {
			if p := asking(d, r, "192.0.2.7").look(fmt.Sprintf("x%d.y.slow.example.", i)); p.lack != unanswered {
				t.Fatalf("lack: got %q", p.lack)
			}
		}
		if n := r.count(); n > 0 {
			t.Errorf("%d look-ups below a zone that does not answer", n)
		}
		time.Sleep(failedTime)
		if p := asking(d, r, "192.0.2.7").look("a.slow.example."); p.lack != "" {
			t.Errorf("later: got lack %q", p.lack)
		}
	})
}

func TestTheParentsOfAZoneThatDoesNotAnswerAreLookedUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &resolver{answer: func(name string, qtype uint16) ([]string, bool) {
			if name == "x.bank.example." {
				return nil, false
			}
			return []string{name + " 1 NS ns.bank.example."}, true
		}}
		d := newDelegations(".", 1)
		for range 2 {
			p := asking(d, r, "192.0.2.7").look("www.x.bank.example.")
			if p.lack != unanswered || len(p.cuts) == 0 || p.cuts[0].zone != "bank.example." {
				t.Errorf("lack %q: %v", p.lack, p.cuts)
			}
			time.Sleep(2 * time.Second) // until the TTLs have expired, but the failure has not
		}
	})
}

// TestAQueryOutOfTimeMarksNoZoneAsFailing holds that a client cannot have zones of others
// marked as failing by a chain whose first names take almost all of its time.
func TestAQueryOutOfTimeMarksNoZoneAsFailing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &resolver{}
		r.answer = func(name string, qtype uint16) ([]string, bool) {
			if name == "evil.example." {
				time.Sleep(lookupTime - 10*time.Millisecond)
			}
			if name == "bank.example." {
				time.Sleep(50 * time.Millisecond)
			}
			return hosted(2, 1)(name, qtype)
		}
		d := newDelegations(".", 1)
		q := asking(d, r, "198.51.100.1")
		q.look("evil.example.")
		if p := q.look("bank.example."); p.lack != overTime {
			t.Fatalf("the attack does not work: lack %q", p.lack)
		}
		if p := asking(d, r, "192.0.2.7").look("bank.example."); p.lack != "" {
			t.Errorf("for others: got lack %q", p.lack)
		}
	})
}

func TestADomainIsARegisteredName(t *testing.T) {
	for name, want := range map[string]string{
		"example.":                   "example.",
		"www.a.example.":             "a.example.",
		"a.b.example.co.uk.":         "example.co.uk.",
		"co.uk.":                     "co.uk.",
		"a.b.vercel.app.":            "vercel.app.",
		"a.github.io.":               "github.io.",
		"x.y.compute.amazonaws.com.": "amazonaws.com.",
		"1.2.0.192.in-addr.arpa.":    "192.in-addr.arpa.",
		"1.2.3.4.":                   "3.4.",
		".":                          ".",
	} {
		if got := registrable(name); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
}

func FuzzRegistrable(f *testing.F) {
	for _, name := range []string{"www.example.co.uk.", "a.b.vercel.app.", "1.2.3.4.", ".", `a\.b.example.`, "xn--p1ai."} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if _, ok := dns.IsDomainName(name); !ok || !strings.HasSuffix(name, ".") || strings.HasSuffix(name, `\.`) {
			return
		}
		if got := registrable(name); !strings.HasSuffix("."+name, "."+strings.TrimPrefix(got, ".")) {
			t.Errorf("%q is not at or above %q", got, name)
		}
	})
}

func TestAPrefixCoversOneClient(t *testing.T) {
	for client, want := range map[string]string{"192.0.2.77": "192.0.2.0/24", "2001:db8:1:2ff:1::1": "2001:db8:1:200::/56"} {
		if got := prefixOf(netip.MustParseAddr(client)); got.String() != want {
			t.Errorf("%s: got %s, want %s", client, got, want)
		}
	}
}

package direct

import (
	"reflect"
	"testing"

	"github.com/miekg/dns"
)

// FuzzUnpack checks that a reused exchange parses the next query exactly as CoreDNS's own
// parser does.
func FuzzUnpack(f *testing.F) {
	for _, datagram := range corpus(500) {
		f.Add(datagram)
	}
	for _, option := range []dns.EDNS0{
		subnet("10.2.0.0/24"), subnet("2001:db8::/56"), &dns.EDNS0_SUBNET{}, aCookie(), &dns.EDNS0_NSID{},
	} {
		f.Add(packed(f, option))
		f.Add(packed(f, option, subnet("10.3.0.0/16")))
		f.Add(packed(f, aCookie(), option))
	}
	f.Add(append(packed(f), 0))
	before := packed(f, subnet("192.0.2.0/24"))
	f.Fuzz(func(t *testing.T, datagram []byte) {
		var buf [maxName]byte
		name, ok := plain(datagram, &buf)
		if !ok {
			return
		}
		want := new(dns.Msg)
		err := want.Unpack(datagram)
		e := new(exchange)
		if !e.unpack(before, len("hello.demo.fn.example.org.")) {
			t.Fatal("the previous query was not parsed")
		}
		e.query.Response, e.query.Compress = true, true // plugins may leave it in this state
		e.query.IsEdns0().SetUDPSize(4096)
		e.query.IsEdns0().SetVersion(1)
		if got := e.unpack(datagram, len(name)); got != (err == nil) {
			t.Fatalf("parsed: %v, want %v", got, err)
		}
		if err == nil && !reflect.DeepEqual(&e.query, want) {
			t.Fatalf("\n%#v\nwant\n%#v", &e.query, want)
		}
	})
}

func aCookie() *dns.EDNS0_COOKIE {
	return &dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "0123456789abcdef0100000000000000"}
}

func packed(t testing.TB, options ...dns.EDNS0) []byte {
	t.Helper()
	m := new(dns.Msg).SetQuestion("hello.demo.fn.example.org.", dns.TypeA)
	m.SetEdns0(1232, true)
	m.IsEdns0().Option = options
	data, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestAnExchangeIsReusedUnlessAPluginKeepsIt checks that the next query overwrites
// neither what a plugin keeps nor what a plugin other than nearcast answered.
func TestAnExchangeIsReusedUnlessAPluginKeepsIt(t *testing.T) {
	for _, c := range []struct {
		name, plugins string
		qtype         uint16
		again         bool
	}{
		{"alone", "", dns.TypeA, true},
		{"no such record", "", dns.TypeMX, true},
		{"after plugins that keep nothing", "prometheus LOOPBACK:0\nerrors\nlog\nany\n", dns.TypeA, true},
		{"answered by another plugin", "any\n", dns.TypeANY, false},
		{"refused by acl", "acl {\nblock type MX\n}\n", dns.TypeMX, false},
		{"after dnstap, which writes the client's address later", "dnstap tcp://LOOPBACK:9 full\n", dns.TypeA, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, a := idle(t, c.plugins)
			data, err := new(dns.Msg).SetQuestion("hello.demo.fn.example.org.", c.qtype).Pack()
			if err != nil {
				t.Fatal(err)
			}
			r.batch.in[0].length = uint32(copy(r.batch.queries[0][:], data))
			if !r.inPlace(a, 0) || r.batch.answered != 1 {
				t.Fatal("not answered in place")
			}
			first := r.exchange
			if again := first != nil; again != c.again {
				t.Errorf("reused: %v, want %v", again, c.again)
			}
			if r.inPlace(a, 0); r.exchange != first {
				t.Error("the next query had another exchange")
			}
		})
	}
}

// TestAnExchangeEndsWithItsConfiguration checks that the next configuration reuses none.
func TestAnExchangeEndsWithItsConfiguration(t *testing.T) {
	r, a := idle(t, "")
	next := *a
	r.listener = new(listener)
	var used []*exchange
	for _, active := range []*active{a, &next} {
		r.listener.active.Store(active)
		r.serve(1)
		if r.exchange == nil || r.exchange.active != active {
			t.Error("the exchange does not belong to the configuration")
		}
		used = append(used, r.exchange)
	}
	if used[0] == used[1] {
		t.Error("the exchange of the previous configuration was reused")
	}
}

// TestCommonQueriesAreParsedInPlace covers what most resolvers send.
func TestCommonQueriesAreParsedInPlace(t *testing.T) {
	bare, err := new(dns.Msg).SetQuestion("hello.demo.fn.example.org.", dns.TypeA).Pack()
	if err != nil {
		t.Fatal(err)
	}
	for name, query := range map[string][]byte{"bare": bare, "OPT": packed(t), "IPv4 subnet": packed(t, subnet("10.2.0.0/24")), "IPv6 subnet": packed(t, subnet("2001:db8::/56")), "cookie": packed(t, aCookie()), "both": packed(t, aCookie(), subnet("10.2.0.0/24"))} {
		e := new(exchange)
		if !e.unpack(query, len("hello.demo.fn.example.org.")) || &e.query.Question[0] != &e.question[0] {
			t.Errorf("%s: the question is not in the exchange", name)
		}
		if opt := e.query.IsEdns0(); opt != nil && opt != &e.opt {
			t.Errorf("%s: the OPT is not in the exchange", name)
		}
	}
}

// TestAQueryLeavesNothingBehindForTheNext checks, for queries of every form, that the
// answer does not depend on what an earlier query left behind.
func TestAQueryLeavesNothingBehindForTheNext(t *testing.T) {
	r, a := idle(t, "", world[1:]...)
	serve := func(query []byte, again bool) string {
		if !again {
			r.exchange = nil
		}
		r.batch.in[0].length = uint32(copy(r.batch.queries[0][:], query))
		inPlace := r.inPlace(a, 0)
		answered := r.batch.answered
		r.batch.answered = 0
		if !inPlace || answered == 0 {
			return ""
		}
		return string(r.batch.room(0)[:r.batch.out[0].header.Iov.Len])
	}
	all := corpus(3000)
	before, compared := all[0], 0
	for _, query := range all[1:] {
		if len(query) > querySize {
			continue
		}
		// An answer that changes every second gets a second chance.
		var again, anew string
		for range 3 {
			serve(before, false)
			used := r.exchange != nil
			if again, anew = serve(query, true), serve(query, false); again == anew {
				if used && again != "" {
					compared++
				}
				break
			}
		}
		if again != anew {
			t.Fatalf("%x after %x: got %x, but without the first query %x", query, before, again, anew)
		}
		before = query
	}
	if compared < 500 {
		t.Errorf("%d were compared", compared)
	}
}

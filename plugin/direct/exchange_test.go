package direct

import (
	"reflect"
	"testing"

	"github.com/miekg/dns"
)

// FuzzUnpack holds that an exchange that had another query before reads the next
// one to what CoreDNS's own parser makes of it.
func FuzzUnpack(f *testing.F) {
	for _, datagram := range corpus(500) {
		f.Add(datagram)
	}
	for _, option := range []dns.EDNS0{
		subnet("10.2.0.0/24"), subnet("2001:db8::/56"), &dns.EDNS0_SUBNET{}, &dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "0123456789abcdef"}, &dns.EDNS0_NSID{},
	} {
		f.Add(packed(f, option))
		f.Add(packed(f, option, subnet("10.3.0.0/16")))
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
			t.Fatal("the query before was not read")
		}
		if got := e.unpack(datagram, len(name)); got != (err == nil) {
			t.Fatalf("read: %v, want %v", got, err)
		}
		if err == nil && !reflect.DeepEqual(&e.query, want) {
			t.Fatalf("\n%#v\nwant\n%#v", &e.query, want)
		}
	})
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

// TestAnExchangeIsUsedAgainWhereNothingIsKept holds that neither what a plugin keeps
// nor what another plugin than nearcast answered is written over by the next query.
func TestAnExchangeIsUsedAgainWhereNothingIsKept(t *testing.T) {
	for _, c := range []struct {
		name, plugins string
		qtype         uint16
		again         bool
	}{
		{"alone", "", dns.TypeA, true},
		{"no such record", "", dns.TypeMX, true},
		{"behind plugins that keep nothing", "prometheus LOOPBACK:0\nerrors\nlog\nany\n", dns.TypeA, true},
		{"answered by another", "any\n", dns.TypeANY, false},
		{"behind dnstap, which writes the client's address later", "dnstap tcp://LOOPBACK:9 full\n", dns.TypeA, false},
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
			if again := r.exchange != nil; again != c.again {
				t.Errorf("used again: %v, want %v", again, c.again)
			}
		})
	}
}

// TestAnExchangeEndsWithItsConfiguration holds that none is used under the next one.
func TestAnExchangeEndsWithItsConfiguration(t *testing.T) {
	r, a := idle(t, "")
	r.inPlace(a, 0)
	first := r.exchange
	next := *a
	r.inPlace(&next, 0)
	if first == nil || r.exchange == nil || r.exchange == first || r.exchange.active != &next {
		t.Error("the exchange of the configuration before is used again")
	}
}

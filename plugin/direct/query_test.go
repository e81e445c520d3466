package direct

import (
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// FuzzPlain checks that a query recognised as a common one is also one to CoreDNS's own
// parser, with the same name, and that a server would accept it.
func FuzzPlain(f *testing.F) {
	for _, datagram := range corpus(200) {
		f.Add(datagram)
	}
	f.Fuzz(func(t *testing.T, datagram []byte) {
		var buf [maxName]byte
		name, ok := plain(datagram, &buf)
		if !ok {
			return
		}
		m := new(dns.Msg)
		if err := m.Unpack(datagram); err != nil && m.Question == nil {
			return // then it is handed over
		}
		if len(m.Question) != 1 || m.Response || m.Opcode != dns.OpcodeQuery || len(m.Answer)+len(m.Ns) > 0 || len(m.Extra) > 1 {
			t.Fatalf("not a common query: %s", m)
		}
		q := m.Question[0]
		if got := strings.ToLower(q.Name); got != string(name) || q.Qclass != dns.ClassINET {
			t.Fatalf("%q in class %d was read as %q", q.Name, q.Qclass, name)
		}
		if q.Qtype == dns.TypeDS || q.Qtype == dns.TypeAXFR || q.Qtype == dns.TypeIXFR {
			t.Fatalf("type %d", q.Qtype)
		}
	})
}

func TestReadingAQueryAllocatesNothing(t *testing.T) {
	data, err := new(dns.Msg).SetQuestion("Hello.demo.fn.example.org.", dns.TypeA).Pack()
	if err != nil {
		t.Fatal(err)
	}
	var buf [maxName]byte
	if n := testing.AllocsPerRun(100, func() {
		if name, ok := plain(data, &buf); !ok || string(name) != "hello.demo.fn.example.org." {
			t.Fatalf("%q", name)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

package ddr

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/coredns/coredns/plugin/pkg/dnstest"
	"github.com/coredns/coredns/plugin/test"
	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/plugin/internal/udp"
)

// some are answers with one designation.
func some() *DDR {
	d := Designation{Priority: 1, Target: "dns.example.", Protocols: []string{"dot"}}
	return &DDR{answers: answersOf([]Designation{d}, 300)}
}

// TestUnrelatedQueriesAllocateNothing checks that recognising other queries allocates
// nothing.
func TestUnrelatedQueriesAllocateNothing(t *testing.T) {
	d := some()
	for _, name := range []string{"hello.demo.fn.example.org.", "LOGIN.Bank.fn.example.org.", "_tcp.example.org.", "host.in-addr.arpa.", "."} {
		for _, qtype := range []uint16{dns.TypeA, dns.TypeSVCB} {
			query := new(dns.Msg).SetQuestion(name, qtype)
			if allocs := testing.AllocsPerRun(100, func() {
				if reply, _ := d.answer(query); reply != nil {
					t.Fatalf("%s is answered", name)
				}
			}); allocs > 0 {
				t.Errorf("%s: %v allocations", name, allocs)
			}
		}
	}
}

// TestAnswersAreCopies checks that a plugin in front may change a reply.
func TestAnswersAreCopies(t *testing.T) {
	d := some()
	for _, c := range []struct {
		name  string
		qtype uint16
	}{{"_dns.resolver.arpa.", dns.TypeSVCB}, {"_dns.resolver.arpa.", dns.TypeA}, {"resolver.arpa.", dns.TypeNS}, {"resolver.arpa.", dns.TypeSOA}} {
		query := new(dns.Msg).SetQuestion(c.name, c.qtype)
		first, _ := d.answer(query)
		want := first.String()
		for _, rr := range slices.Concat(first.Answer, first.Ns, first.Extra) {
			rr.Header().Ttl, rr.Header().Name = 7, "changed."
		}
		if second, _ := d.answer(query); second.String() != want {
			t.Errorf("%s: changing one reply changed the next:\n%s", c.name, second)
		}
	}
}

// TestAnswersOverUDPFitIntoOnePacket designates as much as is allowed: a query can be
// forged, so its answer must not be a hundred times as long.
func TestAnswersOverUDPFitIntoOnePacket(t *testing.T) {
	d := Designation{Priority: 1, Target: "dns.example.", Protocols: []string{"h2"}, Path: "/" + strings.Repeat("x", 200) + "{?dns}"}
	for i := range byte(maxHints) {
		d.Hints = append(d.Hints, netip.AddrFrom4([4]byte{192, 0, 2, i}))
	}
	for of, truncated := range map[int]bool{3: false, maxDesignations: true} {
		h := &DDR{answers: answersOf(slices.Repeat([]Designation{d}, of), 300)}
		query := new(dns.Msg).SetQuestion("_dns.resolver.arpa.", dns.TypeSVCB)
		query.SetEdns0(4096, false)
		for tcp, most := range map[bool]int{false: udp.MaxSize, true: dns.MaxMsgSize} {
			w := dnstest.NewRecorder(&test.ResponseWriter{TCP: tcp})
			if _, err := h.ServeDNS(t.Context(), w, query.Copy()); err != nil {
				t.Fatal(err)
			}
			got := w.Msg
			if whole := len(got.Answer) == of; got.Len() > most || got.Truncated != (truncated && !tcp) || whole == got.Truncated || len(got.Answer) > 0 && !whole {
				t.Errorf("%d designations, over TCP %v: %d octets, %d records, truncated %v", of, tcp, got.Len(), len(got.Answer), got.Truncated)
			}
		}
	}
}

// FuzzAnswer checks, for any message that CoreDNS would pass to a plugin, that names at
// or below resolver.arpa are answered here, that otherwise only a target's own
// designation is, and that replies can be packed.
func FuzzAnswer(f *testing.F) {
	for _, name := range []string{"_dns.resolver.arpa.", "_DNS.resolver.ARPA.", "resolver.arpa.", `x\.resolver.arpa.`, "_dns.dns.example.", `\095dns.resolver.arpa.`, "example.", "."} {
		for _, qtype := range []uint16{dns.TypeSVCB, dns.TypeSOA, dns.TypeANY} {
			wire, err := new(dns.Msg).SetQuestion(name, qtype).Pack()
			if err != nil {
				f.Fatal(err)
			}
			f.Add(wire)
		}
	}
	d := some()
	f.Fuzz(func(t *testing.T, wire []byte) {
		query := new(dns.Msg)
		if query.Unpack(wire) != nil || len(query.Question) == 0 {
			return
		}
		q := query.Question[0]
		labels := dns.SplitDomainName(strings.ToLower(q.Name))
		n := len(labels)
		below := n >= 2 && labels[n-2] == "resolver" && labels[n-1] == "arpa"
		target := slices.Equal(labels, []string{"_dns", "dns", "example"}) && q.Qtype == dns.TypeSVCB
		ours := (below || target) && query.Opcode == dns.OpcodeQuery && q.Qclass == dns.ClassINET
		reply, _ := d.answer(query)
		if (reply != nil) != ours {
			t.Fatalf("%v is answered here: %v, want %v", q, reply != nil, ours)
		}
		if reply == nil {
			return
		}
		if _, err := reply.Pack(); err != nil || reply.Rcode != dns.RcodeSuccess || reply.Id != query.Id || reply.Question[0] != q {
			t.Errorf("%v: %v\n%v", q, err, reply)
		}
		designates := len(reply.Answer) > 0 && reply.Answer[0].Header().Rrtype == dns.TypeSVCB
		if asked := q.Qtype == dns.TypeSVCB && n > 0 && labels[0] == "_dns" && (target || n == 3); designates != asked {
			t.Errorf("%v: designates %v, want %v", q, designates, asked)
		}
	})
}

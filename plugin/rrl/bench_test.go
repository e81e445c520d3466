package rrl

import (
	"context"
	"net"
	"testing"

	"github.com/coredns/coredns/plugin/test"
	"github.com/miekg/dns"
)

type nowhere struct {
	test.ResponseWriter
	from net.UDPAddr
}

func (n *nowhere) RemoteAddr() net.Addr  { return &n.from }
func (*nowhere) WriteMsg(*dns.Msg) error { return nil }

// BenchmarkDebit debits another account for each answer.
func BenchmarkDebit(b *testing.B) {
	table, l, n := newTable(100_000), limitOf(50, 15, 2), uint64(0)
	for b.Loop() {
		n += 0x9E3779B97F4A7C15
		table.debit(n, &l)
	}
}

// BenchmarkServeDNS measures what limits add to the cost of an answer.
func BenchmarkServeDNS(b *testing.B) {
	m := new(dns.Msg).SetQuestion("hello.demo.fn.example.org.", dns.TypeA)
	reply := new(dns.Msg).SetReply(m)
	reply.Answer = []dns.RR{test.A("hello.demo.fn.example.org. IN A 192.0.2.1")}
	r := newRRL(&settings{perSecond: [kinds]int{10_000, 0, 0}, window: 1, bits4: 24, bits6: 56, size: 100_000})
	r.next = test.HandlerFunc(func(_ context.Context, w dns.ResponseWriter, _ *dns.Msg) (int, error) {
		return dns.RcodeSuccess, w.WriteMsg(reply)
	})
	w := &nowhere{from: net.UDPAddr{IP: net.IPv4(192, 0, 2, 1).To4()}}
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		n += 0x9E3779B9
		w.from.IP[0], w.from.IP[1], w.from.IP[2] = byte(n>>8), byte(n>>16), byte(n>>24)
		_, _ = r.ServeDNS(context.Background(), w, m)
	}
}

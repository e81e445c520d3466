package udp

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin/test"
	"github.com/miekg/dns"
)

type writer struct {
	test.ResponseWriter
	from net.Addr
}

func (w *writer) RemoteAddr() net.Addr { return w.from }

func TestOnlyPlainUDPIsPlain(t *testing.T) {
	ip := net.IPv4(192, 0, 2, 7)
	for _, c := range []struct {
		server string
		from   net.Addr
		want   bool
	}{
		{"dns://192.0.2.53:53", &net.UDPAddr{IP: ip}, true},
		{"dns://192.0.2.53:53", &net.TCPAddr{IP: ip}, false},
		{"tls://192.0.2.53:853", &net.TCPAddr{IP: ip}, false},
		{"quic://192.0.2.53:853", &net.UDPAddr{IP: ip}, false},
		{"https3://192.0.2.53:443", &net.UDPAddr{IP: ip}, false},
		{"", &net.UDPAddr{IP: ip}, true}, // not queried through a server
	} {
		ctx := context.Background()
		if c.server != "" {
			ctx = context.WithValue(ctx, dnsserver.Key{}, &dnsserver.Server{Addr: c.server})
		}
		if got := Plain(ctx, &writer{from: c.from}); got != c.want {
			t.Errorf("%s from a %T: %v", c.server, c.from, got)
		}
	}
}

// TestAReplyThatFitsIsWholeAndOneThatDoesNotIsEmpty tries replies of many lengths.
func TestAReplyThatFitsIsWholeAndOneThatDoesNotIsEmpty(t *testing.T) {
	const size = 1232
	whole, bare, emptied := 0, 0, 0
	for records := range 40 {
		for additional := range 20 {
			m := new(dns.Msg).SetReply(new(dns.Msg).SetQuestion("long.name.of.a.function.example.org.", dns.TypeTXT))
			for i := range records {
				m.Answer = append(m.Answer, &dns.TXT{Hdr: dns.RR_Header{Name: m.Question[0].Name, Rrtype: dns.TypeTXT, Class: 1}, Txt: []string{fmt.Sprint(i, strings.Repeat("x", 30))}})
			}
			for range additional {
				m.Extra = append(m.Extra, &dns.A{Hdr: dns.RR_Header{Name: m.Question[0].Name, Rrtype: dns.TypeA, Class: 1}, A: net.IPv4(192, 0, 2, 1)})
			}
			opt := &dns.OPT{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeOPT}}
			m.Extra = append(m.Extra, opt)
			before := m.Copy()
			Fit(m, size)
			data, err := m.Pack()
			if err != nil || len(data) > size || m.IsEdns0() == nil || len(m.Question) != 1 {
				t.Fatalf("%d records and %d: %d octets, %v\n%s", records, additional, len(data), err, m)
			}
			switch {
			case m.Truncated:
				emptied++
				before.Extra = before.Extra[additional:]
				if before.Compress = true; before.Len() <= size || len(m.Answer)+len(m.Ns)+len(m.Extra) != 1 {
					t.Errorf("%d records and %d were truncated to\n%s", records, additional, m)
				}
			case len(m.Extra) == 1 && additional > 0:
				bare++
				if before.Compress = true; before.Len() <= size || len(m.Answer) != records {
					t.Errorf("%d records and %d lost additional ones, or more", records, additional)
				}
			default:
				whole++
				if len(m.Answer) != records || len(m.Extra) != additional+1 {
					t.Errorf("%d records and %d lost some", records, additional)
				}
			}
		}
	}
	if whole < 100 || bare < 20 || emptied < 100 {
		t.Errorf("%d whole, %d without additional records, %d emptied: not every case was tried", whole, bare, emptied)
	}
}

func TestEmptyingLeavesTheReplyAlone(t *testing.T) {
	m := new(dns.Msg).SetReply(new(dns.Msg).SetQuestion("example.org.", dns.TypeA))
	m.Answer = []dns.RR{test.A("example.org. IN A 192.0.2.1")}
	m.Extra = []dns.RR{test.A("example.org. IN A 192.0.2.1"), &dns.OPT{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeOPT}}}
	before := m.String()
	e := Emptied(m)
	if !e.Truncated || len(e.Answer) != 0 || len(e.Extra) != 1 || e.IsEdns0() == nil || m.String() != before {
		t.Errorf("%s\nwas made from\n%s", e, m)
	}
}

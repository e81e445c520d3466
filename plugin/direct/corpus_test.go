package direct

import (
	"math/rand/v2"
	"net/netip"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// world has functions of every kind whose answers differ in form.
var world = []fixture.Function{
	hello,
	{Name: "dual", Clusters: fixture.ThreeNames, Annotations: fixture.Unprobed("nearcast.dev/address", "us-azure=192.0.2.20,us-azure=2001:db8::20,mk-core=192.0.2.10,mk-core=2001:db8::10")},
	{Name: "six", Clusters: []string{"us-azure"}, Annotations: fixture.Unprobed("nearcast.dev/address", "us-azure=2001:db8::6")},
	{Name: "all", Clusters: fixture.ThreeNames, Annotations: fixture.Unprobed("nearcast.dev/policy", "spread")},
	{Name: "down", Clusters: fixture.ThreeNames, Annotations: fixture.Unprobed(), Health: map[string]string{"de-wide": "Unhealthy", "mk-core": "Unhealthy", "us-azure": "Unhealthy"}},
	{Name: "nowhere", Annotations: fixture.Unprobed()},
	{Name: "wild", Clusters: fixture.ThreeNames, Annotations: fixture.Unprobed("nearcast.dev/hostname", "*.wild.fn.example.org")},
	{Name: "web", Clusters: fixture.ThreeNames, Annotations: fixture.Unprobed("nearcast.dev/alpn", "h2,h3", "nearcast.dev/txt", "a short text")},
	{Name: "long", Clusters: fixture.ThreeNames, Annotations: fixture.Unprobed("nearcast.dev/txt", strings.Repeat("some kilobytes of text ", 250))},
	{Name: "vip", Clusters: fixture.ThreeNames, Annotations: fixture.Unprobed("nearcast.dev/vip", "198.51.100.7", "nearcast.dev/policy", "anycast")},
	{Name: "private", Clusters: fixture.ThreeNames, Annotations: fixture.Unprobed("nearcast.dev/access", "private")},
}

var corpusNames = []string{
	"hello.demo.fn.example.org.", "HELLO.Demo.fN.example.ORG.", "dual.demo.fn.example.org.", "six.demo.fn.example.org.", "all.demo.fn.example.org.",
	"down.demo.fn.example.org.", "nowhere.demo.fn.example.org.", "x.wild.fn.example.org.", "x.y.Wild.fn.example.org.", "wild.fn.example.org.",
	"web.demo.fn.example.org.", "long.demo.fn.example.org.", "vip.demo.fn.example.org.", "private.demo.fn.example.org.",
	"nope.demo.fn.example.org.", "below.hello.demo.fn.example.org.", "demo.fn.example.org.", "fn.example.org.", "ns1.fn.example.org.",
	"_80._https.web.demo.fn.example.org.", "_http._tcp.hello.demo.fn.example.org.", "_tcp.hello.demo.fn.example.org.", "*.wild.fn.example.org.",
	`he\.llo.demo.fn.example.org.`, `h\195\169.demo.fn.example.org.`, `a\\b.fn.example.org.`, "example.org.", "other.example.", ".",
	strings.Repeat("a", 63) + ".fn.example.org.", strings.Repeat("abcdefg.", 29) + "fn.example.org.", "sub.fn.example.org.", "a.sub.fn.example.org.",
}

var corpusTypes = []uint16{
	dns.TypeA, dns.TypeA, dns.TypeA, dns.TypeAAAA, dns.TypeAAAA, dns.TypeHTTPS, dns.TypeSVCB, dns.TypeTXT, dns.TypeSRV, dns.TypePTR, dns.TypeANY,
	dns.TypeSOA, dns.TypeNS, dns.TypeDS, dns.TypeDNSKEY, dns.TypeNSEC, dns.TypeRRSIG, dns.TypeAXFR, dns.TypeIXFR, dns.TypeMX, dns.TypeOPT, dns.TypeNone, 65280,
}

// corpusKey signs some of the queries.
const corpusKey, corpusSecret = "key.", "c2VjcmV0IG9mIHRoZSBmZWVkcyBvZiB0ZXN0cw=="

// corpus makes n datagrams: queries of every form, some of them damaged.
func corpus(n int) [][]byte {
	r := rand.New(rand.NewPCG(7, 7))
	all := make([][]byte, 0, n)
	for len(all) < n {
		q, err := corpusQuery(r)
		if err != nil {
			continue // not every combination packs
		}
		if r.IntN(6) == 0 {
			q = damaged(r, q)
		}
		all = append(all, q)
	}
	return all
}

func pick[T any](r *rand.Rand, of []T) T { return of[r.IntN(len(of))] }

func corpusQuery(r *rand.Rand) ([]byte, error) {
	m := new(dns.Msg).SetQuestion(pick(r, corpusNames), pick(r, corpusTypes))
	m.RecursionDesired = r.IntN(2) == 0
	m.CheckingDisabled = r.IntN(4) == 0
	m.AuthenticatedData = r.IntN(4) == 0
	rare := func() bool { return r.IntN(30) == 0 }
	if rare() {
		m.Question[0].Qclass = pick(r, []uint16{dns.ClassCHAOS, dns.ClassANY, dns.ClassNONE, 0})
	}
	if rare() {
		m.Opcode = r.IntN(16)
	}
	if rare() {
		m.Response = true
	}
	if rare() {
		m.Truncated, m.Zero, m.Authoritative, m.Rcode = r.IntN(2) == 0, r.IntN(2) == 0, r.IntN(2) == 0, r.IntN(16)
	}
	if rare() {
		m.Question = append(m.Question, m.Question[0])
	}
	if rare() {
		m.Question = nil
	}
	if rare() {
		m.Answer = []dns.RR{soaOf("fn.example.org.")}
	}
	if rare() {
		m.Ns = []dns.RR{soaOf("fn.example.org.")}
	}
	if r.IntN(3) > 0 {
		addOPT(r, m)
	}
	if rare() {
		m.Extra = append(m.Extra, soaOf("."))
	}
	if rare() {
		addOPT(r, m)
	}
	if rare() {
		m.SetTsig(corpusKey, dns.HmacSHA256, 300, time.Now().Unix())
		secret := pick(r, []string{corpusSecret, "d3Jvbmc="})
		data, _, err := dns.TsigGenerate(m, secret, "", false)
		return data, err
	}
	m.Compress = r.IntN(8) == 0
	return m.Pack()
}

func soaOf(name string) dns.RR {
	return &dns.SOA{Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeSOA, Class: dns.ClassINET}, Ns: "ns.", Mbox: "host.", Serial: 1}
}

func addOPT(r *rand.Rand, m *dns.Msg) {
	o := &dns.OPT{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeOPT}}
	o.SetUDPSize(pick(r, []uint16{0, 100, 512, 1232, 1232, 1400, 4096, 65535}))
	if r.IntN(4) == 0 {
		o.SetDo()
	}
	if r.IntN(30) == 0 {
		o.SetVersion(1)
	}
	if r.IntN(30) == 0 {
		o.SetCo(true)
	}
	for range r.IntN(3) {
		o.Option = append(o.Option, pick(r, []func() dns.EDNS0{
			func() dns.EDNS0 { return subnet("10.2.0.0/24") },
			func() dns.EDNS0 { return subnet("10.3.4.0/24") },
			func() dns.EDNS0 { return subnet("203.0.113.0/24") },
			func() dns.EDNS0 { return subnet("0.0.0.0/0") },
			func() dns.EDNS0 { return subnet("2001:db8:2::/48") },
			func() dns.EDNS0 {
				return &dns.EDNS0_SUBNET{Code: dns.EDNS0SUBNET, Family: 1, SourceNetmask: 24, SourceScope: 3, Address: []byte{10, 1, 0, 0}}
			},
			func() dns.EDNS0 { return &dns.EDNS0_NSID{Code: dns.EDNS0NSID} },
			func() dns.EDNS0 { return &dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "0102030405060708"} },
			func() dns.EDNS0 {
				return &dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: strings.Repeat("01", r.IntN(45))}
			},
			func() dns.EDNS0 { return &dns.EDNS0_PADDING{Padding: make([]byte, r.IntN(400))} },
			func() dns.EDNS0 { return &dns.EDNS0_LOCAL{Code: 65001, Data: []byte{1}} },
		})())
	}
	m.Extra = append(m.Extra, o)
}

func subnet(prefix string) *dns.EDNS0_SUBNET {
	p := netip.MustParsePrefix(prefix)
	family := uint16(1)
	if p.Addr().Is6() {
		family = 2
	}
	return &dns.EDNS0_SUBNET{Code: dns.EDNS0SUBNET, Family: family, SourceNetmask: uint8(p.Bits()), Address: p.Addr().AsSlice()}
}

// damaged truncates the datagram, appends to it, or flips bits.
func damaged(r *rand.Rand, q []byte) []byte {
	switch r.IntN(4) {
	case 0:
		return q[:r.IntN(len(q))]
	case 1:
		return append(q, make([]byte, 1+r.IntN(600))...)
	}
	for range 1 + r.IntN(3) {
		q[2+r.IntN(len(q)-2)] ^= 1 << r.IntN(8)
	}
	return q
}

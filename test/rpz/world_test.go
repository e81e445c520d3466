package rpz_test

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// The truth: the answers of the upstream of all servers. TTLs are 0, so that no cache
// changes an answer. w.test and o.test are not signed, s.w.test is, gd.test is the walled
// garden.
const truth = `
test. NS ns.test.
ns.test. A 127.0.0.1
w.test. NS ns1.w.test.
w.test. NS ns2.o.test.
ns1.w.test. A 192.0.2.53
ns1.w.test. AAAA 2001:db8:53::1
o.test. NS ns1.o.test.
o.test. NS ns2.o.test.
ns1.o.test. A 198.51.100.53
ns2.o.test. A 198.51.100.54
ns2.o.test. AAAA 2001:db8:53::2
s.w.test. NS ns.s.w.test.
ns.s.w.test. A 192.0.2.54
z.w.test. NS ns.z.w.test.
z.w.test. A 203.0.113.9
ns.z.w.test. A 203.0.113.53
gd.test. NS ns.gd.test.
ns.gd.test. A 10.53.0.1

h1.w.test. A 192.0.2.1
h2.w.test. A 192.0.2.2
h2.w.test. AAAA 2001:db8::2
h3.w.test. A 192.0.2.129
h3.w.test. TXT "h3"
h4.w.test. A 198.51.100.1
h4.w.test. MX 10 h1.w.test.
h5.w.test. A 203.0.113.77
h5.w.test. AAAA 2001:db8:0:1::5
v1.w.test. AAAA 2001:db8::1
v2.w.test. AAAA 2001:db8:0:1::1
v2.w.test. AAAA 2001:db8:ffff::1
m1.w.test. A 192.0.2.1
m1.w.test. A 192.0.2.130
m1.w.test. A 198.51.100.7
m2.w.test. A 10.0.0.2
m2.w.test. A 10.0.1.1
m2.w.test. AAAA 2001:db8::2
m2.w.test. AAAA 2001:db8:0:1::2
m3.w.test. A 203.0.113.1
m3.w.test. A 203.0.113.2
m3.w.test. A 203.0.113.3
m3.w.test. AAAA 2001:db8:3::1
m3.w.test. TXT "m3"
t1.w.test. TXT "only text"
x1.w.test. MX 10 h1.w.test.
lame.w.test. A 192.0.2.70
www.lame.w.test. A 192.0.2.71
d.w.test. A 192.0.2.20
www.d.w.test. A 192.0.2.21
a.www.d.w.test. A 192.0.2.22
b.a.www.d.w.test. A 192.0.2.23
c.ent.d.w.test. A 192.0.2.24
*.wc.w.test. A 192.0.2.30
*.wc.w.test. TXT "wild"
n.z.w.test. A 203.0.113.10
n.z.w.test. AAAA 2001:db8:9::10
q.n.z.w.test. CNAME n.z.w.test.
k1.w.test. CNAME h1.w.test.
k2.w.test. CNAME k1.w.test.
k3.w.test. CNAME k2.w.test.
k4.w.test. CNAME k3.w.test.
km.w.test. CNAME m1.w.test.
kv.w.test. CNAME v2.w.test.
ko.w.test. CNAME h.o.test.
kx.w.test. CNAME gone.w.test.
kt.w.test. CNAME t1.w.test.
kf.w.test. CNAME fail.w.test.
ks.w.test. CNAME g1.s.w.test.
kd.w.test. CNAME www.dn.w.test.
kw.w.test. CNAME any.wc.w.test.
dn.w.test. DNAME d.w.test.
h.o.test. A 198.51.100.20
h.o.test. AAAA 2001:db8:20::1
k.o.test. CNAME k4.w.test.
back.o.test. CNAME ko.w.test.

g1.s.w.test. A 192.0.2.60
g1.s.w.test. AAAA 2001:db8:60::1
g2.s.w.test. CNAME g1.s.w.test.
g3.s.w.test. CNAME h1.w.test.
gx.s.w.test. CNAME gone.s.w.test.
gt.s.w.test. TXT "signed"

garden.gd.test. A 10.10.10.10
garden.gd.test. AAAA 2001:db8:10::10
*.gd.test. A 10.10.10.11
*.gd.test. TXT "grown"
gc.gd.test. CNAME garden.gd.test.
`

// apexes are the zones of the world, the more specific first.
var apexes = []string{"s.w.test.", "z.w.test.", "w.test.", "o.test.", "gd.test.", "test."}

// signedApex is the zone whose answers have signatures, which nobody verifies.
const signedApex = "s.w.test."

// failing are names for which the upstream answers SERVFAIL.
var failing = []string{"fail.w.test.", "fail.o.test."}

// lame is a name for which the upstream has an answer, but SERVFAIL for its name servers.
const lame = "lame.w.test."

// longName is too long to append a garden to.
var longName = strings.Repeat(strings.Repeat("l", 60)+".", 3) + strings.Repeat("m", 40) + ".w.test."

// world is the upstream's data.
type world struct {
	names map[string][]dns.RR
	inner map[string]bool // names that have names below them
}

func newWorld(t testing.TB, more ...string) *world {
	w := &world{names: map[string][]dns.RR{}, inner: map[string]bool{}}
	lines := truth + longName + " A 192.0.2.40\n" + strings.Join(more, "\n")
	for line := range strings.Lines(lines) {
		if strings.TrimSpace(line) == "" {
			continue
		}
		owner, rest, _ := strings.Cut(line, " ")
		rr, err := dns.NewRR(owner + " 0 IN " + rest)
		if err != nil {
			t.Fatal(err)
		}
		w.names[owner] = append(w.names[owner], rr)
		for i, end := dns.NextLabel(owner, 0); !end; i, end = dns.NextLabel(owner, i) {
			w.inner[owner[i:]] = true
		}
	}
	return w
}

// at returns the records of a name, those of a wildcard if it applies, and whether the
// name exists.
func (w *world) at(name string) ([]dns.RR, bool) {
	if rrs, ok := w.names[name]; ok {
		return rrs, true
	}
	if w.inner[name] {
		return nil, true
	}
	for i, end := dns.NextLabel(name, 0); !end; i, end = dns.NextLabel(name, i) {
		if wild, ok := w.names["*."+name[i:]]; ok {
			var rrs []dns.RR
			for _, rr := range wild {
				rr = dns.Copy(rr)
				rr.Header().Name = name
				rrs = append(rrs, rr)
			}
			return rrs, true
		}
		if _, ok := w.names[name[i:]]; ok || w.inner[name[i:]] {
			return nil, false
		}
	}
	return nil, false
}

// dname returns the answer from a DNAME above the name: itself and a CNAME.
func (w *world) dname(name string) []dns.RR {
	for i, end := dns.NextLabel(name, 0); !end; i, end = dns.NextLabel(name, i) {
		for _, rr := range w.names[name[i:]] {
			if d, ok := rr.(*dns.DNAME); ok {
				return []dns.RR{d, &dns.CNAME{
					Hdr:    dns.RR_Header{Name: name, Rrtype: dns.TypeCNAME, Class: dns.ClassINET},
					Target: name[:i] + d.Target,
				}}
			}
		}
	}
	return nil
}

// apexOf returns the zone that a name is in.
func apexOf(name string) string {
	for _, apex := range apexes {
		if dns.IsSubDomain(apex, name) {
			return apex
		}
	}
	return "."
}

// isSigned reports whether answers for a name have signatures.
func isSigned(name string) bool { return apexOf(name) == signedApex }

// chain follows a question, and returns the records of the answer with the name
// at which it ends and the rcode there.
func (w *world) chain(name string, qtype uint16) (answer []dns.RR, end string, rcode int) {
	for range 12 {
		if slices.Contains(failing, name) {
			return nil, name, dns.RcodeServerFailure
		}
		rrs, exists := w.at(name)
		if !exists {
			if rrs = w.dname(name); rrs != nil {
				exists = true
			}
		}
		if !exists {
			return answer, name, dns.RcodeNameError
		}
		next := ""
		for _, rr := range rrs {
			cname, isCNAME := rr.(*dns.CNAME)
			final := qtype == dns.TypeANY || qtype == dns.TypeCNAME
			switch {
			case isCNAME && !final:
				next = cname.Target
				answer = append(answer, rr)
			case qtype == dns.TypeANY, rr.Header().Rrtype == qtype, rr.Header().Rrtype == dns.TypeDNAME && len(rrs) == 2 && rr.Header().Name != name:
				answer = append(answer, rr)
			}
		}
		if next == "" {
			return answer, name, dns.RcodeSuccess
		}
		name = next
	}
	return nil, name, dns.RcodeServerFailure
}

func soaOf(apex string) dns.RR {
	return &dns.SOA{
		Hdr: dns.RR_Header{Name: apex, Rrtype: dns.TypeSOA, Class: dns.ClassINET},
		Ns:  "ns.test.", Mbox: "h.test.", Serial: 1, Refresh: 3600, Retry: 600, Expire: 86400,
	}
}

// ServeDNS answers like a resolver: the whole chain, with signatures if requested.
func (w *world) ServeDNS(rw dns.ResponseWriter, r *dns.Msg) {
	m := new(dns.Msg).SetReply(r)
	m.RecursionAvailable = true
	q := m.Question[0]
	name := strings.ToLower(q.Name)
	do := r.IsEdns0() != nil && r.IsEdns0().Do()
	if r.IsEdns0() != nil {
		m.SetEdns0(4096, do)
	}
	if name == "." && q.Qtype == dns.TypeNS {
		m.Answer = []dns.RR{&dns.NS{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeNS, Class: dns.ClassINET, Ttl: 86400}, Ns: "ns.test."}}
		_ = rw.WriteMsg(m) // the client tries again
		return
	}
	answer, end, rcode := w.chain(name, q.Qtype)
	if q.Qtype == dns.TypeNS && end == lame {
		answer, rcode = nil, dns.RcodeServerFailure
	}
	m.Rcode = rcode
	m.Answer = signed(answer, do || q.Qtype == dns.TypeANY)
	negative := len(answer) == 0 || answer[len(answer)-1].Header().Rrtype == dns.TypeCNAME && q.Qtype != dns.TypeCNAME && q.Qtype != dns.TypeANY
	if q.Qtype == dns.TypeSOA && slices.Contains(apexes, end) {
		m.Answer, negative = append(m.Answer, soaOf(end)), false
	}
	if rcode != dns.RcodeServerFailure && negative {
		zone := end
		if q.Qtype == dns.TypeDS && slices.Contains(apexes, end) { // in the parent zone
			zone = end[strings.Index(end, ".")+1:]
		}
		m.Ns = []dns.RR{soaOf(apexOf(zone))}
		if isSigned(zone) && do {
			m.Ns = signed(append(m.Ns, denial(end, rcode)), true)
		}
	}
	_ = rw.WriteMsg(m) // the client tries again
}

// denial returns the NSEC of a negative answer.
func denial(name string, rcode int) dns.RR {
	owner := name
	if rcode == dns.RcodeNameError {
		owner = signedApex
	}
	return &dns.NSEC{
		Hdr:        dns.RR_Header{Name: owner, Rrtype: dns.TypeNSEC, Class: dns.ClassINET},
		NextDomain: "zzz." + signedApex, TypeBitMap: []uint16{dns.TypeRRSIG, dns.TypeNSEC},
	}
}

// signed adds a signature to every RRset of the signed zone.
func signed(rrs []dns.RR, do bool) []dns.RR {
	if !do {
		return rrs
	}
	var all []dns.RR
	for i, rr := range rrs {
		all = append(all, rr)
		h := rr.Header()
		last := i+1 == len(rrs) || rrs[i+1].Header().Name != h.Name || rrs[i+1].Header().Rrtype != h.Rrtype
		if last && isSigned(h.Name) {
			all = append(all, &dns.RRSIG{
				Hdr:         dns.RR_Header{Name: h.Name, Rrtype: dns.TypeRRSIG, Class: dns.ClassINET},
				TypeCovered: h.Rrtype, Algorithm: dns.ECDSAP256SHA256, Labels: uint8(dns.CountLabel(h.Name)),
				Expiration: 2_100_000_000, Inception: 1_600_000_000,
				KeyTag: 1, SignerName: signedApex, Signature: strings.Repeat("A", 86) + "==",
			})
		}
	}
	return all
}

// upstream serves the world and the additional records, and returns its port.
func upstream(t testing.TB, more ...string) string {
	w := newWorld(t, more...)
	port := freePort(t)
	for _, network := range []string{"udp", "tcp"} {
		ready := make(chan struct{})
		s := &dns.Server{Addr: net.JoinHostPort("127.0.0.1", port), Net: network, Handler: w, NotifyStartedFunc: func() { close(ready) }}
		go func() {
			if err := s.ListenAndServe(); err != nil {
				panic(fmt.Sprint("the upstream: ", err))
			}
		}()
		<-ready
		t.Cleanup(func() { _ = s.Shutdown() }) // the test is over
	}
	return port
}

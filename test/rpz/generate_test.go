package rpz_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// maxSetups is the number of setups that have their own client network.
const maxSetups = 250

// generator draws setups and questions for them, the same ones for a seed.
type generator struct {
	*rand.Rand
	world *world
	names []string // all names worth a question
	focus []string // names of the current setup, which rules and questions share
	addrs []netip.Addr
	net   int

	misspells bool // whether the current setup has misspelt owners
}

func newGenerator(w *world, seed uint64) *generator {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 7)), world: w}
	for name := range w.names {
		if !strings.HasPrefix(name, "*.") {
			g.names = append(g.names, name)
		}
	}
	g.names = append(g.names, failing...)
	g.names = append(g.names,
		"gone.w.test.", "gone.s.w.test.", "gone.o.test.", "x.h1.w.test.", "any.wc.w.test.", "deep.any.wc.w.test.",
		"www.dn.w.test.", "a.www.dn.w.test.", "gone.dn.w.test.", "ent.d.w.test.", "x.ent.d.w.test.", "y.b.a.www.d.w.test.", "a.gd.test.")
	slices.Sort(g.names)
	return g
}

// pick returns one of the choices, which may be repeated.
func pick[T any](g *generator, choices ...T) T { return choices[g.IntN(len(choices))] }

// chance is true n times in a hundred.
func (g *generator) chance(n int) bool { return g.IntN(100) < n }

// setup draws a setup. Its rules crowd around few names and addresses, so that
// several match at once.
func (g *generator) setup(number int, delegation bool) setup {
	g.net, g.misspells = number, g.chance(10)
	g.draw()
	s := setup{
		number: number, recursiveOnly: g.chance(75), breakDNSSEC: g.chance(25), addSOA: g.chance(85),
		waitRecurse: g.chance(70), maxTTL: pick(g, 5, 5, 5, 0, 100), delegation: delegation, minDots: 1,
	}
	for i := range pick(g, 1, 1, 2, 2, 3, 4) {
		z := policyZone{
			name: fmt.Sprintf("p%d.rpz.", i+1), ttl: pick(g, 60, 300, 0), minimum: pick(g, 60, 30, 120),
			policy: pick(g, "given", "given", "given", "given", "given", "given", "given", "disabled", "disabled", "passthru", "drop", "tcp-only",
				"nxdomain", "nodata", "cname garden.gd.test", "cname *.gd.test", "cname gone.gd.w.test", "cname g1.s.w.test"),
		}
		owners := map[string]bool{}
		for range 3 + g.IntN(18) {
			r := g.rule(delegation)
			if owner := r.owner(); !owners[owner] {
				owners[owner] = true
				z.rules = append(z.rules, r)
			}
		}
		s.zones = append(s.zones, z)
	}
	return s
}

// owned gives the zones of a setup their own settings, and the setup a limit for the
// names whose name servers are looked up.
func (g *generator) owned(s setup) setup {
	for i := range s.zones {
		s.zones[i].own = own{
			recursiveOnly: pick(g, "", "yes", "no", "no"), addSOA: pick(g, "", "", "yes", "no"),
			maxTTL: pick(g, "", "", "0", "4", "50", "3600"), quiet: g.chance(20),
		}
	}
	s.minDots = pick(g, 1, 0, 2, 3)
	return s
}

// draw chooses the names and addresses of a setup.
func (g *generator) draw() {
	g.focus, g.addrs = nil, nil
	for i := range 7 {
		name := pick(g, g.names...)
		if i == 0 && g.chance(30) {
			name = "m2.w.test." // for which rules of several addresses match
		}
		for range 6 {
			g.focus = append(g.focus, name)
			rrs, _ := g.world.at(name)
			rrs = append(rrs, g.world.dname(name)...)
			name = ""
			for _, rr := range rrs {
				switch rr := rr.(type) {
				case *dns.CNAME:
					name = rr.Target
				case *dns.A:
					g.address(rr.A)
				case *dns.AAAA:
					g.address(rr.AAAA)
				}
			}
			if name == "" {
				break
			}
		}
	}
	if len(g.addrs) == 0 {
		g.addrs = []netip.Addr{netip.MustParseAddr("192.0.2.1")}
	}
}

func (g *generator) address(raw []byte) {
	if a, ok := netip.AddrFromSlice(raw); ok {
		g.addrs = append(g.addrs, a.Unmap())
	}
}

func (g *generator) rule(delegation bool) rule {
	kinds := []trigger{qname, qname, qname, qname, ip, ip, ip, clientIP}
	if delegation {
		kinds = append(kinds, nsdname, nsdname, nsip, nsip)
	}
	r := rule{on: pick(g, kinds...)}
	switch r.on {
	case qname:
		r.name = g.around(pick(g, g.focus...))
	case nsdname:
		r.name = g.around(pick(g, "ns1.w.test.", "ns2.o.test.", "ns1.o.test.", "ns.z.w.test.", "ns.s.w.test.", "ns.gd.test.", "ns.test."))
	case ip:
		a := pick(g, g.addrs...)
		if r.prefix = g.prefix(a); g.chance(25) {
			r.prefix = netip.PrefixFrom(a, a.BitLen())
		}
	case nsip:
		r.prefix = g.prefix(netip.MustParseAddr(pick(g, "192.0.2.53", "2001:db8:53::1", "198.51.100.53", "198.51.100.54", "2001:db8:53::2", "192.0.2.54", "203.0.113.53", "127.0.0.1")))
	case clientIP:
		bits := pick(g, 16, 24, 24, 25, 31, 32, 32)
		r.prefix = netip.PrefixFrom(g.client(), bits).Masked()
	}
	r.data = g.data(r)
	if r.on == ip && g.misspells && g.chance(15) {
		g.misspell(&r)
	}
	return r
}

// misspell gives a rule a wrong or malformed owner.
func (g *generator) misspell(r *rule) {
	right := encode(r.prefix)
	bits, rest, _ := strings.Cut(right, ".")
	switch g.IntN(3) {
	case 0: // a leading zero
		r.spelt = "0" + right
	case 1: // no length
		r.spelt, r.prefix = rest, netip.Prefix{}
	default: // an impossible length
		r.spelt, r.prefix = "129."+strings.TrimPrefix(right, bits+"."), netip.Prefix{}
	}
}

// around returns a name for a rule: the name itself, a wildcard, or a name that shadows one.
func (g *generator) around(name string) string {
	parent := func(n string) string {
		if i, end := dns.NextLabel(n, 0); !end {
			return n[i:]
		}
		return n
	}
	switch n := g.IntN(100); {
	case n < 50:
		return name
	case n < 72:
		return "*." + parent(name)
	case n < 82 && len(name) < 200:
		return "*." + name
	case n < 90 && len(name) < 200:
		return "x." + name
	case n < 95:
		return "*." + parent(parent(name))
	}
	return parent(name)
}

func (g *generator) prefix(a netip.Addr) netip.Prefix {
	bits := pick(g, 8, 16, 24, 24, 25, 30, 31, 32, 32, 32)
	if a.Is6() {
		bits = pick(g, 16, 32, 48, 64, 96, 112, 127, 128, 128, 128)
	}
	return netip.PrefixFrom(a, bits).Masked()
}

// client returns one of the few clients of the setup.
func (g *generator) client() netip.Addr {
	return netip.AddrFrom4([4]byte{127, byte(g.net), byte(g.IntN(4)), pick[byte](g, 1, 2, 3, 129, 130)})
}

// data returns the data of a rule.
func (g *generator) data(r rule) []string {
	ttl := pick(g, 0, 3, 60, 60, 3600)
	one := func(text string) []string { return []string{fmt.Sprint(ttl, " ", text)} }
	switch n := g.IntN(100); {
	case n < 17:
		return one("CNAME .")
	case n < 28:
		return one("CNAME *.")
	case n < 42:
		return one("CNAME rpz-passthru.")
	case n < 46:
		return one("CNAME rpz-drop.")
	case n < 53:
		return one("CNAME rpz-tcp-only.")
	case n < 59:
		return one("CNAME " + pick(g, "garden.gd.test.", "gc.gd.test.", "any.gd.test."))
	case n < 66:
		return one("CNAME " + pick(g, "*.gd.test.", "*.garden.gd.test.", "*.w.test."))
	case n < 72:
		return one("CNAME " + pick(g, g.focus...))
	case n < 74:
		return one("CNAME " + self(r))
	case n < 75:
		return one("CNAME " + pick(g, "rpz-unknown.", "x.rpz-passthru."))
	case n < 83:
		return one("A 10.1.1.1")
	case n < 87:
		return append(one("AAAA 2001:db8:bad::1"), fmt.Sprint(ttl, ` TXT "blocked"`))
	case n < 92:
		return append(one("A 10.1.1.2"), fmt.Sprint(ttl, " A 10.1.1.3"), "7 AAAA 2001:db8:bad::2")
	case n < 96:
		return append(one(`TXT "see policy"`), fmt.Sprint(ttl, " MX 5 garden.gd.test."))
	}
	return append(one("A 10.1.1.4"), fmt.Sprint(ttl, " HTTPS 1 . alpn=h2"))
}

// self returns the deprecated spelling of PASSTHRU.
func self(r rule) string {
	switch {
	case r.prefix.IsValid():
		return encode(r.prefix) + "."
	default:
		return strings.TrimPrefix(r.name, "*.")
	}
}

// question draws a question for the setup that was drawn last.
func (g *generator) question() question {
	q := question{
		qtype: pick(g, dns.TypeA, dns.TypeA, dns.TypeA, dns.TypeA, dns.TypeA, dns.TypeA, dns.TypeA, dns.TypeA, dns.TypeAAAA, dns.TypeAAAA, dns.TypeAAAA,
			dns.TypeANY, dns.TypeMX, dns.TypeTXT, dns.TypeCNAME, pick(g, dns.TypeSOA, dns.TypeNS, dns.TypeDS, dns.TypeDNAME, dns.TypeHTTPS, dns.TypePTR)),
		rd: g.chance(88), do: g.chance(22), cd: g.chance(8), ad: g.chance(10), edns: g.chance(60), tcp: g.chance(20), client: g.client(),
	}
	switch n := g.IntN(100); {
	case n < 78:
		q.name = pick(g, g.focus...)
	case n < 88:
		q.name = pick(g, g.names...)
	default:
		q.name = "x." + pick(g, g.focus...)
	}
	if len(q.name) > 250 {
		q.name = longName
	}
	q.edns = q.edns || len(q.name) > 100 // otherwise its size truncates it
	if g.chance(5) {
		q.name = strings.ToUpper(q.name)
	}
	return q
}

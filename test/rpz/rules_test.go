package rpz_test

import (
	"fmt"
	"net/netip"
	"strings"
)

// trigger is one of the five triggers, as a suffix of owners.
type trigger string

const (
	qname    trigger = ""
	clientIP trigger = "rpz-client-ip"
	ip       trigger = "rpz-ip"
	nsdname  trigger = "rpz-nsdname"
	nsip     trigger = "rpz-nsip"
)

// rule is a rule of a policy zone.
type rule struct {
	on     trigger
	name   string       // of qname and nsdname; absolute, and may begin with "*."
	prefix netip.Prefix // of the others
	data   []string     // each a TTL, a type and RDATA
	spelt  string       // a misspelt owner, if any
}

// owner returns the rule's name relative to the policy zone.
func (r rule) owner() string {
	switch {
	case r.spelt != "":
		return r.spelt + "." + string(r.on)
	case r.on == qname:
		return strings.TrimSuffix(r.name, ".")
	case r.on == nsdname:
		return r.name + string(r.on)
	}
	return encode(r.prefix) + "." + string(r.on)
}

// lines returns the rule as in a zone file.
func (r rule) lines() string {
	var b strings.Builder
	for _, d := range r.data {
		fmt.Fprintf(&b, "%s %s\n", r.owner(), d)
	}
	return b.String()
}

// encode writes a prefix as policy zones do. It is written from the draft, and shares no
// code with plugin/rpz/internal/policyzone.
func encode(p netip.Prefix) string {
	if p.Addr().Is4() {
		b := p.Addr().As4()
		return fmt.Sprintf("%d.%d.%d.%d.%d", p.Bits(), b[3], b[2], b[1], b[0])
	}
	raw := p.Addr().As16()
	var words [8]string // the last word of the address first
	for i := range words {
		words[i] = fmt.Sprintf("%x", int(raw[14-2*i])<<8|int(raw[15-2*i]))
	}
	start, length := 0, 0
	for i := 0; i < 8; i++ {
		n := 0
		for i+n < 8 && words[i+n] == "0" {
			n++
		}
		if n >= 2 && n >= length {
			start, length = i, n
		}
		i += n
	}
	labels := words[:]
	if length > 0 {
		labels = append(append(append([]string{}, words[:start]...), "zz"), words[start+length:]...)
	}
	return fmt.Sprintf("%d.%s", p.Bits(), strings.Join(labels, "."))
}

// policyZone is one policy zone and how it is used.
type policyZone struct {
	name         string
	rules        []rule
	policy       string // the override
	ttl, minimum int    // of its SOA
	own          own
}

// own are the settings of a zone; "" for those of the setup.
type own struct {
	recursiveOnly, addSOA string
	maxTTL                string // in seconds
	quiet                 bool   // its hits are not logged
}

// lines returns the settings in the syntax of Nearcast and, except the unit, of BIND.
func (o own) lines(unit string) (lines []string) {
	for _, setting := range [][2]string{{"recursive-only", o.recursiveOnly}, {"add-soa", o.addSOA}, {"max-policy-ttl", o.maxTTL}} {
		key, value := setting[0], setting[1]
		if key == "max-policy-ttl" && value != "" {
			value += unit
		}
		if value != "" {
			lines = append(lines, key+" "+value)
		}
	}
	if o.quiet {
		lines = append(lines, "log no")
	}
	return lines
}

// file returns the zone's text.
func (z policyZone) file() string {
	var b strings.Builder
	fmt.Fprintf(&b, "$TTL 60\n@ %d SOA ns.test. h.test. 1 3600 600 86400 %d\n@ NS ns.test.\n", z.ttl, z.minimum)
	for _, r := range z.rules {
		b.WriteString(r.lines())
	}
	return b.String()
}

// setup is one server's policy: the zones in their order, and the options.
type setup struct {
	number        int // its clients are 127.number.0.0/16
	zones         []policyZone
	recursiveOnly bool
	breakDNSSEC   bool
	addSOA        bool
	waitRecurse   bool
	delegation    bool
	maxTTL        int
	minDots       int  // with delegation
	logs          bool // whether the log of hits is checked
}

// withoutRD returns the setup as it applies without RD: the zones that are not
// recursive-only.
func (s setup) withoutRD() setup {
	zones := s.zones
	s.zones = nil
	for _, z := range zones {
		if z.own.recursiveOnly == "no" || z.own.recursiveOnly == "" && !s.recursiveOnly {
			s.zones = append(s.zones, z)
		}
	}
	return s
}

// mixed reports whether some but not all zones of the setup are recursive-only.
func (s setup) mixed() bool {
	n := len(s.withoutRD().zones)
	return n > 0 && n < len(s.zones)
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// String returns the setup as a person would write it to reproduce a difference.
func (s setup) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "setup %d: recursive-only %s break-dnssec %s add-soa %s qname-wait-recurse %s max-policy-ttl %d delegation %s min-ns-dots %d\n", s.number,
		yes(s.recursiveOnly), yes(s.breakDNSSEC), yes(s.addSOA), yes(s.waitRecurse), s.maxTTL, yes(s.delegation), s.minDots)
	for _, z := range s.zones {
		fmt.Fprintf(&b, "  zone %s policy %s SOA %d/%d %s\n", z.name, z.policy, z.ttl, z.minimum, strings.Join(z.own.lines(""), " "))
		for _, r := range z.rules {
			b.WriteString("    " + strings.ReplaceAll(strings.TrimSuffix(r.lines(), "\n"), "\n", "\n    ") + "\n")
		}
	}
	return b.String()
}

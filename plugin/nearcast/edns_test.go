package nearcast

import (
	"fmt"
	"testing"

	_ "github.com/coredns/coredns/plugin/chaos"
	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
	"github.com/nearcast/nearcast/plugin/internal/client"
)

// TestAnUntrustedSubnetIsIgnored covers every form of the option: no answer has
// it, depends on it, or is refused because of it.
func TestAnUntrustedSubnetIsIgnored(t *testing.T) {
	for _, ecs := range []string{"off", "192.0.2.0/24", "192.0.2.0/24 2001:db8::/32"} {
		s := serve(t, "fn.example.org:0 {\n\tbind LOOPBACK\n\tnearcast {\n\t\tcluster mk-core\n\t\tmanifests DIR/manifests\n\t\tlocations DIR/locations.csv\n\t\tecs "+ecs+"\n\t}\n}", federated(t, hello))
		for name, option := range map[string]*dns.EDNS0_SUBNET{
			"elsewhere": {Family: 1, SourceNetmask: 24, Address: []byte{10, 2, 2, 0}},
			"IPv6":      {Family: 2, SourceNetmask: 56, Address: []byte{0x20, 1, 0x0d, 0xb8, 0, 2, 15: 0}},
			"a scope":   {Family: 1, SourceNetmask: 24, SourceScope: 24, Address: []byte{10, 2, 2, 0}},
			"nowhere":   {},
		} {
			option.Code = dns.EDNS0SUBNET
			for _, asked := range []string{"hello.demo.fn.example.org.", "nope.fn.example.org.", "fn.example.org."} {
				m := new(dns.Msg).SetQuestion(asked, dns.TypeA)
				m.SetEdns0(1232, false)
				m.IsEdns0().Option = []dns.EDNS0{option}
				reply := s.exchange(m)
				if reply.Rcode == dns.RcodeFormatError || client.Subnet(reply) != nil || reply.IsEdns0() == nil {
					t.Errorf("ecs %s, %s, %s:\n%s", ecs, name, asked, reply)
				}
				if len(reply.Answer) > 0 && reply.Answer[0].(*dns.A).A.String() != "192.0.2.1" {
					t.Errorf("ecs %s, %s: steered to %s", ecs, name, reply.Answer[0])
				}
			}
		}
	}
}

// TestSeveralOPTsAreMalformed queries names of every kind.
func TestSeveralOPTsAreMalformed(t *testing.T) {
	s := serve(t, "fn.example.org:0 {\n\tbind LOOPBACK\n\tnearcast {\n\t\tcluster mk-core\n\t\tmanifests DIR/manifests\n\t}\n}", federated(t, hello))
	for _, name := range []string{"hello.demo.fn.example.org.", "nope.fn.example.org.", "fn.example.org."} {
		m := new(dns.Msg).SetQuestion(name, dns.TypeA)
		m.SetEdns0(1232, false)
		m.Extra = append(m.Extra, m.Extra[0])
		if reply := s.exchange(m); reply.Rcode != dns.RcodeFormatError || len(reply.Answer) > 0 {
			t.Errorf("%s:\n%s", name, reply)
		}
	}
}

// TestOtherOpcodesAreNOTIMPForFunctions sends NOTIFY, also with fallthrough: a
// zone of another plugin receives its own, and every client gets an answer.
func TestOtherOpcodesAreNOTIMPForFunctions(t *testing.T) {
	wild := fixture.Function{Name: "wild", Clusters: fixture.ThreeNames, Annotations: fixture.Unprobed("nearcast.dev/hostname", "*.wild.fn.example.org")}
	for _, c := range []struct {
		name, behind string
		want         map[string]int
	}{
		{"fallthrough without a next plugin", "", map[string]int{"hello.demo.fn.example.org.": dns.RcodeNotImplemented, "fn.example.org.": dns.RcodeNotImplemented, "nope.fn.example.org.": dns.RcodeNotImplemented}},
		{"fallthrough to another", "\twhoami\n", map[string]int{"hello.demo.fn.example.org.": dns.RcodeNotImplemented, "fn.example.org.": dns.RcodeSuccess, "nope.fn.example.org.": dns.RcodeSuccess}},
	} {
		s := serve(t, "fn.example.org:0 {\n\tbind LOOPBACK\n\tnearcast {\n\t\tcluster mk-core\n\t\tmanifests DIR/manifests\n\t\tfallthrough\n\t}\n"+c.behind+"}", federated(t, hello, wild))
		for name, want := range c.want {
			m := new(dns.Msg).SetQuestion(name, dns.TypeSOA)
			m.Opcode = dns.OpcodeNotify
			if got := s.exchange(m); got.Rcode != want {
				t.Errorf("%s, %s: %s", c.name, name, dns.RcodeToString[got.Rcode])
			}
		}
	}
}

// TestFunctionsExistOnlyInClassIN covers every place in which CoreDNS accepts other
// classes.
func TestFunctionsExistOnlyInClassIN(t *testing.T) {
	const block = "fn.example.org:0 {\n\tbind LOOPBACK\n\tnearcast {\n\t\tcluster mk-core\n\t\tmanifests DIR/manifests\n\t\tsign DIR/key\n%s\t}\n%s}\n"
	for name, c := range map[string]struct{ keys, behind, beside string }{
		"refused by CoreDNS":                {},
		"forward in the block":              {"", "\tforward . 127.0.0.1:1\n", ""},
		"forward in another block":          {"", "", "example.com:0 {\n\tbind LOOPBACK\n\tforward . 127.0.0.1:1\n}\n"},
		"chaos":                             {"", "\tchaos\n", ""},
		"fallthrough without a next plugin": {"\t\tfallthrough\n", "\tchaos\n", ""},
		"fallthrough of other zones":        {"\t\tfallthrough example.com\n", "\tchaos\n\twhoami\n", ""},
	} {
		dir := federated(t, hello)
		fixture.Key(t, dir, "key")
		s := serve(t, fmt.Sprintf(block, c.keys, c.behind)+c.beside, dir)
		for _, asked := range []string{"hello.demo.fn.example.org.", "nope.fn.example.org.", "fn.example.org.", "ns.dns.fn.example.org."} {
			for _, class := range []uint16{dns.ClassCHAOS, dns.ClassHESIOD, dns.ClassNONE, dns.ClassANY, 0, 65280} {
				for _, qtype := range []uint16{dns.TypeA, dns.TypeSOA, dns.TypeTXT, dns.TypeANY, dns.TypeDS} {
					m := wanted(asked, qtype, true, false)
					m.Question[0].Qclass = class
					if got := s.exchange(m); got.Rcode != dns.RcodeRefused || len(got.Answer)+len(got.Ns) > 0 {
						t.Fatalf("%s: %s of class %d:\n%s", name, asked, class, got)
					}
				}
			}
		}
		if got := s.ask("hello.demo.fn.example.org.", dns.TypeA, ""); len(got.Answer) != 1 {
			t.Errorf("%s: class IN:\n%s", name, got)
		}
	}
}

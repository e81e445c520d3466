package blocks

import (
	"fmt"
	"strings"
	"testing"

	"github.com/coredns/caddy/caddyfile"
)

func TestBlocksServeTheZonesOfTheirKeys(t *testing.T) {
	for _, c := range []struct{ block, zones, bound string }{
		{"Fn.Example.org", "[{fn.example.org. 53}]", "[] true"},
		{"fn.example.org:5300 dns://a.example tls://b.example", "[{fn.example.org. 5300} {a.example. 53}]", "[] true"},
		{"10.0.0.0/23", "[{0.0.10.in-addr.arpa. 53} {1.0.10.in-addr.arpa. 53}]", "[] true"},
		{". {\nbind 192.0.2.1 eth0 {\nexcept 192.0.2.9\n}\nbind 2001:db8::1\n}", "[{. 53}]", "[192.0.2.1 2001:db8::1] false"},
		{". {\nbind 0.0.0.0\n}", "[{. 53}]", "[0.0.0.0] true"},
		{". {\nbind eth0\n}", "[{. 53}]", "[] false"},
	} {
		text := c.block
		if !strings.HasSuffix(text, "}") {
			text += " {\nwhoami\n}"
		}
		all, err := caddyfile.Parse("Corefile", strings.NewReader(text), nil)
		if err != nil {
			t.Fatal(err)
		}
		addrs, everywhere := Bound(all[0])
		if zones, bound := fmt.Sprint(Served(all[0].Keys)), fmt.Sprint(addrs, everywhere); zones != c.zones || bound != c.bound {
			t.Errorf("%s: %s %s, want %s %s", c.block, zones, bound, c.zones, c.bound)
		}
	}
}

// TestKeysThatCoreDNSRefusesAreNamed lists keys that CoreDNS 1.15 refuses.
func TestKeysThatCoreDNSRefusesAreNamed(t *testing.T) {
	const all = " is served on all addresses by one server block"
	for text, want := range map[string]string{
		"a.example {\nlog\n}\na.example:54 {\nlog\n}\ntls://a.example {\nlog\n}":      "",
		"a.example {\nlog\n}\nA.example.:53 {\nlog\n}":                                "dns://a.example.:53 is served twice",
		"a.example a.example {\nlog\n}":                                               "dns://a.example.:53 is served twice",
		"10.0.0.0/23 {\nlog\n}\n10.0.1.0/24 {\nlog\n}":                                "dns://1.0.10.in-addr.arpa.:53 is served twice",
		"tls://. {\nlog\n}\ntls://.:853 {\nlog\n}":                                    "tls://.:853 is served twice",
		". {\nbind 192.0.2.1\n}\n. {\nbind 192.0.2.2\n}":                              "",
		". {\nbind 192.0.2.1\n}\n. {\nbind 192.0.2.1\n}":                              "dns://.:53 on 192.0.2.1 is served twice",
		". {\nbind 192.0.2.1\n}\n. {\nlog\n}":                                         "dns://.:53" + all,
		". {\nlog\n}\n. {\nbind 192.0.2.1\n}":                                         "dns://.:53" + all,
		". {\nview v {\nexpr true\n}\n}\n. {\nview w {\nexpr true\n}\n}\n. {\nlog\n}": "",
	} {
		read, err := caddyfile.Parse("Corefile", strings.NewReader(text), nil)
		if err != nil {
			t.Fatal(err)
		}
		faults := Overlaps(read)
		if got := fmt.Sprint(faults); want == "" && len(faults) > 0 || want != "" && (len(faults) != 1 || !strings.HasPrefix(got, "["+want)) {
			t.Errorf("%s: %s, want %q", text, got, want)
		}
	}
}

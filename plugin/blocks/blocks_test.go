package blocks

import (
	"fmt"
	"strings"
	"testing"

	"github.com/coredns/caddy/caddyfile"
)

func TestWhatBlocksServe(t *testing.T) {
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

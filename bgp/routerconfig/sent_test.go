package routerconfig

import (
	"strings"
	"testing"

	"github.com/nearcast/nearcast/bgp/config"
)

const chosen = `asn: 64511
routerID: 192.0.2.11
peers:
- {address: 192.0.2.1, asn: 64500, group: tor}
- {address: 203.0.113.1, asn: 64501, multihop: 3, localAddress: 192.0.2.11, vips: [198.51.100.0/24, 203.0.113.64/28], attributes: {prepend: 1, communities: ["64501:666"]}}
- {address: 192.0.2.2, asn: 64511, localAddress: 192.0.2.11, vips: [192.0.2.128/25]}
vips:
- {address: 198.51.100.53, checks: [{tcp: {address: "127.0.0.1:53"}}]}
- {address: 198.51.100.80, peers: [tor], checks: [{tcp: {address: "127.0.0.1:53"}}]}
- {address: 198.51.100.81, peers: [tor], attributes: {med: 7}, checks: [{tcp: {address: "127.0.0.1:53"}}]}
- {address: 203.0.113.53, peers: [tor], checks: [{tcp: {address: "127.0.0.1:53"}}]}
aggregates: [{prefix: 198.51.100.0/24, peers: [203.0.113.1]}]
pools: [{cidrs: [203.0.113.64/26], namespaces: [a]}, {cidrs: [203.0.113.128/27], namespaces: [b], peers: [tor]}]
groups: {tor: {}}
`

// TestTheRouterAcceptsExactlyWhatItIsSent checks the prefix list, the limit and the notes for every router.
func TestTheRouterAcceptsExactlyWhatItIsSent(t *testing.T) {
	c, err := config.Parse([]byte(chosen))
	if err != nil {
		t.Fatal(err)
	}
	for _, peer := range []struct {
		name         string
		limit        string
		has, hasNot  []string
		notes, never string
	}{
		{
			"192.0.2.1", "210", []string{"198.51.100.53", "198.51.100.80", "198.51.100.81", "203.0.113.53", "203.0.113.64", "203.0.113.128"},
			[]string{"198.51.100.0/24"}, "up, 198.51.100.81: MED 7", "64501:666",
		},
		{
			"203.0.113.1", "46", []string{"198.51.100.53", "198.51.100.0", "203.0.113.64/28"},
			[]string{"198.51.100.80", "198.51.100.81", "203.0.113.53/32", "203.0.113.64/26", "203.0.113.128"},
			"up: AS path longer by 1, communities 64501:666", "MED 7",
		},
		{"192.0.2.2", "10", nil, []string{"198.51.100.53", "203.0.113.64"}, "no route is sent to this router", "MED"},
	} {
		p, err := Peer(c, peer.name)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range Routers() {
			var out strings.Builder
			if err := Write(&out, name, c, p); err != nil {
				t.Fatalf("%s for %s: %v", name, peer.name, err)
			}
			text := out.String()
			for _, want := range append(peer.has, peer.notes, peer.limit) {
				if !strings.Contains(text, want) {
					t.Errorf("%s for %s lacks %s", name, peer.name, want)
				}
			}
			for _, not := range append(peer.hasNot, peer.never) {
				if strings.Contains(text, not) {
					t.Errorf("%s for %s has unexpected %s", name, peer.name, not)
				}
			}
		}
	}
}

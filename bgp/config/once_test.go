package config

import (
	"strings"
	"testing"
)

// TestAnUnknownPeerNameIsReportedOnce: that its VIP, aggregate or pool goes to nobody follows from it.
func TestAnUnknownPeerNameIsReportedOnce(t *testing.T) {
	const file = `asn: 64512
routerID: 192.0.2.11
peers:
  - {address: 192.0.2.1, asn: 64500}
vips:
  - {address: 198.51.100.53, peers: [192.0.2.1], checks: [{tcp: {address: "127.0.0.1:53"}}]}
services: {enabled: true, node: worker-1}
pools:
  - {cidrs: [203.0.113.64/26], namespaces: [media], peers: [192.0.2.1]}
aggregates:
  - {prefix: 198.51.100.0/24, peers: [192.0.2.1]}
`
	if _, err := Parse([]byte(file)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ old, new, want string }{
		{"53, peers: [192.0.2.1]", "53, peers: [tor]", `line 6: vips[0].peers[0]: "tor" is not a peer or a group`},
		{"[media], peers: [192.0.2.1]", "[media], peers: [192.0.2.10]", `line 9: pools[0].peers[0]: "192.0.2.10" is not`},
		{"/24, peers: [192.0.2.1]", "/24, peers: [all]", `line 11: aggregates[0].peers[0]: "all" is not`},
		{"address: 192.0.2.1, asn", "gateway: ipv5, asn", `line 4: peers[0].gateway: "ipv5" is neither ipv4 nor ipv6`},
	} {
		text := strings.ReplaceAll(file, c.old, c.new)
		if c.new == "gateway: ipv5, asn" {
			text = strings.ReplaceAll(text, "peers: [192.0.2.1]", "attributes: {med: 1}")
		}
		_, err := Parse([]byte(text))
		if err == nil || !strings.HasPrefix(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", c.new, err)
		}
	}
}

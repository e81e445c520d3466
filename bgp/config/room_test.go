package config

import (
	"fmt"
	"strings"
	"testing"
)

// many is a list of n communities of four octets each, of an AS.
func many(as, n int) string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf(`"%d:%d"`, as, i))
	}
	return "[" + strings.Join(all, ", ") + "]"
}

// TestCommunitiesThatDoNotFitInAnUPDATEAreRejected adds up what a route has of its state, of its
// VIP, aggregate or pool, and at a peer.
func TestCommunitiesThatDoNotFitInAnUPDATEAreRejected(t *testing.T) {
	const base = `asn: 64512
routerID: 192.0.2.11
peers:
- {address: 192.0.2.1, asn: 64500, attributes: {communities: %s}}
- {address: "2001:db8::1", asn: 64500}
states: {up: {communities: %s}}
aggregates:
- {prefix: 198.51.100.0/24, attributes: {communities: %s}}
pools:
- {cidrs: ["2001:db8:53::/64"], namespaces: [a], attributes: {communities: %s}}
`
	for _, c := range []struct {
		peer, states, aggregate, pool int
		want                          string
	}{
		{100, 200, 199, 299, ""}, // and GRACEFUL_SHUTDOWN
		{300, 200, 0, 0, "line 4: peers[0].attributes.communities: 2004 octets of communities, including those of states, are more than 2000"},
		{100, 200, 200, 0, "line 8: aggregates[0].attributes.communities: 2004 octets of communities, including those of states and of peer 192.0.2.1, are"},
		{499, 0, 1, 0, "line 8: aggregates[0].attributes.communities: 2004 octets"},
		{0, 1, 0, 500, "line 10: pools[0].attributes.communities: 2008 octets of communities, including those of states and of peer 2001:db8::1, are"},
		{0, 0, 501, 0, "line 8: aggregates[0].attributes.communities: 2008 octets"},
		{0, 501, 0, 0, "line 6: states.up.communities: 2004 octets are more than 2000"},
	} {
		_, err := Parse([]byte(fmt.Sprintf(base, many(1, c.peer), many(2, c.states), many(3, c.aggregate), many(4, c.pool))))
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

package routerconfig

import (
	"io"
	"net/netip"
	"strings"
	"testing"

	"github.com/nearcast/nearcast/bgp"
)

// TestARouterFoundByTheDefaultRouteHasTheTextOfOneAtItsAddress holds it for every router and family,
// and for files that are one speaker's and those of many.
func TestARouterFoundByTheDefaultRouteHasTheTextOfOneAtItsAddress(t *testing.T) {
	for _, test := range []struct{ gateway, address, named, more string }{
		{"ipv4", "192.0.2.1", "address: 192.0.2.1", ""},
		{"ipv6", "2001:db8::1", `address: "2001:db8::1"`, `, localAddress: "2001:db8::11"`},
		{"ipv6", "fe80::1%swp1", "interface: swp1", ", families: [ipv4, ipv6]"},
	} {
		for _, routerID := range []string{"192.0.2.11", "${NEARCAST_TEST_NODE}"} {
			named := withPeer(t, routerID, test.named+test.more)
			found := withPeer(t, routerID, "gateway: "+test.gateway+test.more)
			for _, router := range Routers() {
				if err := Write(io.Discard, router, found, &found.Peers[0]); err == nil || !strings.Contains(err.Error(), "say with --address") {
					t.Errorf("%s without an address: %v", router, err)
				}
				c, p, err := At(found, &found.Peers[0], netip.MustParseAddr(test.address))
				if err != nil {
					t.Fatal(err)
				}
				want, got := &strings.Builder{}, &strings.Builder{}
				wantErr, gotErr := Write(want, router, named, &named.Peers[0]), Write(got, router, c, p)
				if (gotErr == nil) != (wantErr == nil) || got.String() != want.String() {
					t.Errorf("%s at %s: %v\n%s\nwant %v\n%s", router, test.address, gotErr, got, wantErr, want)
				}
			}
			if found.Peers[0].Gateway == "" {
				t.Error("the configuration itself was changed")
			}
		}
	}
}

// withPeer is a configuration with two peers, of which the first has the keys.
func withPeer(t *testing.T, routerID, keys string) *bgp.Config {
	t.Helper()
	c, err := bgp.ParseShared([]byte("asn: 64512\nrouterID: " + routerID + "\npeers: [{asn: 64500, " + keys + "}, {address: 203.0.113.1, asn: 64501}]\n"))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAnAddressThatTheRouterCannotHaveThereIsRefused(t *testing.T) {
	c := parse(t, "{gateway: ipv4, asn: 64500}, {address: 192.0.2.1, asn: 64500}, {gateway: ipv6, asn: 64500}", "")
	for _, test := range []struct {
		peer          int
		address, want string
	}{
		{0, "2001:db8::1", "2001:db8::1 is not of ipv4"},
		{1, "192.0.2.1", "the file names the router itself, 192.0.2.1"},
		{2, "fe80::1", "append the router's name of the link, such as fe80::1%swp1"},
		{2, "::ffff:192.0.2.1", "192.0.2.1 is not of ipv6"},
	} {
		if _, _, err := At(c, &c.Peers[test.peer], netip.MustParseAddr(test.address)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %s", test.address, err, test.want)
		}
	}
}

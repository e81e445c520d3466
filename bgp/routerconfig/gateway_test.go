package routerconfig

import (
	"errors"
	"io"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/nearcast/nearcast/bgp/config"
)

// TestARouterFoundByTheDefaultRouteGetsTheTextForItsAddress checks this for every router and family,
// and for files of one speaker and of many.
func TestARouterFoundByTheDefaultRouteGetsTheTextForItsAddress(t *testing.T) {
	for _, test := range []struct{ gateway, address, named, more string }{
		{"ipv4", "192.0.2.1", "address: 192.0.2.1", ""},
		{"ipv6", "2001:db8::1", `address: "2001:db8::1"`, `, localAddress: "2001:db8::11"`},
		{"ipv6", "fe80::1%swp1", "interface: swp1", ", families: [ipv4, ipv6]"},
	} {
		for _, routerID := range []string{"192.0.2.11", "${NEARCAST_TEST_NODE}"} {
			named := withPeer(t, routerID, test.named+test.more)
			found := withPeer(t, routerID, "gateway: "+test.gateway+test.more)
			for _, router := range Routers() {
				if err := Write(io.Discard, router, found, &found.Peers[0]); err == nil || !strings.Contains(err.Error(), "set --address") {
					t.Errorf("%s without an address: got error %v", router, err)
				}
				c, p, err := Own{Address: netip.MustParseAddr(test.address)}.In(found, &found.Peers[0])
				if err != nil {
					t.Fatal(err)
				}
				want, got := &strings.Builder{}, &strings.Builder{}
				wantErr, gotErr := Write(want, router, named, &named.Peers[0]), Write(got, router, c, p)
				if (gotErr == nil) != (wantErr == nil) || got.String() != atOwnLink(want.String(), router) {
					t.Errorf("%s at %s: got error %v\n%s\nwant %v\n%s", router, test.address, gotErr, got, wantErr, want)
				}
			}
			if p := found.Peers[0]; p.Address.IsValid() || p.Interface != "" {
				t.Error("Write changed the configuration that it was given")
			}
		}
	}
}

// atOwnLink returns the text for a link that already has the router's own name.
func atOwnLink(text, router string) string {
	lines := slices.DeleteFunc(strings.SplitAfter(text, "\n"), func(line string) bool {
		return strings.Contains(line, "swp1 is the speaker's name of the link") || strings.Contains(line, "stands for the link that the speaker calls swp1")
	})
	text = strings.Join(lines, "")
	if link := routers[router].link; link != "" && strings.Contains(text, "swp1") {
		text = strings.ReplaceAll(text, link, "swp1")
	}
	return text
}

// TestARouteForAGatewayIsInTheTextForItsRouter checks that lists of peers name the router as the file does,
// and that a router's name of a link may be longer than this machine's.
func TestARouteForAGatewayIsInTheTextForItsRouter(t *testing.T) {
	c := parse(t, "{gateway: ipv6, asn: 64500}, {address: \"2001:db8::9\", asn: 64501}", "vips: [{address: \"2001:db8:53::53\", peers: [gateway/ipv6], checks: [{tcp: {address: \"127.0.0.1:53\"}}]}]\n")
	for _, own := range []string{"2001:db8::1", "fe80::1%ethernet-1/1.0"} {
		c.Peers[0].LocalAddress = netip.Addr{}
		if !strings.Contains(own, "%") {
			c.Peers[0].LocalAddress = netip.MustParseAddr("2001:db8::11")
		}
		text := &strings.Builder{}
		o, p, err := Own{Address: netip.MustParseAddr(own)}.In(c, &c.Peers[0])
		if err == nil {
			err = Write(text, "srlinux", o, p)
		}
		_, link, _ := strings.Cut(own, "%")
		if err != nil || !strings.Contains(text.String(), "2001:db8:53::53") || !strings.Contains(text.String(), link) || strings.Contains(text.String(), "name of the link") {
			t.Errorf("%s: %v\n%s", own, err, text)
		}
	}
	o, p, err := Own{Address: netip.MustParseAddr("fe80::1%a b;c")}.In(c, &c.Peers[0])
	if err == nil {
		err = Write(io.Discard, "srlinux", o, p)
	}
	if err == nil || !strings.Contains(err.Error(), "is not the name of a link") {
		t.Error(err)
	}
}

// withPeer is a configuration with two peers, of which the first has the keys.
func withPeer(t *testing.T, routerID, keys string) *config.Config {
	t.Helper()
	c, err := config.ParseShared([]byte("asn: 64512\nrouterID: " + routerID + "\npeers: [{asn: 64500, " + keys + "}, {address: 203.0.113.1, asn: 64501}]\n"))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestARouterOfAnyASGetsTheTextForItsAS also checks it for a router found by the default route.
func TestARouterOfAnyASGetsTheTextForItsAS(t *testing.T) {
	named, found := withPeer(t, "192.0.2.11", "address: 192.0.2.1"), withPeer(t, "192.0.2.11", "gateway: ipv4")
	found.Peers[0].External, found.Peers[0].ASN = true, 0
	for _, router := range Routers() {
		c, p, err := Own{Address: netip.MustParseAddr("192.0.2.1")}.In(found, &found.Peers[0])
		if err != nil {
			t.Fatal(err)
		}
		if err := Write(io.Discard, router, c, p); err == nil || !strings.Contains(err.Error(), "set --asn") {
			t.Errorf("%s without an AS: got error %v", router, err)
		}
		c, p, err = Own{ASN: 64500}.In(c, p)
		if err != nil {
			t.Fatal(err)
		}
		want, got := &strings.Builder{}, &strings.Builder{}
		if err := errors.Join(Write(want, router, named, &named.Peers[0]), Write(got, router, c, p)); err != nil || got.String() != want.String() {
			t.Errorf("%s: %v\n%s\nwant\n%s", router, err, got, want)
		}
	}
}

func TestFlagsMayNotContradictTheFile(t *testing.T) {
	c := parse(t, "{gateway: ipv4, asn: external}, {address: 192.0.2.1, asn: 64500}, {gateway: ipv6, asn: 64500}", "")
	for _, test := range []struct {
		peer    int
		address string
		asn     uint32
		want    string
	}{
		{0, "2001:db8::1", 0, "--address: 2001:db8::1 is not an ipv4 address"},
		{0, "192.0.2.1", 64512, "--asn: 64512 is the speakers' own AS"},
		{1, "192.0.2.1", 0, "--address: not allowed, because the file already has the router's address, 192.0.2.1"},
		{2, "fe80::1", 0, "--address: fe80::1 is link-local; append the router's name of the link, such as fe80::1%swp1"},
		{2, "::ffff:192.0.2.1", 0, "--address: 192.0.2.1 is not an ipv6 address"},
		{2, "2001:db8::1", 64500, "--asn: not allowed, because the file already has the router's AS, 64500"},
	} {
		own := Own{Address: netip.MustParseAddr(test.address), ASN: test.asn}
		if _, _, err := own.In(c, &c.Peers[test.peer]); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v: got error %v, want %s", own, err, test.want)
		}
	}
}

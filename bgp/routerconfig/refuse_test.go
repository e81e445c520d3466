package routerconfig

import (
	"io"
	"strings"
	"testing"

	"github.com/nearcast/nearcast/bgp"
)

func TestWhatARouterCannotDoIsRefused(t *testing.T) {
	tests := []struct {
		router, peer, more, want string
	}{
		{"ios", "{address: 192.0.2.1, asn: 64500}", "", `router "ios" is not one of frr, bird, junos, ios-xr`},
		{"junos", "{interface: eth0, asn: 64500}", "", "unnumbered peers are written for frr and bird alone"},
		{"ios-xr", "{interface: eth0, asn: 64500}", "", "unnumbered peers are written for frr and bird alone"},
		{"frr", `{interface: "eth0\n no router bgp 1", asn: 64500}`, "", "is not the name of a link"},
		{"frr", `{address: "2001:db8::1", asn: 64500}`, "", "set the peer's localAddress"},
		{"junos", "{address: 192.0.2.1, asn: 64500, port: 1790}", "", "listens on port 179 alone, not on 1790"},
		{"ios-xr", "{address: 192.0.2.1, asn: 64500, passive: true}", `listen: ["192.0.2.11:1790"]`, "the speaker waits on 1790"},
		{"ios-xr", "{address: 192.0.2.1, asn: 64500, bfd: true, bfdMultiplier: 17}", "", "a multiplier of BFD up to 16, not 17"},
		{"ios-xr", "{address: 192.0.2.1, asn: 64512, gtsm: true}", "", "GTSM for eBGP alone"},
	}
	for _, test := range tests {
		c := parse(t, test.peer, test.more)
		err := Write(io.Discard, test.router, c, &c.Peers[0])
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s for %s: %v, not %q", test.router, test.peer, err, test.want)
		}
	}
}

func TestWhoConnects(t *testing.T) {
	tests := []struct {
		router, peer, more string
		want, without      string
	}{
		{"frr", "{address: 192.0.2.1, asn: 64500}", "", "neighbor 192.0.2.11 passive", "timers connect"},
		{"frr", "{address: 192.0.2.1, asn: 64500}", `listen: ["192.0.2.11:179"]`, "timers connect 5", "passive"},
		{"frr", "{address: 192.0.2.1, asn: 64500, passive: true}", `listen: ["192.0.2.11:1790"]`, "neighbor 192.0.2.11 port 1790", "passive"},
		{"frr", "{address: 192.0.2.1, asn: 64500, port: 1791}", "", `needs "-p 1791"`, "port 1790"},
		{"bird", "{address: 192.0.2.1, asn: 64500}", "", "passive on;", " port "},
		{"bird", "{address: 192.0.2.1, asn: 64500, passive: true}", `listen: ["192.0.2.11:1790"]`, "neighbor 192.0.2.11 port 1790 as 64512;", "passive"},
		{"bird", "{address: 192.0.2.1, asn: 64500, port: 1791}", "", "local 192.0.2.1 port 1791 as 64500;", "port 1790"},
		{"junos", "{address: 192.0.2.1, asn: 64500}", `listen: ["192.0.2.11:1790"]`, "neighbor 192.0.2.11 passive", "1790"},
		{"ios-xr", "{address: 192.0.2.1, asn: 64500}", `listen: ["192.0.2.11:179"]`, "remote-as 64512", "passive"},
	}
	for _, test := range tests {
		c := parse(t, test.peer, test.more)
		var text strings.Builder
		if err := Write(&text, test.router, c, &c.Peers[0]); err != nil {
			t.Errorf("%s for %s: %v", test.router, test.peer, err)
		}
		if !strings.Contains(text.String(), test.want) || strings.Contains(text.String(), test.without) {
			t.Errorf("%s for %s: without %q, or with %q:\n%s", test.router, test.peer, test.want, test.without, text.String())
		}
	}
}

func TestPeerIsNamedWhereThereAreSeveral(t *testing.T) {
	c := load(t, "full")
	for name, want := range map[string]string{
		"":          "several peers; name one of 192.0.2.1, 2001:db8:ffff::2, 203.0.113.9",
		"192.0.2.7": "no peer 192.0.2.7; it has 192.0.2.1, 2001:db8:ffff::2, 203.0.113.9",
	} {
		if _, err := Peer(c, name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, not %q", name, err, want)
		}
	}
	if p, err := Peer(c, "203.0.113.9"); err != nil || p != &c.Peers[2] {
		t.Errorf("%v, %v", p, err)
	}
	if p, err := Peer(load(t, "simple"), ""); err != nil || p.Name() != "192.0.2.1" {
		t.Errorf("%v, %v", p, err)
	}
}

func parse(t *testing.T, peer, more string) *bgp.Config {
	t.Helper()
	c, err := bgp.Parse([]byte("asn: 64512\nrouterID: 192.0.2.11\npeers: [" + peer + "]\n" + more))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

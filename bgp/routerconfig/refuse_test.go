package routerconfig

import (
	"io"
	"net/netip"
	"strings"
	"testing"

	"github.com/nearcast/nearcast/bgp/config"
)

func TestWhatARouterDoesNotSupportIsRejected(t *testing.T) {
	tests := []struct {
		router, peer, more, want string
	}{
		{"ios", "{address: 192.0.2.1, asn: 64500}", "", `router "ios" is not one of frr, bird, junos, ios-xr, eos, srlinux, sonic, vyos`},
		{"junos", "{interface: eth0, asn: 64500}", "", "unnumbered peers are supported for frr, bird, eos, srlinux, sonic and vyos only"},
		{"ios-xr", "{interface: eth0, asn: 64500}", "", "unnumbered peers are supported for frr, bird, eos, srlinux, sonic and vyos only"},
		{"frr", `{interface: "eth0\n no router bgp 1", asn: 64500}`, "", "is not the name of a link"},
		{"frr", `{address: "2001:db8::1", asn: 64500}`, "", "set the peer's localAddress"},
		{"junos", "{address: 192.0.2.1, asn: 64500, port: 1790}", "", "listens only on port 179, not on 1790"},
		{"ios-xr", "{address: 192.0.2.1, asn: 64500, passive: true}", `listen: ["192.0.2.11:1790"]`, "the speaker listens on 1790"},
		{"ios-xr", "{address: 192.0.2.1, asn: 64500, bfd: true, bfdMultiplier: 17}", "", "a BFD multiplier of at most 16, not 17"},
		{"ios-xr", "{address: 192.0.2.1, asn: 64512, gtsm: true}", "", "GTSM only for eBGP"},
		{"vyos", "{address: 192.0.2.1, asn: 64500, port: 1790}", "", "listens only on port 179, not on 1790"},
		{"eos", "{address: 192.0.2.1, asn: 64500, passive: true}", `listen: ["192.0.2.11:1790"]`, "the speaker listens on 1790"},
		{"eos", "{address: 192.0.2.1, asn: 64500, bfd: true, bfdMultiplier: 2}", "", "a BFD multiplier of at least 3, not 2"},
		{"srlinux", "{address: 192.0.2.1, asn: 64500, bfd: true, bfdMultiplier: 21}", "", "a BFD multiplier of at most 20, not 21"},
		{"srlinux", "{address: 192.0.2.1, asn: 64500, bfd: true, gtsm: true}", "", "remove gtsm or bfd"},
		{"ios-xr", `{address: "fe80::1%eth0", asn: 64500, localAddress: "fe80::2%eth0"}`, "", "link-local peers are supported for frr, bird, junos, eos, srlinux and vyos only"},
		{"frr", `{address: "fe80::1%eth0", asn: 64500}`, "", "set the peer's localAddress, or interface instead of address"},
		{"frr", `{address: "fe80::1%a b", asn: 64500, localAddress: "fe80::2%a b"}`, "", `"a b" is not the name of a link`},
	}
	for _, test := range tests {
		c := parse(t, test.peer, test.more)
		err := Write(io.Discard, test.router, c, &c.Peers[0])
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s for %s: got error %v, want %q", test.router, test.peer, err, test.want)
		}
	}
}

// TestSpeakersThatCannotHaveTheSessionAreRejected covers invalid values of --speakers.
func TestSpeakersThatCannotHaveTheSessionAreRejected(t *testing.T) {
	const own = "routerID: ${NEARCAST_TEST_NODE}\n"
	tests := []struct {
		router, peer, more, want string
		speakers                 []netip.Prefix
	}{
		{"frr", "{interface: eth0, asn: 64500}", "", "omit the speakers' addresses", prefixes("192.0.2.0/24")},
		{"frr", "{address: 192.0.2.1, asn: 64500}", "", "none of the speakers' addresses is an ipv4 address, the session's family", prefixes("2001:db8::/64")},
		{"bird", `{address: "2001:db8::1", asn: 64500}`, "", "none of the speakers' addresses is an ipv6 address, the session's family", prefixes("192.0.2.0/24", "fe80::/64")},
		{"bird", "{address: 192.0.2.1, asn: 64500, passive: true}", `listen: ["192.0.2.11:179"]`, "cannot connect to a range of addresses; list the addresses in 192.0.2.0/24", prefixes("192.0.2.0/24")},
		{"junos", "{address: 192.0.2.1, asn: 64500, passwordFile: /k}", "", "cannot have a key for a range of neighbors; list the addresses in 192.0.2.0/24", prefixes("192.0.2.0/24")},
		{"frr", "{address: 192.0.2.1, asn: 64500, bfd: true}", own, "reset repeatedly; list the addresses in 192.0.2.0/24", nil},
		{"sonic", "{address: 192.0.2.1, asn: 64500, bfd: true}", "", "reset repeatedly", prefixes("192.0.2.11/32", "192.0.2.64/26")},
		{"vyos", "{address: 192.0.2.1, asn: 64500, bfd: true}", own, "or remove bfd", nil},
		{"frr", "{address: 192.0.2.1, asn: 64500, multihop: 3}", own, "list them with --speakers", nil},
		{"frr", "{address: 192.0.2.1, asn: 64500, passive: true}", own + `listen: ["192.0.2.11:179"]`, "list them with --speakers", nil},
		{"frr", `{address: "fe80::1%eth0", asn: 64500}`, own, "set the peer's localAddress, or interface", nil},
	}
	for _, test := range tests {
		text := "asn: 64512\npeers: [" + test.peer + "]\n" + test.more
		if !strings.Contains(test.more, "routerID") {
			text += "\nrouterID: 192.0.2.11"
		}
		c, err := config.ParseShared([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if err := Write(io.Discard, test.router, c, &c.Peers[0], test.speakers...); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s for %s at %v: got error %v, want %q", test.router, test.peer, test.speakers, err, test.want)
		}
	}
}

func TestTheTextSaysWhichEndConnects(t *testing.T) {
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
			t.Errorf("%s for %s: want %q and not %q; got\n%s", test.router, test.peer, test.want, test.without, text.String())
		}
	}
}

func TestAPeerMustBeNamedIfThereAreSeveral(t *testing.T) {
	c := load(t, "full")
	for name, want := range map[string]string{
		"":          "several peers; choose one of 192.0.2.1, 2001:db8:ffff::2, 203.0.113.9",
		"192.0.2.7": "no peer 192.0.2.7; it has 192.0.2.1, 2001:db8:ffff::2, 203.0.113.9",
	} {
		if _, err := Peer(c, name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got error %v, want %q", name, err, want)
		}
	}
	if p, err := Peer(c, "203.0.113.9"); err != nil || p != &c.Peers[2] {
		t.Errorf("%v, %v", p, err)
	}
	if p, err := Peer(load(t, "simple"), ""); err != nil || p.Name() != "192.0.2.1" {
		t.Errorf("%v, %v", p, err)
	}
}

func parse(t *testing.T, peer, more string) *config.Config {
	t.Helper()
	c, err := config.Parse([]byte("asn: 64512\nrouterID: 192.0.2.11\npeers: [" + peer + "]\n" + more))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

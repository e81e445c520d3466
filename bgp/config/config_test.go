package config

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/nearcast/nearcast/bgp/route"
	"github.com/nearcast/nearcast/bgp/vip"
)

const good = `asn: 64512
routerID: 192.0.2.11
listen: ["192.0.2.11:179", "[2001:db8::11]:179"]
peers:
  - {address: 192.0.2.1, asn: 64500, holdTime: 9s, families: [ipv4, ipv6], nextHop: "2001:db8::11", gtsm: true, bfd: true}
  - {address: 192.0.2.2, asn: 64512, passive: true}
  - {interface: eth1, asn: 64501}
  - {address: 203.0.113.1, asn: 64502, multihop: 3}
vips:
  - address: 198.51.100.53
    bind: lo
    checks:
      - {dns: {server: 127.0.0.1:53, name: fn.example.org}, scope: local, rise: 3, fall: 2, interval: 1s}
      - {dns: {server: 127.0.0.1:53, name: www.example.net, type: A, answer: [192.0.2.80]}, scope: upstream}
  - address: 2001:db8:53::53
    checks: [{tcp: {address: "127.0.0.1:53"}}]
services: {enabled: true, node: n1}
pools:
  - {cidrs: [198.51.100.64/26, "2001:db8:53::/64"], namespaces: [media, iot]}
states:
  degraded: {prepend: 2, med: 50, communities: ["64512:7", "64512:1:2"]}
  draining: {communities: [graceful-shutdown, no-export], dwell: 2s}
startupHold: 5
flaps: {budget: 3, window: 1m}
metrics: 127.0.0.1:9154
`

// TestNodesCanShareAFile takes the differences between nodes from the environment.
func TestNodesCanShareAFile(t *testing.T) {
	t.Setenv("TEST_NODE", "192.0.2.4")
	shared := strings.NewReplacer("routerID: 192.0.2.11", "routerID: ${TEST_NODE}", "metrics: 127.0.0.1:9154", "metrics: ${TEST_NODE}:9154").Replace(good)
	c, err := Parse([]byte(shared))
	if err != nil {
		t.Fatal(err)
	}
	if c.RouterID.String() != "192.0.2.4" || c.Metrics != "192.0.2.4:9154" {
		t.Errorf("%s, %s", c.RouterID, c.Metrics)
	}
	for text, wanted := range map[string]string{
		"routerID: ${TEST_NOBODY}": "line 2: variable ${TEST_NOBODY} is not set",
		"routerID: $TEST_NODE":     "$TEST_NODE", // is not a variable
	} {
		_, err := Parse([]byte(strings.Replace(good, "routerID: 192.0.2.11", text, 1)))
		if err == nil || !strings.Contains(err.Error(), wanted) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestAValidConfigurationGetsItsDefaults(t *testing.T) {
	c, err := Parse([]byte(good))
	if err != nil {
		t.Fatal(err)
	}
	dns := c.VIPs[0].Checks[0]
	if dns.DNS.Type != "SOA" || dns.Scope != vip.Local || dns.Timeout != time.Second || dns.FastInterval != 250*time.Millisecond || dns.DNS.Recursive {
		t.Errorf("%+v", dns)
	}
	if upstream := c.VIPs[0].Checks[1]; !upstream.DNS.Recursive || upstream.Rise != defaultRise {
		t.Errorf("%+v", upstream)
	}
	p := c.Peers[0]
	if p.Port != 179 || p.BFDInterval != 300*time.Millisecond || p.BFDMultiplier != 3 {
		t.Errorf("%+v", p)
	}
	if u := c.Peers[2]; !u.Carries(route.IPv4) || !u.Carries(route.IPv6) || u.Name() != "eth1" || u.HoldTime != 9*time.Second {
		t.Errorf("%+v", u)
	}
	d := c.States.Draining
	if got := fmt.Sprint(d.Communities.Texts(), d.Prepend, *d.MED, *d.LocalPreference, d.Dwell, d.Linger); got != "[graceful-shutdown no-export] 6 200 0 2s 5s" {
		t.Errorf("draining: %s", got)
	}
	if g := c.States.Degraded; fmt.Sprint(g.Communities.Texts(), g.Prepend, *g.MED) != "[64512:7 64512:1:2] 2 50" {
		t.Errorf("degraded: %+v", g)
	}
}

// TestYesAndOnAreTrue: files from before YAML 1.2 write them.
func TestYesAndOnAreTrue(t *testing.T) {
	for text, want := range map[string]bool{"yes": true, "on": true, "True": true, "no": false, "off": false} {
		c, err := Parse([]byte(strings.Replace(good, "bfd: true", "bfd: "+text, 1)))
		if err != nil || c.Peers[0].BFD != want {
			t.Errorf("bfd: %s: %v", text, err)
		}
	}
}

// TestEveryStateHasTheCommunitiesOfUp covers every kind of community: what keeps a
// route inside a network keeps it there in every state.
func TestEveryStateHasTheCommunitiesOfUp(t *testing.T) {
	const up = `up: {communities: [no-export, "64500:666", "64500:1:2"]}`
	for _, c := range []struct{ states, degraded, draining string }{
		{"", "[no-export 64500:666 64500:1:2]", "[no-export 64500:666 graceful-shutdown 64500:1:2]"},
		{`degraded: {communities: ["64500:50"]}`, "[no-export 64500:666 64500:50 64500:1:2]", "[no-export 64500:666 graceful-shutdown 64500:1:2]"},
		{`degraded: {communities: [no-export], without: ["64500:1:2"]}`, "[no-export 64500:666]", "[no-export 64500:666 graceful-shutdown 64500:1:2]"},
		{`draining: {communities: [graceful-shutdown, "64500:9:9"], without: [no-export, "64500:666"]}`, "[no-export 64500:666 64500:1:2]", "[graceful-shutdown 64500:1:2 64500:9:9]"},
		{`degraded: {communities: ["rt:1:1", "color:7"]}`, "[no-export 64500:666 64500:1:2 rt:1:1 color:7]", "[no-export 64500:666 graceful-shutdown 64500:1:2]"},
	} {
		before, _, _ := strings.Cut(good, "states:")
		text := before + "states:\n  " + up + "\n  " + c.states + "\n"
		config, err := Parse([]byte(text))
		if err != nil {
			t.Errorf("%s: %v", c.states, err)
			continue
		}
		if got := fmt.Sprint(config.States.Degraded.Communities.Texts()); got != c.degraded {
			t.Errorf("%s: degraded: got %s, want %s", c.states, got, c.degraded)
		}
		if got := fmt.Sprint(config.States.Draining.Communities.Texts()); got != c.draining {
			t.Errorf("%s: draining: got %s, want %s", c.states, got, c.draining)
		}
	}
}

// TestAWorseStateInheritsExtendedCommunitiesAndLinkBandwidth: what it does not set for itself
// it has of the state above.
func TestAWorseStateInheritsExtendedCommunitiesAndLinkBandwidth(t *testing.T) {
	for _, c := range []struct{ states, degraded, draining string }{
		{`{up: {communities: [rt:1:1, 0x4300000000000001], linkBandwidth: 10G}}`, "[rt:1:1 0x4300000000000001] 10G", "[graceful-shutdown rt:1:1 0x4300000000000001] 10G"},
		{`{up: {communities: ["soo:1:1"], linkBandwidth: 10G}, degraded: {prepend: 3, med: 1, linkBandwidth: 1G, communities: [color:7]}}`, "[soo:1:1 color:7] 1G", "[graceful-shutdown soo:1:1] 1G"},
		{`{up: {communities: [rt:1:1, "rt:1:2"], linkBandwidth: 10G}, draining: {prepend: 6, med: 200, without: [target:1:1], linkBandwidth: 1K}}`, "[rt:1:1 rt:1:2] 10G", "[graceful-shutdown rt:1:2] 1K"},
		{`{up: {communities: [rt:1:1]}}`, "[rt:1:1] none", "[graceful-shutdown rt:1:1] none"},
		{`{up: {linkBandwidth: null}}`, "[] none", "[graceful-shutdown] none"},
	} {
		before, _, _ := strings.Cut(good, "states:")
		config, err := Parse([]byte(before + "states: " + c.states + "\n"))
		if err != nil {
			t.Errorf("%s: %v", c.states, err)
			continue
		}
		for _, state := range []struct {
			a    route.Attributes
			want string
		}{{config.States.Degraded.Attributes, c.degraded}, {config.States.Draining.Attributes, c.draining}} {
			if got := fmt.Sprint(state.a.Communities.Texts(), " ", state.a.LinkBandwidth); got != state.want {
				t.Errorf("%s: got %s, want %s", c.states, got, state.want)
			}
		}
	}
}

func TestEveryFaultIsNamedWithItsLine(t *testing.T) {
	for _, c := range []struct{ old, new, want string }{
		{"holdTime", "holdtime", "line 5: peers[0].holdtime: unknown key; did you mean holdTime?"},
		{"fall: 2", "fal: 2", "line 13: vips[0].checks[0].fal: unknown key"},
		{"fall: 2", "fall: '2'", "line 13: vips[0].checks[0].fall: write 2 without quotes"},
		{"holdTime: 9s", "port: 70000", "line 5: peers[0].port: 70000 is out of range"},
		{"holdTime: 9s", "port: -1", "line 5: peers[0].port: -1 is out of range"},
		{"asn: 64512\n", "asn: many\n", `line 1: asn: "many" is not an AS number`},
		{"asn: 64512\n", "asn: 0\n", "line 1: asn: is required; 0 is reserved (RFC 7607)"},
		{"routerID: 192.0.2.11", "routerID: 2001:db8::1", "line 2: routerID: an IPv4 address is required"},
		{"2001:db8::11]:179", "2001:db8::11]:1790", "line 3: listen[1]: address:port is required, and all entries must have the same port"},
		{"holdTime: 9s", "holdTime: 2s", "line 5: peers[0].holdTime: 2s is not"},
		{"families: [ipv4, ipv6]", "families: [ipv4, ipv5]", `line 5: peers[0].families: "ipv5" is neither`},
		{`nextHop: "2001:db8::11"`, "nextHop: 192.0.2.11", "line 5: peers[0].nextHop: is of the session's family"},
		{`, nextHop: "2001:db8::11"`, "", "line 5: peers[0].nextHop: an IPv6 address of this site is required"},
		{"bfd: true", "bfdInterval: 1s", "line 5: peers[0].bfdInterval: has no effect without bfd"},
		{"bfd: true", "bfd: true, bfdInterval: 1ms", "line 5: peers[0].bfdInterval: 1ms is not"},
		{"gtsm: true", "gtsm: true, multihop: 2", "line 5: peers[0].gtsm: cannot be combined with multihop"},
		{"gtsm: true", "multihop: 2", "line 5: peers[0].bfd: cannot be combined with multihop"},
		{"multihop: 3", "multihop: 1", "line 8: peers[3].multihop: 1 is not from 2 to 255"},
		{"passive: true", "passive: true, multihop: 2", "line 6: peers[1].multihop: is for eBGP"},
		{"listen: [", "#", "line 6: peers[1].passive: requires that the speaker listens"},
		{"interface: eth1", "interface: eth1, address: 192.0.2.9", "line 7: peers[2].interface: cannot be combined with address"},
		{"interface: eth1", "interface: eth1, device: red", "line 7: peers[2].device: cannot be combined with interface"},
		{"bfd: true", "bfd: true, device: red", "line 5: peers[0].device: cannot be combined with bfd"},
		{"multihop: 3", "multihop: 3, device: a-name-of-16-chr", `line 8: peers[3].device: "a-name-of-16-chr" is not an interface name`},
		{"multihop: 3", "multihop: 3, device: a/b", `line 8: peers[3].device: "a/b" is not an interface name`},
		{"interface: eth1", "interface: eth1, multihop: 2", "line 7: peers[2].interface: cannot be combined with multihop"},
		{"{interface: eth1, asn: 64501}", "{asn: 64501}", "line 7: peers[2].address: an IP address is required, unless interface or gateway is set"},
		{"address: 203.0.113.1,", "address: 192.0.2.1,", "line 8: peers[3]: 192.0.2.1 is listed twice"},
		{"address: 203.0.113.1,", "address: 198.51.100.53,", "line 10: vips[0]: 198.51.100.53 is also a peer, or is listed twice"},
		{"address: 2001:db8:53::53", "address: 198.51.100.53", "line 15: vips[1]: 198.51.100.53 is also a peer, or is listed twice"},
		{"address: 198.51.100.53", "address: 127.0.0.1", "line 10: vips[0].address: a unicast IP address is required"},
		{"bind: lo", "bind: eth0", `line 11: vips[0].bind: "eth0" is not lo`},
		{"bind: lo", "bind: lo\n    forwarded: true", "line 12: vips[0].forwarded: cannot be combined with bind"},
		{"dns: {server: 127.0.0.1:53, name: fn.example.org}", "http: {url: http://localhost/}", "line 13: vips[0].checks[0].http.url: \"http://localhost/\": the host must be an IP address"},
		{"dns: {server: 127.0.0.1:53, name: fn.example.org}", "tcp: {address: 127.0.0.1:1}, http: {url: http://127.0.0.1/}", "line 13: vips[0].checks[0]: exactly one of dns, http and tcp"},
		{"scope: local", "scope: upstream", "line 12: vips[0].checks: a check with scope local is required"},
		{"scope: local", "scope: global", `line 13: vips[0].checks[0].scope: "global" is neither`},
		{"rise: 3", "rise: -3", "rise and fall must be positive"},
		{"interval: 1s", "timeout: 1m", "line 13: vips[0].checks[0].timeout: 1m0s is not"},
		{"interval: 1s", "interval: 1ms", "interval: 1ms"},
		{"interval: 1s", "interval: 1s, fastInterval: 2s", "line 13: vips[0].checks[0].fastInterval: 2s is more than interval"},
		{"name: fn.example.org", "name: fn.example.org, type: SOAP", `line 13: vips[0].checks[0].dns.type: "SOAP" is not a record type`},
		{"answer: [192.0.2.80]", "answer: [www]", `line 14: vips[0].checks[1].dns.answer: "www" is not the data of a A`},
		{"198.51.100.64/26", "\"::ffff:198.51.100.64/122\"", "line 19: pools[0].cidrs: ::ffff:198.51.100.64/122 is an IPv4-mapped prefix; write it as IPv4, 198.51.100.64/26"},
		{"198.51.100.64/26", "198.51.100.65/26", "line 19: pools[0].cidrs: 198.51.100.65/26 has bits set"},
		{"namespaces: [media, iot]", "namespaces: [media, iot], probePorts: [9000, 70000]", "\"70000\" is not a port from 1 to 65535"},
		{"namespaces: [media, iot]", "namespaces: []", "line 19: pools[0].namespaces: at least one"},
		{"prepend: 2", "prepend: 20", "line 21: states.degraded.prepend: 20 is not from 0 to 10"},
		{"prepend: 2", "prepend: 7", "line 22: states.draining: would be preferred to degraded"},
		{`"64512:7"`, "graceful-shutdown", "line 21: states.degraded.communities: graceful-shutdown is only for draining"},
		{`"64512:7"`, `"64512:70000"`, `line 21: communities: "64512:70000" is not`},
		{`"64512:1:2"`, `"4294967295:1:2"`, "is reserved"},
		{"{communities: [graceful-shutdown, no-export], dwell: 2s}", "{without: [no-peer, \"1:2:3\"]}\n  up: {communities: [no-export]}", "line 22: states.draining.without: states.up does not have no-peer, 1:2:3"},
		{"degraded: {", "up: {communities: [no-export]}\n  degraded: {without: [no-export], prepend: 2, med: 50, communities: [no-export]}\n#", "line 22: states.degraded.without: no-export is also in states.degraded.communities"},
		{"states:\n", "states:\n  up: {without: [no-export]}\n", "line 21: states.up.without: unknown key"},
		{`"64512:7"`, `"rt:64512:x"`, `line 21: communities: "rt:64512:x": "x" is not a 32-bit number`},
		{`"64512:7"`, `rt:64512:4294967296`, `line 21: communities: "rt:64512:4294967296": "4294967296" is not`},
		{`"64512:7"`, `0x4004fc004e9502f9`, "line 21: communities: \"0x4004fc004e9502f9\" is a link bandwidth: set linkBandwidth"},
		{"degraded: {prepend: 2, med: 50, communities: [\"64512:7\", \"64512:1:2\"]}", "degraded:\n    prepend: 2\n    med: 50\n    communities:\n    - rt:1:1\n    - rt:1\n    - color:x", "line 27: communities: \"color:x\""},
		{"degraded: {", "up: {communities: [rt:1:1]}\n  degraded: {without: [\"rt:1:2\"], ", "line 22: states.degraded.without: states.up does not have rt:1:2"},
		{"degraded: {", "up: {communities: [" + strings.Repeat("rt:1:1, ", 251) + "]}\n  degraded: {", "line 21: states.up.communities: 2008 octets are more than 2000"},
		{"degraded: {", "up: {communities: [" + strings.Repeat("\"1:1\", ", 501) + "]}\n  degraded: {", "line 21: states.up.communities: 2004 octets are more than 2000"},
		{"degraded: {", "up: {linkBandwidth: 10}\n  degraded: {", `line 21: states.up.linkBandwidth: "10" is not a bandwidth, such as 10G: write bits per second as a decimal number with K, M, G or T`},
		{"degraded: {", "up: {linkBandwidth: -10G}\n  degraded: {", `line 21: states.up.linkBandwidth: "-10G" is not a bandwidth`},
		{"degraded: {", "up: {linkBandwidth: [10G]}\n  degraded: {", "line 21: states.up.linkBandwidth: cannot be a list; write a bandwidth, such as 10G"},
		{"degraded: {", "up: {linkBandwith: 10G}\n  degraded: {", "line 21: states.up.linkBandwith: unknown key; did you mean linkBandwidth?"},
		{"degraded: {", "degraded: {linkBandwidth: 10G, ", "line 21: states.degraded.linkBandwidth: 10G is more than that of up (none)"},
		{"degraded: {", "up: {linkBandwidth: 10G}\n  degraded: {linkBandwidth: 40G, ", "line 22: states.degraded.linkBandwidth: 40G is more than that of up (10G), and would attract a larger share of the load"},
		{"degraded: {", "up: {linkBandwidth: 10G}\n  degraded: {linkBandwidth: 1G, ", ""},
		{"draining: {", "up: {linkBandwidth: 10G}\n  draining: {linkBandwidth: 10.001G, ", "line 23: states.draining.linkBandwidth: 10001M is more than that of degraded (10G)"},
		{"dwell: 2s", "dwell: 1h", "line 22: states.draining.dwell: 1h0m0s is not"},
		{"startupHold: 5", "startupHold: -1", "line 23: startupHold: -1"},
		{"metrics: 127.0.0.1:9154", "metrics: nowhere", `line 25: metrics: "nowhere" is not address:port`},
		{"services:", "---\nservices:", "more than one YAML document"},
		{"asn: 64512\n", "asn: 23456\n", "line 1: asn: 23456 is AS_TRANS"},
		{"asn: 64512\n", "asn: 65535\n", "line 1: asn: 65535 is reserved (RFC 7300)"},
		{"asn: 64512\n", "asn: 4294967295\n", "line 1: asn: 4294967295 is reserved (RFC 7300)"},
		{"asn: 64512\n", "asn: 100000\n", "line 1: asn: 100000 is not an assignable AS number"},
		{"asn: 64512\n", "asn: AS64512\n", `line 1: asn: "AS64512" is not an AS number`},
		{"asn: 64512\n", "asn: 1.70000\n", `line 1: asn: "1.70000" is not an AS number in asdot`},
		{"asn: 64512\n", "asn: 64.5.12\n", `line 1: asn: "64.5.12" is not an AS number in asdot`},
		{"asn: 64512\n", "asn: 0176000\n", `line 1: asn: "0176000" is not an AS number`},
		{"asn: 64512\n", "asn: 64_512\n", `line 1: asn: "64_512" is not an AS number`},
		{"asn: 64501", "asn: 0", "line 7: peers[2].asn: is required; 0 is reserved (RFC 7607)"},
		{"asn: 64502", "asn: 0.23456", "line 8: peers[3].asn: 23456 is AS_TRANS"},
		{"asn: 64502", "asn: 6450e1", `line 8: peers[3].asn: "6450e1" is not an AS number`},
		{"routerID: 192.0.2.11", "routerID: 224.0.0.5", "line 2: routerID: 224.0.0.5 is a multicast address"},
		{"routerID: 192.0.2.11", "routerID: 255.255.255.255", "line 2: routerID: 255.255.255.255 is reserved"},
		{"routerID: 192.0.2.11", "routerID: 192.0.2", `line 2: routerID: "192.0.2" is not an IP address`},
		{"[2001:db8::11]:179", "192.0.2.11:179", "line 3: listen[1]: 192.0.2.11:179 is listed twice"},
		{"[2001:db8::11]:179", "2001:db8::11", `line 3: listen[1]: "2001:db8::11" is not address:port`},
		{"[2001:db8::11]:179", "[ff02::1]:179", "line 3: listen[1]: ff02::1 is a multicast address"},
		{"address: 192.0.2.1,", "address: 224.0.0.1,", "line 5: peers[0].address: 224.0.0.1 is a multicast address"},
		{"address: 192.0.2.1,", "address: 255.255.255.255,", "line 5: peers[0].address: 255.255.255.255 is reserved"},
		{"address: 192.0.2.1,", "address: 127.0.0.1,", "line 5: peers[0].address: 127.0.0.1 is this machine itself"},
		{"address: 192.0.2.1,", "address: 192.0.2.1/24,", `line 5: peers[0].address: "192.0.2.1/24" is not an IP address`},
		{"address: 192.0.2.1,", "address: 192.0.2.11,", "line 5: peers[0].address: 192.0.2.11 is this speaker's router ID (routerID)"},
		{"address: 192.0.2.1,", "address: \"::ffff:192.0.2.11\",", "line 5: peers[0].address: 192.0.2.11 is this speaker's"},
		{"address: 192.0.2.1,", "address: \"::ffff:192.0.2.2\",", "peers[1]: 192.0.2.2 is listed twice"},
		{"address: 192.0.2.1, asn: 64500, holdTime: 9s, families: [ipv4, ipv6], nextHop: \"2001:db8::11\"", "address: \"fe80::1\", asn: 64500", "line 5: peers[0].address: fe80::1 is link-local and has no zone"},
		{"address: 192.0.2.1, asn: 64500, holdTime: 9s, families: [ipv4, ipv6], nextHop: \"2001:db8::11\"", "address: \"fe80::1%eth1\", asn: 64500", "line 7: peers[2]: eth1 and fe80::1%eth1 of peers[0] are on the same link"},
		{"address: 203.0.113.1,", "address: 203.0.113.1, localAddress: 203.0.113.1,", "line 8: peers[3].address: 203.0.113.1 is an address of this machine (peers[3].localAddress)"},
		{"address: 203.0.113.1,", "address: 203.0.113.1, localAddress: 239.0.0.1,", "line 8: peers[3].localAddress: 239.0.0.1 is a multicast address"},
		{"address: 203.0.113.1,", "address: 203.0.113.1, nextHop: \"2001:db8::11\",", "line 8: peers[3].nextHop: is for ipv6 routes, but families does not contain ipv6"},
		{"nextHop: \"2001:db8::11\"", "nextHop: \"fe80::11%eth0\"", "line 5: peers[0].nextHop: fe80::11%eth0 is not reachable"},
		{"address: 203.0.113.1,", "address: 203.0.113.1, port: 17.9,", "line 8: peers[3].port: 17.9 is not a whole number"},
		{"address: 203.0.113.1,", "address: 203.0.113.1, port: 0179,", "line 8: peers[3].port: 0179 is not a whole number"},
		{"multihop: 3", "multihop: 2.9", "line 8: peers[3].multihop: 2.9 is not a whole number"},
		{"interface: eth1", "interface: ge-0/0/0", "line 7: peers[2].interface: \"ge-0/0/0\" is not a link of this machine"},
		{"192.0.2.11:179\", \"[2001:db8::11]", "[2001:db8::11]", "line 6: peers[1].passive: requires that the speaker listens; set listen to an ipv4 address, the session's family"},
		{"address: 198.51.100.53", "address: 198.51.100.53/32", `line 10: vips[0].address: "198.51.100.53/32" is not an IP address`},
		{"address: 198.51.100.53", "address: 240.0.0.1", "line 10: vips[0].address: 240.0.0.1 is reserved"},
		{"address: 198.51.100.53", "address: 192.0.2.11", "line 10: vips[0]: 192.0.2.11 is this speaker's router ID (routerID); a shared address must not belong to one machine"},
		{"address: 2001:db8:53::53", "address: 2001:db8::11", "line 15: vips[1]: 2001:db8::11 is an address of this machine (listen[1])"},
		{"server: 127.0.0.1:53, name: fn", "server: 127.0.0.1, name: fn", `line 13: vips[0].checks[0].dns.server: "127.0.0.1" is not address:port`},
		{"tcp: {address: \"127.0.0.1:53\"}", "tcp: {address: \"127.0.0.1:0\"}", "line 16: vips[1].checks[0].tcp.address: address:port is required"},
		{"rise: 3", "rise: 3000", "at most 1000"},
		{"rise: 3", "rise: 2.5", "line 13: vips[0].checks[0].rise: 2.5 is not a whole number"},
		{"198.51.100.64/26", "0.0.0.0/0", "line 19: pools[0].cidrs[0]: 0.0.0.0/0 is too large for one site"},
		{"198.51.100.64/26", "192.0.2.0/24", "line 19: pools[0].cidrs[0]: 192.0.2.0/24 contains 192.0.2.1, the router (peers[0].address)"},
		{"198.51.100.64/26", "192.0.2.8/29", "line 19: pools[0].cidrs[0]: 192.0.2.8/29 contains 192.0.2.11, this speaker's router ID"},
		{"2001:db8:53::/64", "2001:db8::/64", "line 19: pools[0].cidrs[1]: 2001:db8::/64 contains 2001:db8::11"},
		{"2001:db8:53::/64", "::/0", "line 19: pools[0].cidrs[1]: ::/0 is too large"},
		{"198.51.100.64/26", "224.0.1.0/24", "line 19: pools[0].cidrs[0]: 224.0.1.0/24 is multicast"},
		{"198.51.100.64/26", "198.51.100.64", `line 19: pools[0].cidrs[0]: "198.51.100.64" is not a prefix`},
		{"namespaces: [media, iot]", "namespaces: [media, Media]", `line 19: pools[0].namespaces[1]: "Media" is not a namespace name`},
		{"namespaces: [media, iot]", "namespaces: [media, media]", `line 19: pools[0].namespaces[1]: "media" is listed twice`},
		{"med: 50", "med: 50.5", "line 21: states.degraded.med: 50.5 is not a whole number"},
		{"budget: 3", "budget: 010", "line 24: flaps.budget: 010 is not a whole number"},
	} {
		text := strings.Replace(good, c.old, c.new, 1)
		if text == good {
			t.Errorf("the text does not contain %s: the case tests nothing", c.old)
		}
		if _, err := Parse([]byte(text)); c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s:\n%v\nwant %s", c.new, err, c.want)
		}
	}
	if _, err := Parse(nil); err == nil {
		t.Error("an empty file was accepted")
	}
}

// TestAnASNumberIsReadInEveryNotation checks that asdot (RFC 5396) is not a fraction, quoted or not, and
// that the lines of faults stay those of the file.
func TestAnASNumberIsReadInEveryNotation(t *testing.T) {
	for text, want := range map[string]uint32{
		"65000.1": 4259840001, `"65000.1"`: 4259840001, "'65000.10'": 4259840010, "1.10": 65546, "64512.0": 4227858432, "64512": 64512, `"64512"`: 64512,
		"0.64512": 64512, "4200000000": 4200000000, "&as 65000.1 # the site's": 4259840001,
	} {
		both := strings.Replace(strings.Replace(good, "asn: 64512\n", "asn: "+text+"\n", 1), "asn: 64501", "asn: "+strings.NewReplacer("&as ", "", " # the site's", "").Replace(text), 1)
		c, err := Parse([]byte(both))
		if err != nil || c.ASN != want || c.Peers[2].ASN != want {
			t.Errorf("asn: %s: got %v, want %d", text, err, want)
		}
	}
	_, err := Parse([]byte(strings.NewReplacer("asn: 64500, holdTime: 9s", "asn: 65000.1, holdTime: 1s", "asn: 64501", "asn: '1.1'").Replace(good)))
	if err == nil || !strings.Contains(err.Error(), "line 5: peers[0].holdTime: 1s is not") {
		t.Error(err)
	}
}

// TestEveryFaultOfCommunitiesIsListedOnceAmongOthers: a value that YAML cannot read ends its decoding,
// and hides none of them.
func TestEveryFaultOfCommunitiesIsListedOnceAmongOthers(t *testing.T) {
	text := strings.Replace(good, "degraded: {", "up: {linkBandwidth: 100 Gbit, communities: &all [rt:1, color:x]}\n  draining: {communities: *all}\n  degraded: {communities: [no-exprt], ", 1)
	text = strings.Replace(text, `, communities: ["64512:7", "64512:1:2"]`, "", 1)
	_, err := Parse([]byte(text))
	for _, want := range []string{`line 21: states.up.linkBandwidth: "100 Gbit" is`, `line 21: communities: "rt:1": "" is not`, `line 21: communities: "color:x" is not`, `line 23: communities: "no-exprt" is not`} {
		if err == nil || strings.Count(err.Error(), want) != 1 {
			t.Errorf("%v\nwant exactly one %s", err, want)
		}
	}
}

func TestEveryFaultIsListed(t *testing.T) {
	text := strings.NewReplacer("asn: 64512\n", "asn: 0\n", "holdTime: 9s", "holdTime: 1s", "rise: 3", "rise: -1").Replace(good)
	_, err := Parse([]byte(text))
	for _, want := range []string{"asn: is required", "holdTime", "positive"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nlacks %s", err, want)
		}
	}
}

func TestASecretIsNeverShown(t *testing.T) {
	const key = "correct horse"
	dir := t.TempDir()
	secret := filepath.Join(dir, "key")
	file := filepath.Join(dir, "speaker.yaml")
	write := func(path, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(secret, key+"\n")
	write(file, strings.Replace(good, "gtsm: true", "passwordFile: "+secret, 1))
	c, err := Load(file)
	if err != nil {
		t.Fatal(err)
	}
	p := c.Peers[0]
	if string(p.Password) != key {
		t.Fatalf("got key %q", string(p.Password))
	}
	asJSON, _ := json.Marshal(c)
	asYAML, _ := yaml.Marshal(c)
	for _, text := range []string{fmt.Sprint(p), fmt.Sprintf("%+v", c), fmt.Sprintf("%#v", p), string(asJSON), string(asYAML)} {
		if strings.Contains(text, key) {
			t.Errorf("the output has the key: %s", text)
		}
	}
	write(secret, strings.Repeat("x", 81))
	if _, err := Load(file); err == nil || !strings.Contains(err.Error(), "line 5: peers[0].passwordFile: ") || !strings.Contains(err.Error(), "81 characters") || strings.Contains(err.Error(), "xxx") {
		t.Errorf("a key that is too long: got %v", err)
	}
	other := p
	other.Password = "another"
	if other.Equal(&p) || !p.Equal(&p) {
		t.Error("a peer with another key counts as the same session")
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte(grouped))
	f.Add([]byte(racks))
	f.Fuzz(func(_ *testing.T, data []byte) {
		_, _ = Parse(data) // must not panic
	})
}

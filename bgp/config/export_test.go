package config

import (
	_ "embed" // for the configuration
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/nearcast/nearcast/bgp/route"
	"github.com/nearcast/nearcast/bgp/vip"
)

// chosen is a site with two racks, a transit peer and a route reflector.
//
//go:embed testdata/chosen.yaml
var chosen string

func TestEveryFaultOfPeersAndAttributesIsNamed(t *testing.T) {
	if _, err := Parse([]byte(chosen)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ old, new, want string }{
		{"peers: [tor, 203.0.113.1]", "peers: [tor, spine]", `line 10: vips[1].peers[1]: "spine" is not a peer or a group`},
		{"peers: [tor, 203.0.113.1]", "peers: [tor, 203.0.113.9]", `line 10: vips[1].peers[1]: "203.0.113.9" is not a peer or a group`},
		{"peers: [tor, 203.0.113.1]", "peers: [tor, Tor]", `line 10: vips[1].peers[1]: "Tor" is not`},
		{"peers: [tor, 203.0.113.1]", "peers: [203.0.113.1, \"::ffff:203.0.113.1\"]", "line 10: vips[1].peers[1]: ::ffff:203.0.113.1 is listed twice"},
		{"peers: [tor, 203.0.113.1]", "peers: []", "line 10: vips[1].peers: is empty, so no peer would be sent it; omit it for all peers"},
		{"peers: [tor, 203.0.113.1]", "peers: ", "line 10: vips[1].peers: is empty"},
		{"peers: [tor, 203.0.113.1]", "peers: [\"\"]", `line 10: vips[1].peers[0]: "" is not a peer or a group`},
		{"peers: [tor, 203.0.113.1]", "peers: tor", `line 10: vips[1].peers: "tor" is not a list`},
		{"peers: [tor, 203.0.113.1]", "peer: [tor]", "line 10: vips[1].peer: unknown key; did you mean peers?"},
		{"peers: [eth1, rr]", "peers: [203.0.113.1]", "line 11: vips[2]: 2001:db8:53::53 is sent to no peer: no peer of 203.0.113.1 carries ipv6"},
		{"peers: [203.0.113.1], attributes: {communities", "peers: [wan], attributes: {communities", `line 15: aggregates[0].peers[0]: "wan" is not`},
		{"vips: [198.51.100.0/24]", "vips: [198.51.100.0/25]", "line 15: aggregates[0]: 198.51.100.0/24 is sent to no peer: no peer of 203.0.113.1 accepts it: no peer that carries ipv4 has it in its vips"},
		{"peers: [rr], attributes: {med: 5}", "peers: [203.0.113.1]", "line 13: pools[0].cidrs[0]: no Service can announce an address of 203.0.113.64/26: no peer of 203.0.113.1 accepts it"},
		{"peers: [rr], attributes: {med: 5}", "peers: [203.0.113.1]", "line 13: pools[0].cidrs[1]: no Service can announce an address of 2001:db8:53:1::/64: no peer of 203.0.113.1 carries ipv6"},
		{"vips: [198.51.100.0/24]", "vips: [198.51.100.1/24]", "line 6: peers[2].vips[0]: 198.51.100.1/24 has bits set beyond its length"},
		{"vips: [198.51.100.0/24]", "vips: [198.51.100.0]", `line 6: peers[2].vips[0]: "198.51.100.0" is not a prefix`},
		{"vips: [198.51.100.0/24]", "vips: [198.51.100.0/24, 198.51.100.0/24]", "line 6: peers[2].vips[1]: 198.51.100.0/24 is listed twice"},
		{"vips: [198.51.100.0/24]", "vips: [198.51.100.0/24, \"2001:db8:53::/48\"]", "line 6: peers[2].vips[1]: 2001:db8:53::/48 is ipv6, which is not in the peer's families"},
		{"vips: [198.51.100.0/24]", "vips: []", "line 6: peers[2].vips: is empty, so no peer would be sent it"},
		{"vips: [198.51.100.0/24]", "vips: ", "line 6: peers[2].vips: is empty"},
		{"vips: [198.51.100.0/24]", "vips: [\"::ffff:198.51.100.0/120\"]", "line 6: peers[2].vips[0]: ::ffff:198.51.100.0/120 has bits"},
		{"{prepend: 1, med: 10", "{prepend: 5, med: 10", "line 4: peers[0].attributes.prepend: 5 plus the 6 of states.draining is 11 prepends, more than 10"},
		{"{prepend: 1, med: 10", "{prepend: 11, med: 10", "line 4: peers[0].attributes.prepend: 11 is not from 0 to 10"},
		{"{prepend: 1, med: 10", "{prepend: -1, med: 10", "line 4: peers[0].attributes.prepend: -1 is not from 0 to 10"},
		{"{prepend: 1, med: 10", "{prepend: 4, med: 10", "line 10: vips[1].attributes.prepend: 2, plus the peer's 4, plus the 6 of states.draining is 12 prepends at peer 192.0.2.1, more than 10"},
		{"{prepend: 2}", "{prepend: 5}", "line 10: vips[1].attributes.prepend: 5, plus the peer's 1, plus the 6"},
		{"{prepend: 1, med: 10", "{prepend: 1, med: 4294967200", "line 4: peers[0].attributes.med: 4294967200 plus the 200 of states.draining is more than 4294967295"},
		{"{localPreference: 200}", "{localPreference: 0}", "line 7: peers[3].attributes.localPreference: 0 is reserved for draining"},
		{"{localPreference: 300}", "{localPreference: 0}", "line 11: vips[2].attributes.localPreference: 0 is reserved for draining"},
		{"vips:\n", "states: {up: {localPreference: 0}, degraded: {localPreference: 0}}\nvips:\n", "line 7: peers[3].attributes.localPreference: has no effect, because states.up has localPreference 0"},
		{"[\"64500:80\"]", "[graceful-shutdown]", "line 4: peers[0].attributes.communities: graceful-shutdown is only for draining"},
		{"[no-peer, ", "[\"65535:0\", ", "line 15: aggregates[0].attributes.communities: graceful-shutdown is only for draining"},
		{"[\"64500:80\"]", "[\"color:7\"]", "line 4: peers[0].attributes.communities: color:7 cannot be set for a peer, which accepts only rt and soo"},
		{"[\"64500:80\"]", "[\"rt:64500:1\"]", "line 4: peers[0].attributes.communities: rt:64500:1 is also set for a state"},
		{"{prepend: 1, med: 10", "{linkBandwidth: 10G, med: 10", "line 4: peers[0].attributes.linkBandwidth: cannot be set for a peer; set it in states"},
		{"{med: 5}", "{med: 5, dwell: 1s}", "unknown key"},
		{"{med: 5}", "{med: 5.5}", "line 13: pools[0].attributes.med: 5.5 is not a whole number"},
		{"address: 203.0.113.1, asn: 64502, multihop: 3, vips: [198.51.100.0/24]", "address: \"fe80::1%eth2\", asn: 64502}\n  - {address: \"fe80::1%eth3\", asn: 64502, vips: [\"::/0\"]", "line 7: peers[3]: fe80::1%eth3 and fe80::1%eth2 of peers[2] have the same link-local address on two links"},
	} {
		text := strings.Replace(chosen, c.old, c.new, 1)
		if text == chosen {
			t.Errorf("the text does not contain %s: the case tests nothing", c.old)
		}
		if _, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s:\n%v\nwant %s", c.new, err, c.want)
		}
	}
}

// sentOf renders what the file has each peer sent.
func sentOf(c *Config) string {
	var lines []string
	for _, s := range c.Sendings() {
		var peers []string
		for _, p := range s.Peers {
			peers = append(peers, p.Name())
		}
		a := s.Attributes
		text := fmt.Sprintf("%s %s to %s:", s.State, strings.Join(s.Of, " "), strings.Join(peers, " "))
		if a.Prepend > 0 {
			text += fmt.Sprintf(" prepend %d", a.Prepend)
		}
		if a.MED != nil {
			text += fmt.Sprintf(" med %d", *a.MED)
		}
		if a.LocalPreference != nil {
			text += fmt.Sprintf(" preference %d", *a.LocalPreference)
		}
		lines = append(lines, strings.TrimSpace(strings.Join(append([]string{text}, a.Communities.Texts()...), " ")))
	}
	return strings.Join(lines, "\n")
}

func TestSendingsListWhatEachPeerIsSent(t *testing.T) {
	c, err := Parse([]byte(chosen))
	if err != nil {
		t.Fatal(err)
	}
	const want = `up 198.51.100.53 to 192.0.2.1: prepend 1 med 10 64500:80
up 198.51.100.53 to eth1 203.0.113.1:
up 198.51.100.53 to 2001:db8::2: preference 200
up 198.51.100.80 to 192.0.2.1: prepend 3 med 10 64500:80
up 198.51.100.80 to eth1 203.0.113.1: prepend 2
up 2001:db8:53::53 to eth1:
up 2001:db8:53::53 to 2001:db8::2: preference 300
up 198.51.100.0/24 to 203.0.113.1: no-peer rt:64500:1
up 203.0.113.64/26 2001:db8:53:1::/64 to 2001:db8::2: med 5 preference 200
degraded 198.51.100.53 to 192.0.2.1: prepend 4 med 110 64500:80
degraded 198.51.100.53 to eth1 203.0.113.1: prepend 3 med 100
degraded 198.51.100.53 to 2001:db8::2: med 100 preference 150
degraded 198.51.100.80 to 192.0.2.1: prepend 6 med 110 64500:80
degraded 198.51.100.80 to eth1 203.0.113.1: prepend 5 med 100
degraded 2001:db8:53::53 to eth1: prepend 3 med 100
degraded 2001:db8:53::53 to 2001:db8::2: med 100 preference 250
degraded 198.51.100.0/24 to 203.0.113.1: prepend 3 med 100 no-peer rt:64500:1
degraded 203.0.113.64/26 2001:db8:53:1::/64 to 2001:db8::2: med 105 preference 150
draining 198.51.100.53 to 192.0.2.1: prepend 7 med 210 graceful-shutdown 64500:80
draining 198.51.100.53 to eth1 203.0.113.1: prepend 6 med 200 graceful-shutdown
draining 198.51.100.53 to 2001:db8::2: med 200 preference 0 graceful-shutdown
draining 198.51.100.80 to 192.0.2.1: prepend 9 med 210 graceful-shutdown 64500:80
draining 198.51.100.80 to eth1 203.0.113.1: prepend 8 med 200 graceful-shutdown
draining 2001:db8:53::53 to eth1: prepend 6 med 200 graceful-shutdown
draining 2001:db8:53::53 to 2001:db8::2: med 200 preference 0 graceful-shutdown
draining 198.51.100.0/24 to 203.0.113.1: prepend 6 med 200 graceful-shutdown no-peer rt:64500:1
draining 203.0.113.64/26 2001:db8:53:1::/64 to 2001:db8::2: med 205 preference 0 graceful-shutdown`
	if got := sentOf(c); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestAChangeOfExportsResetsNoSession: a change of it must not reset one.
func TestAChangeOfExportsResetsNoSession(t *testing.T) {
	c, err := Parse([]byte(chosen))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range c.Peers {
		o := p
		o.Group, o.VIPs, o.Attributes = "another", []netip.Prefix{netip.MustParsePrefix("198.51.100.0/25")}, &route.Attributes{Prepend: 3, LocalPreference: new(uint32(7))}
		o.prefer(64512, &c.States)
		if !p.Equal(&o) || !o.Equal(&p) {
			t.Errorf("%s: its session would be reset", p.Name())
		}
		if a, b := p.Export(), o.Export(); a.Equal(&b) {
			t.Errorf("%s: it would not be sent its routes again", p.Name())
		}
		if o.HoldTime += time.Second; p.Equal(&o) {
			t.Error("another hold time does not reset the session")
		}
	}
}

// genAttributes draws attributes that a file may have; those worse than another state keep the order of states.
func genAttributes(t *rapid.T, label string, prepend int) string {
	var keys []string
	if rapid.Bool().Draw(t, label+" prepend?") {
		keys = append(keys, fmt.Sprintf("prepend: %d", rapid.IntRange(0, prepend).Draw(t, label+" prepend")))
	}
	if rapid.Bool().Draw(t, label+" med?") {
		keys = append(keys, fmt.Sprintf("med: %d", rapid.Uint32Range(0, 1<<30).Draw(t, label+" med")))
	}
	if rapid.Bool().Draw(t, label+" preference?") {
		keys = append(keys, fmt.Sprintf("localPreference: %d", rapid.OneOf(rapid.Uint32Range(1, 300), rapid.Uint32Min(1)).Draw(t, label+" preference")))
	}
	if rapid.Bool().Draw(t, label+" communities?") {
		keys = append(keys, `communities: ["64512:1", "64512:2:3", no-export]`)
	}
	return "{" + strings.Join(keys, ", ") + "}"
}

// genStates draws states in their order.
func genStates(t *rapid.T) string {
	ordered := func(label string, most int) []int {
		all := rapid.SliceOfN(rapid.IntRange(0, most), 3, 3).Draw(t, label)
		slices.Sort(all)
		return all
	}
	prepend, med, pref := ordered("prepends", 4), ordered("meds", 1000), ordered("preferences", 400)
	text := "states:\n"
	for i, name := range []string{"up", "degraded", "draining"} {
		text += fmt.Sprintf("  %s: {prepend: %d, med: %d, localPreference: %d}\n", name, prepend[i], med[i], max(pref[2-i], map[bool]int{true: 1}[i == 0]))
	}
	return text
}

// TestTheStatesKeepTheirOrderWhateverAttributesAreAdded covers every route and peer: a site that leaves loses to a
// degraded one, and that to one that is up.
func TestTheStatesKeepTheirOrderWhateverAttributesAreAdded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := genStates(t) + "asn: 64512\nrouterID: 192.0.2.11\npeers:\n"
		for i, asn := range []int{64500, 64512, 64512} {
			text += fmt.Sprintf("- {address: 192.0.2.%d, asn: %d, attributes: %s}\n", i+1, asn, genAttributes(t, "peer", 3))
		}
		text += "vips:\n"
		for i := range 3 {
			text += fmt.Sprintf("- {address: 198.51.100.%d, attributes: %s, checks: [{tcp: {address: \"127.0.0.1:53\"}}]}\n", i, genAttributes(t, "vip", 3))
		}
		c, err := Parse([]byte(text))
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		for i := range c.Peers {
			p := &c.Peers[i]
			e, internal := p.Export(), p.ASN == c.ASN
			for j := range c.VIPs {
				more := c.VIPs[j].Attributes
				sent := map[vip.State]route.Attributes{}
				for _, s := range []vip.State{vip.Up, vip.Degraded, vip.Draining} {
					a := e.Sent(*c.States.Of(s, more), more.SetsPreference(), internal)
					sent[s] = a
					if has := a.Communities.Has(route.GracefulShutdown); has != (s == vip.Draining) || a.Prepend > route.MaxPrepend || internal && a.Prepend != 0 {
						t.Fatalf("%s: %+v\n%s", s, a, text)
					}
				}
				for _, pair := range [][2]vip.State{{vip.Up, vip.Degraded}, {vip.Degraded, vip.Draining}} {
					better, worse := sent[pair[0]], sent[pair[1]]
					if better.Prepend > worse.Prepend || route.ValueOr(better.MED, 0) > route.ValueOr(worse.MED, 0) ||
						internal && route.ValueOr(better.LocalPreference, 100) < route.ValueOr(worse.LocalPreference, 100) {
						t.Fatalf("%s would be preferred to %s at %s: %+v, %+v\n%s", pair[1], pair[0], p.Name(), worse, better, text)
					}
				}
				if lp := more; internal && lp.SetsPreference() && *sent[vip.Up].LocalPreference != *lp.LocalPreference {
					t.Fatalf("the VIP's own preference was sent as %d\n%s", *sent[vip.Up].LocalPreference, text)
				}
			}
		}
	})
}

// TestListsOfPeersAreBounded counts different lists, not how often each is used.
func TestListsOfPeersAreBounded(t *testing.T) {
	text := func(lists int) string {
		b := &strings.Builder{}
		b.WriteString("asn: 64512\nrouterID: 192.0.2.254\npeers:\n")
		for i := range 10 {
			fmt.Fprintf(b, "- {address: 192.0.2.%d, asn: 64500}\n", i)
		}
		b.WriteString("vips:\n")
		for i := range 300 {
			var names []string
			for j, n := 0, i%lists+1; n > 0; j, n = j+1, n/2 {
				if n%2 == 1 {
					names = append(names, fmt.Sprintf("192.0.2.%d", j))
				}
			}
			fmt.Fprintf(b, "- {address: 198.51.%d.%d, peers: [%s], checks: [{tcp: {address: \"127.0.0.1:53\"}}]}\n", i/250, i%250, strings.Join(names, ", "))
		}
		return b.String()
	}
	if _, err := Parse([]byte(text(mostLists))); err != nil {
		t.Error(err)
	}
	_, err := Parse([]byte(text(mostLists + 1)))
	if want := "line 79: vips[64].peers: exceeds the limit of 64 different lists of peers; put peers into groups, and list the groups"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

package gobgp

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/osrg/gobgp/v4/api"

	"github.com/nearcast/nearcast/bgp/config"
	"github.com/nearcast/nearcast/bgp/route"
)

// updatesTo returns how many UPDATEs the router was sent.
func updatesTo(r *Router) (n uint64) {
	(&Speaker{server: r.server}).eachPeer("", func(p *api.Peer) { n += p.State.GetMessages().GetReceived().GetUpdate() })
	return n
}

// flops returns how often the router's sessions were reset.
func flops(r *Router) (n uint32) {
	(&Speaker{server: r.server}).eachPeer("", func(p *api.Peer) { n += p.State.Flops })
	return n
}

// stays is how long to wait to see that no UPDATE comes.
const stays = 300 * time.Millisecond

// three are an eBGP router, another one, and an iBGP one, of one speaker.
type three struct {
	t       *testing.T
	speaker *Speaker
	routers []*Router
	keys    []string // of each peer in the file
	states  string
}

func newThree(t *testing.T, local string) *three {
	h := &three{t: t, keys: []string{"", "", ""}}
	from := netip.MustParseAddr(local)
	for i, asn := range []uint32{64500, 64501, 64511} {
		at := netip.AddrFrom4([4]byte{127, 0, from.As4()[3], byte(100 + i)})
		port := freePort(t, at)
		router, err := NewRouter(t.Context(), asn, netip.AddrPortFrom(at, port), map[netip.Addr]uint32{from: 64511}, quietLog)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(router.Close)
		h.routers = append(h.routers, router)
		h.keys[i] = fmt.Sprintf("address: %s, port: %d, asn: %d, localAddress: %s", at, port, asn, local)
	}
	h.speaker = newSpeaker(t, from, config.Peer{Address: netip.MustParseAddr("127.0.0.98"), ASN: 64500, Families: []route.Family{route.IPv4}, HoldTime: 3 * time.Second})
	t.Cleanup(func() { _ = h.speaker.Close(5 * time.Second) })
	return h
}

// declare adds settings for the peers to the speaker's file, and returns the peers.
func (h *three) declare(more ...string) []config.Peer {
	h.t.Helper()
	text := "asn: 64511\nrouterID: 192.0.2.11\ngroups: {a: {}}\n" + h.states + "\npeers:\n"
	for i, keys := range h.keys {
		if i < len(more) && more[i] != "" {
			keys += ", " + more[i]
		}
		text += "- {" + keys + ", holdTime: 9s}\n"
	}
	config, err := config.Parse([]byte(text))
	if err != nil {
		h.t.Fatal(err)
	}
	if err := h.speaker.SetPeers(config.Peers, 0); err != nil {
		h.t.Fatal(err)
	}
	return config.Peers
}

// shown formats the route that was sent as held formats it.
func shown(r route.Route, sent route.Attributes, internal bool) string {
	parts := []string{r.Prefix.String()}
	if internal {
		parts = append(parts, "path=")
	} else {
		parts = append(parts, "path="+strings.TrimSpace(strings.Repeat("64511 ", 1+sent.Prepend)))
	}
	if sent.MED != nil {
		parts = append(parts, fmt.Sprintf("med=%d", *sent.MED))
	}
	if internal {
		pref := uint32(100)
		if sent.LocalPreference != nil {
			pref = *sent.LocalPreference
		}
		parts = append(parts, fmt.Sprintf("pref=%d", pref))
	}
	if c := (route.Communities{Standard: sent.Communities.Standard}); !c.IsZero() {
		parts = append(parts, fmt.Sprintf("communities=%v", c.Texts()))
	}
	for _, c := range sent.Communities.Extended {
		parts = append(parts, fmt.Sprintf("extended=%x", c[:]))
	}
	if c := (route.Communities{Large: sent.Communities.Large}); !c.IsZero() {
		parts = append(parts, fmt.Sprintf("large=%v", c.Texts()))
	}
	return strings.Join(parts, " ")
}

// TestEachRouterHasExactlyWhatExportSays changes the peers' additions, one after the other: each
// router has what Export.Sent says, no session is reset, and an unchanged peer is sent
// nothing.
func TestEachRouterHasExactlyWhatExportSays(t *testing.T) {
	h := newThree(t, "127.0.0.120")
	h.states = "states: {up: {localPreference: 120}}"
	up := route.Attributes{LocalPreference: number(120)}
	routes := []route.Route{
		{Prefix: netip.MustParsePrefix("198.51.100.1/32"), Attributes: up},
		{Prefix: netip.MustParsePrefix("198.51.100.2/32"), Attributes: degraded},
		{Prefix: netip.MustParsePrefix("198.51.100.3/32"), Attributes: route.Attributes{
			Prepend: 6, MED: number(200), LocalPreference: number(0), Communities: route.Communities{Standard: []uint32{route.GracefulShutdown}},
		}},
		{Prefix: netip.MustParsePrefix("198.51.100.4/32"), Attributes: route.Attributes{LocalPreference: number(50)}, OwnPreference: true},
		{Prefix: netip.MustParsePrefix("198.51.100.0/24"), Attributes: route.Attributes{Prepend: 1, LocalPreference: number(120)}, OwnPreference: true},
	}
	before := make([]string, 3)
	for i, more := range [][]string{
		{"", "", ""},
		{"attributes: {prepend: 4, med: 7}", "", ""},
		{"attributes: {prepend: 4, med: 7}", `attributes: {communities: ["64511:7", no-export, "64511:1:2", "64511:3:4"]}`, ""},
		{"attributes: {prepend: 4, med: 7}", `attributes: {communities: ["64511:7", no-export, "64511:1:2", "64511:3:4"]}`, "attributes: {localPreference: 190, prepend: 2}"},
		{"attributes: {prepend: 4, med: 7}", `attributes: {communities: ["64511:7", no-export, "64511:1:2", "64511:3:4"]}`, `attributes: {localPreference: 50, med: 1, communities: ["64511:8"]}`},
		{"attributes: {prepend: 2, med: 1}", `attributes: {communities: ["rt:64500:7", "soo:4200000000:9", "rt:192.0.2.1:5"]}`, `attributes: {communities: ["soo:64500:7"]}`},
		{"attributes: {prepend: 2, med: 1}", "attributes: {prepend: 2, med: 1}", "attributes: {localPreference: 1}"},
		{"group: a, attributes: {prepend: 2, med: 1}", "attributes: {prepend: 2, med: 1}", "attributes: {localPreference: 1}"},
		{"", "", ""},
	} {
		counts := []uint64{updatesTo(h.routers[0]), updatesTo(h.routers[1]), updatesTo(h.routers[2])}
		peers := h.declare(more...)
		if i == 0 {
			if _, err := h.speaker.Set(routes); err != nil {
				t.Fatal(err)
			}
		}
		for j, router := range h.routers {
			export, internal := peers[j].Export(), peers[j].ASN == 64511
			var want []string
			for _, r := range routes {
				want = append(want, shown(r, export.Sent(r.Attributes, r.OwnPreference, internal), internal))
			}
			slices.Sort(want)
			text := strings.Join(want, "; ")
			holds(t, router, text)
			if i > 0 && text == before[j] {
				time.Sleep(stays)
				if n := updatesTo(router); n != counts[j] {
					t.Errorf("%v: router %d was sent the same again, in %d UPDATEs", more, j, n-counts[j])
				}
			}
			before[j] = text
			if n := flops(router); n != 0 {
				t.Errorf("%v: the session of router %d was reset", more, j)
			}
		}
	}
}

// TestADrainingSiteIsLeastPreferredOverIBGP checks the local preference, which cannot be 0 in GoBGP.
func TestADrainingSiteIsLeastPreferredOverIBGP(t *testing.T) {
	router, peer := routerOf(t, 64511, "127.0.0.121")
	s := newSpeaker(t, peer.LocalAddress, peer)
	defer s.Close(5 * time.Second)
	if _, err := s.Set([]route.Route{{Prefix: vip}, {Prefix: netip.MustParsePrefix("198.51.100.54/32"), Attributes: leaving}}); err != nil {
		t.Fatal(err)
	}
	const drained = "198.51.100.54/32 path= pref=0 communities=[graceful-shutdown]"
	holds(t, router, "198.51.100.53/32 path= pref=100; "+drained)
	changed := peer
	changed.HoldTime = 9 * time.Second
	if err := s.SetPeers([]config.Peer{changed}, time.Minute); err != nil {
		t.Fatal(err)
	}
	holds(t, router, "198.51.100.53/32 path= pref=1 communities=[graceful-shutdown]; "+drained)
	if p := s.Peers(); len(p) != 1 || !p[0].Leaving {
		t.Errorf("%+v", p)
	}
}

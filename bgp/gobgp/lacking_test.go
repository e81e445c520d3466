package gobgp

import (
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/nearcast/nearcast/bgp/config"
	"github.com/nearcast/nearcast/bgp/route"
)

// TestAPeerThatCannotBeAddedAffectsNoOther: links that do not exist, and one without a
// neighbor, in any order.
func TestAPeerThatCannotBeAddedAffectsNoOther(t *testing.T) {
	_, speaker := pair(t, "127.0.0.91")
	defer speaker.Close(5 * time.Second)
	good := speaker.peers["127.0.0.100"].config
	both := []route.Family{route.IPv4, route.IPv6}
	bad := []config.Peer{
		{Interface: "nowhere0", ASN: 64500, Families: both, HoldTime: 3 * time.Second},
		{Interface: "nowhere1", ASN: 64500, Families: both, HoldTime: 3 * time.Second},
		{Interface: "lo", ASN: 64500, Families: both, HoldTime: 3 * time.Second},
		{Address: netip.MustParseAddr("fe80::1%nowhere0"), ASN: 64500, Families: []route.Family{route.IPv6}, HoldTime: 3 * time.Second},
	}
	// An error reports them; the others stay.
	if err := speaker.SetPeers(append(bad, good), 0); err != nil {
		t.Log(err)
	}
	var states map[string]string
	for range 100 {
		states = map[string]string{}
		problems := 0
		for _, p := range speaker.Peers() {
			states[p.Name()] = p.State
			if p.Interface != "" && p.Problem != "" {
				problems++
			}
		}
		if states["127.0.0.100"] == "established" && problems == 3 {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if states["127.0.0.100"] != "established" || len(states) != len(bad)+1 {
		t.Errorf("got %v for %+v", states, speaker.Peers())
	}
	for _, p := range speaker.Peers() {
		if strings.HasPrefix(p.Interface, "nowhere") && p.Problem != "interface "+p.Interface+" does not exist" {
			t.Errorf("%+v", p)
		}
	}
}

func TestAMissingListenAddressAffectsNoOther(t *testing.T) {
	here, absent := netip.MustParseAddr("127.0.0.92"), netip.MustParseAddr("203.0.113.254")
	port := freePort(t, here)
	config := &config.Config{ASN: 64511, RouterID: here, Listen: []netip.AddrPort{netip.AddrPortFrom(absent, port), netip.AddrPortFrom(here, port)}}
	speaker, err := NewSpeaker(t.Context(), config, quietLog)
	if err != nil {
		t.Fatal(err)
	}
	defer speaker.Close(5 * time.Second)
	conn, err := net.Dial("tcp", config.Listen[1].String())
	if err != nil {
		t.Errorf("the speaker does not listen: %v", err)
	} else {
		conn.Close()
	}
	config.Listen = config.Listen[:1]
	if speaker, err := NewSpeaker(t.Context(), config, quietLog); err == nil {
		speaker.Close(5 * time.Second)
		t.Error("control: it starts without any address of listen")
	}
}

package dnr

import (
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

var (
	alpn = []dns.SVCBKeyValue{&dns.SVCBAlpn{Alpn: []string{"dot", "doq"}}, &dns.SVCBPort{Port: 8530}}
	both = Resolver{Priority: 1, Name: "dns.example.", Params: alpn,
		Addrs: []netip.Addr{netip.MustParseAddr("192.0.2.53"), netip.MustParseAddr("2001:db8::53"), netip.MustParseAddr("2001:db8::54")}}
	nameAlone = Resolver{Priority: 2, Name: "dns.example.", Params: alpn}
)

// Parts of options, written by hand from the RFCs' figures.
const (
	name   = "03 646e73 07 6578616d706c65 00"                   // 13 octets
	params = "0001 0008 03 646f74 03 646f71" + "0003 0002 2152" // 18 octets
	v6     = "20010db8000000000000000000000053 20010db8000000000000000000000054"
)

// TestOptionsMatchTheDiagramsOfTheRFC compares octets with figures 2, 5 and 9 of RFC
// 9463.
func TestOptionsMatchTheDiagramsOfTheRFC(t *testing.T) {
	all := []Resolver{both, nameAlone, nameAlone}
	v4, err := DHCPv4(all)
	equal(t, "DHCPv4", [][]byte{v4}, err,
		"0027 0001 0d"+name+"04 c0000235"+params+ // 2+1+13+1+4+18 = 39 octets
			"0010 0002 0d"+name)
	options, err := DHCPv6(all)
	equal(t, "DHCPv6", options, err, "0001 000d"+name+"0020"+v6+params, "0002 000d"+name)
	options, err = Advertisements(all, 30*time.Minute)
	equal(t, "advertisement", options, err,
		"90 0a 0001 00000708 000d"+name+"0020"+v6+"0012"+params+"000000",
		"90 03 0002 00000708 000d"+name+"00")
}

// equal compares octets with hexadecimal text.
func equal(t *testing.T, what string, got [][]byte, err error, want ...string) {
	t.Helper()
	if err != nil || len(got) != len(want) {
		t.Fatalf("%s: %d options, %v, want %d", what, len(got), err, len(want))
	}
	for i := range want {
		if text := strings.ReplaceAll(want[i], " ", ""); hex.EncodeToString(got[i]) != text {
			t.Errorf("%s:\n%x, want\n%s", what, got[i], text)
		}
	}
}

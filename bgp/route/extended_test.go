package route

import (
	"encoding/hex"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

// TestAnExtendedCommunityIsEncodedAsInTheRFCs has the octets of RFC 4360, RFC 5668 and RFC 9012, and
// the text in which they are shown.
func TestAnExtendedCommunityIsEncodedAsInTheRFCs(t *testing.T) {
	for _, c := range []struct{ text, octets, shown string }{
		{"rt:64500:100", "0002fbf400000064", ""},
		{"rt:0:4294967295", "00020000ffffffff", ""}, // for route servers: announce to nobody
		{"rt:65535:1", "0002ffff00000001", ""},
		{"rt:65536:1", "0202000100000001", ""},
		{"rt:4200000000:65535", "0202fa56ea00ffff", ""},
		{"rt:65000.1:100", "0202fde800010064", "rt:4259840001:100"},
		{"rt:0.64500:100000", "0002fbf4000186a0", "rt:64500:100000"},
		{"rt:192.0.2.1:100", "0102c00002010064", ""},
		{"target:64500:100", "0002fbf400000064", "rt:64500:100"},
		{"soo:64500:100", "0003fbf400000064", ""},
		{"ro:192.0.2.1:65535", "0103c0000201ffff", "soo:192.0.2.1:65535"},
		{"origin:4200000000:7", "0203fa56ea000007", "soo:4200000000:7"},
		{"color:100", "030b000000000064", ""},
		{"color:4294967295", "030b0000ffffffff", ""},
		{"0x030bc00000000064", "030bc00000000064", ""}, // flags have no other notation
		{"0x0202000000640001", "0202000000640001", ""}, // nor has a 16-bit AS number in 32 bits
		{"0x0002FBF400000064", "0002fbf400000064", "rt:64500:100"},
		{"0x030c000000000008", "030c000000000008", ""},
		{"0x4300000000000001", "4300000000000001", ""}, // not transitive
		{"0x4002fbf400000064", "4002fbf400000064", ""},
		{"0x0004fc004e9502f9", "0004fc004e9502f9", ""}, // the transitive form of the link bandwidth
	} {
		var got Communities
		if err := got.add(c.text); err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if c.shown == "" {
			c.shown = c.text
		}
		if len(got.Extended) != 1 || hex.EncodeToString(got.Extended[0][:]) != c.octets || got.Texts()[0] != c.shown {
			t.Errorf("%s: got %x, shown as %s; want %s, %s", c.text, got.Extended, got.Texts(), c.octets, c.shown)
		}
	}
}

func TestAnInvalidExtendedCommunityIsRejectedByName(t *testing.T) {
	for text, want := range map[string]string{
		"rt:64500:4294967296":              `"4294967296" is not a 32-bit number`,
		"rt:4200000000:65536":              `"65536" is not a 16-bit number, as required after 4200000000`,
		"rt:192.0.2.1:65536":               `"65536" is not a 16-bit number`,
		"rt:4294967296:1":                  `"4294967296" is neither an AS number nor an IPv4 address`,
		"rt:2001:db8::1:1":                 "is not a 32-bit number",
		"rt:192.0.2.256:1":                 `"192.0.2.256" is neither`,
		"rt:64500":                         `"" is not a `,
		"rt:64500:1:2":                     `"1:2" is not a `,
		"rt::1":                            `"" is neither`,
		"rt:-1:1":                          `"-1" is neither`,
		"rt:":                              `"" is neither`,
		"rt:64500:+1":                      `"+1" is not a `,
		"rt:64500: 1":                      `" 1" is not a `,
		"color:4294967296":                 "is not color:N",
		"color:-1":                         "is not color:N",
		"color:":                           "is not color:N",
		"rd:64500:1":                       "rd is not rt, soo or color",
		"bandwidth:64500:125000000":        "set linkBandwidth instead",
		"lb:64500:125000000":               "set linkBandwidth instead",
		"0x4004fbf44e9502f9":               "is a link bandwidth: set linkBandwidth instead",
		"0x0600000000000001":               "is for routes of EVPN",
		"0x800600004e9502f9":               "is for routes of flow specifications",
		"0x0c00000000000001":               "is for routes of MUP",
		"0x":                               "is not 0x and the 16 hexadecimal digits",
		"0x0002fbf4000000":                 "is not 0x and the 16",
		"0x0002fbf40000006400":             "is not 0x and the 16",
		"0x0002fbf40000006g":               "is not 0x and the 16",
		"0X0002fbf400000064":               "0x and 16 hexadecimal digits",
		"RT:64500:1":                       "0x and 16 hexadecimal digits",
		":1":                               "0x and 16 hexadecimal digits",
		strings.Repeat("rt:", 10000) + "1": "is neither",
	} {
		var c Communities
		if err := c.add(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40s: got %v, want %s", text, err, want)
		}
	}
}

// TestCommunitiesOfAllKindsSurviveARoundTrip covers JSON, which status and explain read.
func TestCommunitiesOfAllKindsSurviveARoundTrip(t *testing.T) {
	a := Attributes{LinkBandwidth: 2_500_000_000}
	for _, text := range []string{"no-export", "64500:1", "64500:1:2", "rt:64500:1", "color:7", "0x4300000000000001"} {
		if err := a.Communities.add(text); err != nil {
			t.Fatal(err)
		}
	}
	data, err := json.Marshal(a)
	if want := `{"communities":["no-export","64500:1","64500:1:2","rt:64500:1","color:7","0x4300000000000001"],"linkBandwidth":"2500M"}`; err != nil || string(data) != want {
		t.Errorf("got %s, %v\nwant %s", data, err, want)
	}
	var back Attributes
	if err := json.Unmarshal(data, &back); err != nil || !reflect.DeepEqual(a, back) {
		t.Errorf("got %+v, %v\nwant %+v", back, err, a)
	}
	if data, err = json.Marshal(Attributes{}); err != nil || string(data) != "{}" {
		t.Errorf("%s, %v", data, err)
	}
}

// TestRoutesThatDifferInOneAttributeAreNotEqual: an Announcer sends a route again only then.
func TestRoutesThatDifferInOneAttributeAreNotEqual(t *testing.T) {
	base := func() Attributes {
		return Attributes{LinkBandwidth: 1_000_000_000, Communities: Communities{[]uint32{1}, []LargeCommunity{{1, 2, 3}}, []ExtendedCommunity{{7: 1}, {7: 2}}}}
	}
	for name, change := range map[string]func(*Attributes){
		"link bandwidth":               func(a *Attributes) { a.LinkBandwidth *= 2 },
		"no link bandwidth":            func(a *Attributes) { a.LinkBandwidth = 0 },
		"one more extended community":  func(a *Attributes) { a.Communities.Extended = append(a.Communities.Extended, ExtendedCommunity{7: 3}) },
		"a changed extended community": func(a *Attributes) { a.Communities.Extended[1][7] = 3 },
		"one extended community less":  func(a *Attributes) { a.Communities.Extended = a.Communities.Extended[:1] },
		"a changed large community":    func(a *Attributes) { a.Communities.Large[0][2] = 4 },
		"one more standard community":  func(a *Attributes) { a.Communities.Standard = []uint32{1, 2} },
		"another MED":                  func(a *Attributes) { a.MED = new(uint32) },
		"another preference":           func(a *Attributes) { a.LocalPreference = new(uint32) },
		"another AS path than":         func(a *Attributes) { a.Prepend = 1 },
	} {
		changed := base()
		change(&changed)
		if (Route{Attributes: base()}).Equal(Route{Attributes: changed}) {
			t.Errorf("%s: the routes are equal", name)
		}
	}
	if !(Route{Attributes: base()}).Equal(Route{Attributes: base()}) {
		t.Error("routes with the same attributes are not equal")
	}
}

// FuzzExtendedCommunity checks that what is accepted is shown as something that is read back.
func FuzzExtendedCommunity(f *testing.F) {
	for _, text := range []string{"rt:64500:100", "soo:192.0.2.1:7", "rt:4200000000:1", "rt:65000.1:1", "color:1", "0x030bc00000000064", "target:1:1", "0x4004", "ro:1", "rt:0.1:1"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := parseExtended(text)
		if err != nil {
			return
		}
		if !isExtended(text) {
			t.Errorf("%q was accepted but cannot be sent", text)
		}
		if back, err := parseExtended(c.String()); err != nil || back != c {
			t.Errorf("%q: got %x, shown as %s, and read back as %x, %v", text, c[:], c, back[:], err)
		}
		octets := "0x" + hex.EncodeToString(c[:])
		if same, err := parseExtended(octets); err != nil || same != c {
			t.Errorf("%q: got %s, which is read back as %x, %v", text, octets, same[:], err)
		}
	})
}

package config

import (
	"strings"
	"testing"
)

// TestSettingsWithoutEffectGiveWarnings checks that a file without any of it has no warning.
func TestSettingsWithoutEffectGiveWarnings(t *testing.T) {
	if got := warningsOf(t, chosen); got != "" {
		t.Errorf("got warnings %q, want none", got)
	}
	for _, c := range []struct{ old, new, want string }{
		{"{prepend: 1, med: 10", "{localPreference: 7, prepend: 1, med: 10", "line 4: peers[0].attributes.localPreference: has no effect: it is for iBGP"},
		{"{localPreference: 200}", "{localPreference: 200, prepend: 1}", "line 7: peers[3].attributes.prepend: has no effect: it is for eBGP"},
		{"attributes: {prepend: 2}", "attributes: {localPreference: 200}", "line 10: vips[1].attributes.localPreference: has no effect: it is for iBGP"},
		{"{med: 5}", "{prepend: 1}", "line 13: pools[0].attributes.prepend: has no effect: it is for eBGP"},
		{"{localPreference: 200}", "{localPreference: 1}", "line 7: peers[3].attributes.localPreference: 1 leaves no lower value for a degraded site"},
		{"vips: [198.51.100.0/24]", "vips: [198.51.100.0/24, 198.51.101.0/24]", "line 6: peers[2].vips[1]: no VIP, aggregate or pool is in 198.51.101.0/24"},
		{"aggregates:\n  - {prefix: 198.51.100.0/24,", "aggregates:\n  - {prefix: 198.51.100.0/24, hostRoutes: false,", "line 10: vips[1]: peers and attributes: no effect, because aggregates[0], 198.51.100.0/24, is announced instead of 198.51.100.80"},
		{"aggregates:\n", "  - {cidrs: [203.0.113.64/27], namespaces: [\"*\"]}\naggregates:\n", "line 14: pools[1]: its peers and attributes have no effect for 203.0.113.64/27, because pools[0] comes first and gives the same namespace these addresses"},
		{"vips:\n", "  - {address: 192.0.2.9, asn: 64509, vips: [192.0.2.128/25]}\nvips:\n", "line 8: peers[4]: no route is sent to 192.0.2.9: every route is for other peers or not in its vips"},
	} {
		text := strings.Replace(chosen, c.old, c.new, 1)
		if text == chosen {
			t.Errorf("the text does not contain %s: the case tests nothing", c.old)
		}
		if got := warningsOf(t, text); !strings.Contains(got, c.want) {
			t.Errorf("%s:\n%q\nwant %s", c.new, got, c.want)
		}
	}
}

package routerconfig

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/nearcast/nearcast/bgp/config"
)

// whole matches settings that apply to the whole router.
var whole = regexp.MustCompile(`maximum-paths|multipath-relax|listen limit|autonomous-system|router-id|forwarding-table|precision-timers|protocol bfd|protocol device|local_asn|system-as|BGP_GLOBALS"|bgp default`)

// TestNothingIsSetForTheWholeRouter checks all lines except comments.
func TestNothingIsSetForTheWholeRouter(t *testing.T) {
	each(t, func(t *testing.T, _ string, _ *config.Config, _ *config.Peer, text string) {
		for line := range strings.Lines(text) {
			if line = strings.TrimSpace(line); !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "!") && whole.MatchString(line) {
				t.Errorf("%q", line)
			}
		}
	})
}

// TestTheTextRemovesOnlyWhatExists ensures that a text loads the first time.
func TestTheTextRemovesOnlyWhatExists(t *testing.T) {
	each(t, func(t *testing.T, router string, _ *config.Config, _ *config.Peer, text string) {
		before := ""
		for line := range strings.Lines(text) {
			what, removed := strings.CutPrefix(strings.TrimSpace(line), "delete ")
			if removed && !strings.Contains(before, "set "+what+" ") || strings.HasPrefix(line, "no ") {
				t.Errorf("%s: %q removes what may not exist", router, line)
			}
			before += line
		}
	})
}

// TestAChangedListGetsAnotherName covers routers that change a list line by line:
// for a moment, the list would lack entries of both versions.
func TestAChangedListGetsAnotherName(t *testing.T) {
	vip := `{address: %s, checks: [{tcp: {address: "127.0.0.1:53"}}]}`
	list := regexp.MustCompile(`NEARCAST-192-0-2-11-IPV4-[0-9a-f]{8}`)
	names := func(router, vips string) map[string]bool {
		c := parse(t, "{address: 192.0.2.1, asn: 64500}", "vips: ["+vips+"]")
		var text strings.Builder
		if err := Write(&text, router, c, &c.Peers[0]); err != nil {
			t.Fatal(err)
		}
		all := map[string]bool{}
		for _, name := range list.FindAllString(text.String(), -1) {
			all[name] = true
		}
		return all
	}
	one, two := fmt.Sprintf(vip, "198.51.100.53"), fmt.Sprintf(vip, "198.51.100.54")
	for _, router := range []string{"frr", "eos", "srlinux", "sonic", "vyos"} {
		both, turned, single := names(router, one+", "+two), names(router, two+", "+one), names(router, one)
		if len(both) != 1 || len(single) != 1 || fmt.Sprint(both) != fmt.Sprint(turned) || fmt.Sprint(both) == fmt.Sprint(single) {
			t.Errorf("%s: got names %v for two VIPs, %v in reverse order, %v for one", router, both, turned, single)
		}
	}
}

// TestJunosNeverGetsAHoldTimeThatItRejects leaves short hold times to the speaker, which
// proposes them.
func TestJunosNeverGetsAHoldTimeThatItRejects(t *testing.T) {
	for hold, want := range map[string]string{"3s": "", "9s": "", "10s": "hold-time 10", "19s": "hold-time 19", "20s": "hold-time 20", "65535s": "hold-time 65535"} {
		c := parse(t, "{address: 192.0.2.1, asn: 64500, holdTime: "+hold+"}", "")
		var text strings.Builder
		if err := Write(&text, "junos", c, &c.Peers[0]); err != nil {
			t.Fatal(err)
		}
		got := regexp.MustCompile(`(?m)^set .* (hold-time \d+)$`).FindStringSubmatch(text.String())
		if len(got) == 0 && want != "" || len(got) > 0 && got[1] != want {
			t.Errorf("%s: got %q, want %q", hold, got, want)
		}
	}
}

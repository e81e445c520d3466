package policy

import (
	"strings"
	"testing"
)

func TestOptionsAreCheckedByName(t *testing.T) {
	for text, want := range map[string]string{
		"":                        "no policy given; known policies: anycast, cheapest, failover, fastest, nearest, spread, weighted",
		"closest":                 `unknown policy "closest"; known policies: anycast`,
		"nearest sticky":          `policy nearest: unknown option "sticky"; known options: threshold N%`,
		"weighted stick":          `policy weighted: unknown option "stick"; known options: threshold N%, sticky`,
		"cheapest budget":         "policy cheapest: budget takes D",
		"cheapest budget -1s":     `policy cheapest: budget: "-1s" is not a duration from 0s to 1h`,
		"nearest threshold 50":    `policy nearest: threshold: "50" is not a share from 0% to 100%`,
		"fastest trips NaN":       `policy fastest: trips: "NaN" is not a number from 0 to 100`,
		"fastest cold wasm":       "policy fastest: cold takes RUNTIME D",
		"fastest cold wasm 1m x":  `policy fastest: unknown option "x"; known options: threshold N%, trips N, cold RUNTIME D, processing RUNTIME D`,
		"fastest cold a 1s b 2s":  `policy fastest: unknown option "b"`,
		"spread threshold 50% 10": `policy spread: unknown option "10"`,
	} {
		_, err := Parse(text)
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
	for _, text := range []string{"fastest cold wasm 1ms cold kata 2s trips 2 threshold 10%", "weighted sticky threshold 50%", "cheapest budget 0s"} {
		if p, err := Parse(text); err != nil || p.String() != text {
			t.Errorf("%q became %q, %v", text, p, err)
		}
	}
}

package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nearcast/nearcast/bgp/config"
)

// TestTheSpeakerAcceptsTheFile also checks that every VIP has its own check, because equal ones are
// run once.
func TestTheSpeakerAcceptsTheFile(t *testing.T) {
	for _, vips := range []int{1, 100, 5000} {
		c, err := config.Parse([]byte(fileOf(t.TempDir(), vips, maxPeers)))
		if err != nil {
			t.Fatal(err)
		}
		asked := map[string]bool{}
		for _, v := range c.VIPs {
			asked[v.Checks[0].TCP.Address.String()] = true
		}
		if len(c.VIPs) != vips || len(asked) != vips || len(c.Peers) != maxPeers {
			t.Errorf("for %d VIPs: got %d, with %d separate checks and %d peers", vips, len(c.VIPs), len(asked), len(c.Peers))
		}
		if c.States.Draining.Dwell != dwell || c.States.Draining.Linger != linger {
			t.Errorf("SIGTERM: got dwells of %s and %s, want %s and %s", c.States.Draining.Dwell, c.States.Draining.Linger, dwell, linger)
		}
	}
}

func TestEveryRowHasACellForEachHeading(t *testing.T) {
	r := report{rest: time.Second, rows: []row{{speaker: "now", first: []time.Duration{1}, last: []time.Duration{1}}, {speaker: "before", missed: "a route: not within 1m0s"}}}
	text := r.markdown()
	want := strings.Count(strings.SplitN(heading, "\n", 2)[0], "|")
	for line := range strings.Lines(text) {
		if n := strings.Count(line, "|"); strings.HasPrefix(line, "| now") && n != want {
			t.Errorf("got %d cells, want %d: %s", n-1, want-1, line)
		}
	}
	if strings.Contains(text, "%!") || !strings.Contains(text, "**a route: not within 1m0s**") {
		t.Error(text)
	}
}

func TestAnInvalidListOfNumbersIsRejectedByName(t *testing.T) {
	for _, list := range []string{"", "0", "-1", "1,", "x", "1, 2", "201"} {
		if _, err := numbers("-peers", list, maxPeers); err == nil || !strings.Contains(err.Error(), "-peers") {
			t.Errorf("%q: got %v", list, err)
		}
	}
	if got, err := numbers("-peers", "1,50", maxPeers); err != nil || fmt.Sprint(got) != "[1 50]" {
		t.Errorf("%v, %v", got, err)
	}
}

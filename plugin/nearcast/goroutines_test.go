package nearcast

import (
	"bytes"
	"runtime/pprof"
	"strings"
	"testing"
	"time"
)

// What every running site, and every running set of feeds, has one goroutine in.
const (
	ofSites = "internal/site.(*Site).publish"
	ofFeeds = "feed.(*Set).run"
)

// expectRunning waits until as many goroutines as wanted are in the method: one that just
// started takes a moment to get there.
func expectRunning(t *testing.T, method string, want int) {
	t.Helper()
	var got int
	for range 100 {
		var stacks bytes.Buffer
		if err := pprof.Lookup("goroutine").WriteTo(&stacks, 2); err != nil {
			t.Fatal(err)
		}
		if got = strings.Count(stacks.String(), method+"("); got == want {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("%d goroutines are in %s, want %d", got, method, want)
}

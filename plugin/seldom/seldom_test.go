package seldom

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// lines returns a Log and what it wrote.
func lines() (*Log, *[]string) {
	var all []string
	return New(func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }), &all
}

func TestOneNetworkAndKindIsLoggedOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, got := lines()
		from := netip.MustParseAddr("192.0.2.1")
		for i := range 600 { // a minute
			l.Printf(from, "notify", "packet %d of 100%%", i)
			time.Sleep(100 * time.Millisecond)
		}
		l.Printf(netip.MustParseAddr("192.0.2.200"), "notify", "its neighbour")
		l.Printf(from, "notify", "again")
		want := []string{"packet 0 of 100%", "its neighbour (and 599 more like it)"}
		if !slices.Equal(*got, want) {
			t.Errorf("logged %q, want %q", *got, want)
		}
	})
}

func TestOthersAreLoggedBesideAFlood(t *testing.T) {
	l, got := lines()
	for range 1000 {
		l.Printf(netip.MustParseAddr("192.0.2.1"), "notify", "flood")
	}
	others := 0
	for i := range 8 {
		before := len(*got)
		l.Printf(netip.AddrFrom4([4]byte{198, 51, byte(i), 1}), "notify", "other")
		others += len(*got) - before
	}
	// One of eight may share the place of the flood, and some each other's.
	if others < 4 {
		t.Errorf("%d of 8 other networks were logged: %q", others, *got)
	}
}

func TestLinesAreBoundedHoweverManyNetworksThereAre(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, got := lines()
		for i := range 100_000 {
			l.Printf(netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 1}), "notify", "spoofed")
		}
		if len(*got) > places {
			t.Errorf("%d lines at one moment, the bound is %d", len(*got), places)
		}
	})
}

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

func TestAFloodHidesNoOtherLines(t *testing.T) {
	l, got := lines()
	flood := netip.MustParseAddr("2001:db8:0:ff::1")
	for range 1000 {
		l.Printf(flood, "notify", "flood")
	}
	l.Printf(flood, "transfer", "of another kind")
	l.Printf(netip.MustParseAddr("2001:db8:0:100::1"), "notify", "of another network")
	if want := []string{"flood", "of another kind", "of another network"}; !slices.Equal(*got, want) {
		t.Errorf("logged %q, want %q", *got, want)
	}
}

func TestLinesAreBoundedHoweverManyNetworksThereAre(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, got := lines()
		for i := range 100_000 {
			l.Printf(netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 1}), "notify", "spoofed")
		}
		if len(*got) > most+1 {
			t.Errorf("%d lines at one time, want at most %d", len(*got), most+1)
		}
		time.Sleep(every)
		l.Printf(netip.MustParseAddr("192.0.2.1"), "notify", "later")
		l.Printf(netip.MustParseAddr("198.51.100.1"), "notify", "later")
		if last := (*got)[len(*got)-1]; last != "later" || len(l.of) > most {
			t.Errorf("a minute later %q is logged, and %d networks are tracked", last, len(l.of))
		}
	})
}

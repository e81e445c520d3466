package locate

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"testing"
	"time"
)

// TestAMillionPrefixesAreFound makes a table of a carrier's size and compares it with the
// longest of the prefixes that cover an address, found by trying all lengths. It prints
// what building and looking up cost.
func TestAMillionPrefixesAreFound(t *testing.T) {
	n := 1_000_000
	if testing.Short() {
		n = 10_000
	}
	random := rand.New(rand.NewPCG(5, 6))
	regions := map[netip.Prefix]string{}
	entries := make([]Entry, 0, n)
	for len(entries) < n {
		a := netip.AddrFrom4([4]byte{byte(1 + random.IntN(8)), byte(random.IntN(256)), byte(random.IntN(256)), byte(random.IntN(256))})
		p, err := a.Prefix(16 + random.IntN(13))
		if err != nil {
			t.Fatal(err)
		}
		if _, twice := regions[p]; twice {
			continue
		}
		regions[p] = fmt.Sprint("r", random.IntN(500))
		entries = append(entries, Entry{Prefix: p, Location: Location{Region: regions[p]}})
	}
	before := heap()
	start := time.Now()
	table := mustNew(t, entries)
	built := time.Since(start)
	size := heap() - before
	runtime.KeepAlive(entries)
	clients := make([]netip.Addr, 100_000)
	for i := range clients {
		clients[i] = netip.AddrFrom4([4]byte{byte(random.IntN(10)), byte(random.IntN(256)), byte(random.IntN(256)), byte(random.IntN(256))})
	}
	start = time.Now()
	for _, a := range clients {
		table.Lookup(a)
	}
	found := time.Since(start)
	for _, a := range clients {
		want := ""
		for bits := 32; bits >= 0 && want == ""; bits-- {
			p, err := a.Prefix(bits)
			if err != nil {
				t.Fatal(err)
			}
			want = regions[p]
		}
		if id, _ := table.Lookup(a); table.Location(id).Region != want {
			t.Fatalf("%s is at %q, want %q", a, table.Location(id).Region, want)
		}
	}
	t.Logf("%d prefixes in %d locations: built in %s, %d MB, found in %d ns", n, table.Len(), built.Round(time.Millisecond),
		size>>20, found.Nanoseconds()/int64(len(clients)))
}

// heap returns the reachable bytes.
func heap() int64 {
	runtime.GC()
	runtime.GC() // the first leaves garbage to be swept
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

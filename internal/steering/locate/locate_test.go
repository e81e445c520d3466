package locate

import (
	"context"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nearcast/nearcast/internal/federation"
)

func entries(t *testing.T, text string) []Entry {
	t.Helper()
	list, faults, err := Parse("locations.csv", strings.NewReader(text))
	if err != nil || len(faults) > 0 {
		t.Fatal(err, faults)
	}
	return list
}

func mustNew(t *testing.T, entries []Entry) *Table {
	t.Helper()
	return New(entries)
}

func TestLongestPrefixWins(t *testing.T) {
	table := mustNew(t, entries(t, "10.0.0.0/8,a\n10.1.0.0/16,b,z,1,2\n10.1.2.0/24,c\n2001:db8::/32,d\n"))
	for addr, want := range map[string]string{
		"10.2.0.1": "a", "10.1.9.1": "b/z", "10.1.2.3": "c", "11.0.0.1": "", "2001:db8::1": "d", "2001:db9::1": "",
	} {
		id, _ := table.Lookup(netip.MustParseAddr(addr))
		if got := table.Location(id).String(); got != want {
			t.Errorf("%s is at %q, want %q", addr, got, want)
		}
	}
}

// TestScopeIsCorrectAndShortest checks what RFC 7871 requires on a random table: every
// address under the scope has the same location, and no shorter prefix does.
func TestScopeIsCorrectAndShortest(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		var list []Entry
		for range 1 + random.IntN(30) {
			addr := netip.AddrFrom4([4]byte{10, 0, byte(random.IntN(4)), byte(random.IntN(256))})
			p, err := addr.Prefix(16 + random.IntN(17))
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, Entry{Prefix: p, Location: Location{Region: string(rune('a' + random.IntN(3)))}})
		}
		table := mustNew(t, list)
		uniform := func(p netip.Prefix) bool { // over 10.0.0.0/22, the part that varies
			first, _ := table.Lookup(p.Addr())
			for i := range 1024 {
				a := netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})
				if p.Contains(a) {
					if id, _ := table.Lookup(a); id != first {
						return false
					}
				}
			}
			return true
		}
		for i := range 1024 {
			a := netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})
			_, bits := table.Lookup(a)
			p, _ := a.Prefix(int(bits))
			if !uniform(p) {
				t.Fatalf("scope %s of %s covers two locations: %v", p, a, list)
			}
			if bits > 22 {
				if shorter, _ := a.Prefix(int(bits) - 1); uniform(shorter) {
					t.Fatalf("scope %s of %s could be %s: %v", p, a, shorter, list)
				}
			}
		}
	}
}

func TestEveryAddressIsInALeaf(t *testing.T) {
	table := mustNew(t, entries(t, "128.0.0.0/1,a\n255.255.255.255/32,b\n::/0,c\n"))
	for addr, bits := range map[string]uint8{"0.0.0.0": 5, "126.255.255.255": 8, "127.255.255.255": 8, "255.255.255.255": 32, "255.255.255.254": 32, "128.0.0.0": 2, "::": 81, "2a00::": 5} {
		if _, got := table.Lookup(netip.MustParseAddr(addr)); got != bits {
			t.Errorf("scope of %s is %d, want %d", addr, got, bits)
		}
	}
	if id, bits := Empty.Lookup(netip.MustParseAddr("192.0.2.1")); id != Nowhere || bits != 0 {
		t.Errorf("the empty table: %d, %d", id, bits)
	}
}

func TestBadLinesAreRefusedAlone(t *testing.T) {
	const text = `# a comment
10.0.0.0/8,a

10.0.0.1/8,b
10.9.0.0,c
10.8.0.0/16
10.7.0.0/16,d,z,91,0
10.0.0.0/8,e
10.6.0.0/16,f,z,1
::ffff:10.5.0.0/112,g
10.4.0.0/16,h`
	list, faults, err := Parse("locations.csv", strings.NewReader(text))
	if err != nil || len(list) != 2 {
		t.Fatalf("%v, %v; want the two valid lines", list, err)
	}
	var got []string
	for _, f := range faults {
		got = append(got, f.Error())
	}
	want := []string{
		"locations.csv:4: 10.0.0.1/8 has bits set beyond its length; did you mean 10.0.0.0/8?",
		`locations.csv:5: "10.9.0.0" is not a prefix`,
		`locations.csv:6: "10.8.0.0/16" is not prefix,region[,zone[,lat,lon]]`,
		`locations.csv:7: "91,0" is not lat,lon in degrees (-90 to 90, -180 to 180)`,
		"locations.csv:8: 10.0.0.0/8 is already on line 2",
		`locations.csv:9: "10.6.0.0/16,f,z,1" is not prefix,region[,zone[,lat,lon]]`,
		"locations.csv:10: ::ffff:10.5.0.0/112 stands for IPv4 addresses; write it as IPv4",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestWatchFollowsTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "locations.csv")
	write := func(text string) {
		if err := os.WriteFile(path+".new", []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
	}
	write("10.0.0.0/8,a")
	ctx, cancel := context.WithCancel(t.Context())
	tables, done := make(chan *Table, 10), make(chan error)
	go func() {
		done <- NewFollower(Files{Locations: path}).Watch(ctx, func(table *Table, _ []federation.Fault) { tables <- table }, func(err error) { t.Log(err) })
	}()
	at := func() string {
		select {
		case table := <-tables:
			id, _ := table.Lookup(netip.MustParseAddr("10.0.0.1"))
			return table.Location(id).Region
		case <-time.After(10 * time.Second):
			t.Fatal("no table within ten seconds")
			return ""
		}
	}
	if got := at(); got != "a" {
		t.Errorf("%q, want a", got)
	}
	write("10.0.0.0/8,bb")
	if got := at(); got != "bb" {
		t.Errorf("%q, want bb", got)
	}
	if err := os.Remove(path); err != nil { // the last table stays in use
		t.Fatal(err)
	}
	if got := at(); got != "bb" {
		t.Errorf("%q, want bb", got)
	}
	write("10.0.0.0/8,ccc")
	if got := at(); got != "ccc" {
		t.Errorf("%q, want ccc", got)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestAByteOrderMarkIsIgnored has one as editors on Windows write it.
func TestAByteOrderMarkIsIgnored(t *testing.T) {
	list, faults, err := Parse("locations.csv", strings.NewReader("\ufeff10.0.0.0/8,mk\r\n"))
	if err != nil || len(faults) > 0 || len(list) != 1 {
		t.Error(list, faults, err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("10.0.0.0/8,a,b,1,2\n::/0,x")
	f.Add("10.0.0.1/8,a")
	f.Fuzz(func(t *testing.T, text string) {
		list, _, err := Parse("f", strings.NewReader(text))
		if err != nil {
			return
		}
		table := mustNew(t, list)
		for _, e := range list {
			if e.ASN != 0 {
				continue // only a database has its prefixes
			}
			if e.Resolver {
				if _, ok := table.Resolver(e.Prefix.Addr()); !ok {
					t.Fatalf("%v is not in its own table", e)
				}
				continue
			}
			if id, bits := table.Lookup(e.Prefix.Addr()); id == Nowhere || int(bits) > 128 {
				t.Fatalf("%v is not in its own table", e)
			}
		}
	})
}

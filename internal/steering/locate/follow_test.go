package locate

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"
)

// TestAFileThatBecomesInvalidKeepsItsLastContent damages each file in many ways, in place
// as cp does: it keeps its last valid content, the others follow theirs, and all recover.
func TestAFileThatBecomesInvalidKeepsItsLastContent(t *testing.T) {
	of := func(code string) []byte {
		return values(t, mmdbwriter.Options{DatabaseType: "x"}, map[string]mmdbtype.DataType{"192.0.2.0/24": m("country_code", mmdbtype.String(code))})
	}
	for name, damage := range map[string]func(path string) error{
		"cut": func(path string) error {
			info, err := os.Stat(path)
			if err != nil {
				return err
			}
			return os.Truncate(path, info.Size()/2)
		},
		"emptied": func(path string) error { return os.Truncate(path, 0) },
		"rubbish": func(path string) error { return os.WriteFile(path, []byte("<html>\n404"), 0o600) },
		"removed": os.Remove,
		"a folder": func(path string) error {
			if err := os.Remove(path); err != nil {
				return err
			}
			return os.Mkdir(path, 0o700)
		},
	} {
		for _, bad := range []string{"l.csv", "a.mmdb"} {
			t.Run(name+" "+bad, func(t *testing.T) {
				_, _, f := loadWith(t, "10.1.0.0/16,mk\n", of("DE"), of("US"))
				dir := filepath.Dir(f.Locations)
				follower := NewFollower(f)
				expect := func(want, fault string) {
					t.Helper()
					table, faults := follower.table()
					if got := at(table, "10.1.0.1") + at(table, "192.0.2.1"); got != want {
						t.Errorf("%q, want %q", got, want)
					}
					if _, bits := table.Lookup(netip.MustParseAddr("10.1.0.1")); bits != 16 {
						t.Errorf("the scope of a client in the table is %d, want 16", bits)
					}
					last := ""
					if len(faults) > 0 {
						last = faults[len(faults)-1].Error()
					}
					if fault == "" && last != "" || !strings.HasPrefix(last, fault) || fault != "" && !strings.HasSuffix(last, "; keeping its last valid content") {
						t.Errorf("faults %v, want one of %q", faults, fault)
					}
				}
				if !follower.refresh() || follower.refresh() {
					t.Error("files are not read exactly once")
				}
				expect("mkde", "")
				path := filepath.Join(dir, bad)
				if err := damage(path); err != nil {
					t.Fatal(err)
				}
				if !follower.refresh() || follower.refresh() {
					t.Error("a fault is not reported exactly once")
				}
				expect("mkde", path+": ")
				successor := NewFollower(f) // after a reload
				successor.Inherit(follower)
				follower = successor
				follower.refresh()
				expect("mkde", path+": ")
				if err := os.RemoveAll(path); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, map[string][]byte{"l.csv": []byte("10.1.0.0/16,fr\n"), "a.mmdb": of("MK")}[bad], 0o600); err != nil {
					t.Fatal(err)
				}
				follower.refresh()
				expect(map[string]string{"l.csv": "frde", "a.mmdb": "mkmk"}[bad], "")
			})
		}
	}
}

// TestWithoutItsTableNoScopeCoversOtherClients starts with a table that cannot be read.
func TestWithoutItsTableNoScopeCoversOtherClients(t *testing.T) {
	raw := values(t, mmdbwriter.Options{DatabaseType: "x"}, map[string]mmdbtype.DataType{"192.0.2.0/24": m("country_code", mmdbtype.String("DE"))})
	for _, locations := range []string{"\n<html>\n", "10.0.0.0/8\n", "10.0.0.0,a\n"} {
		table, faults, f := loadWith(t, locations, raw)
		if len(faults) < 2 || faults[0].File != f.Locations || faults[len(faults)-1].Reason != "has no valid line" {
			t.Errorf("%q: %v, want the lines and the file", locations, faults)
		}
		for _, table := range []*Table{table, Unread} {
			for _, addr := range []string{"192.0.2.1", "198.51.100.1", "2001:db8::1"} {
				a := netip.MustParseAddr(addr)
				if _, bits := table.Lookup(a); int(bits) != a.BitLen() {
					t.Errorf("%q: the scope of %s is %d", locations, a, bits)
				}
			}
		}
		if got := at(table, "192.0.2.1"); got != "de" {
			t.Errorf("%q, want the database's de", got)
		}
		if len(table.Named())+len(Unread.Named()) > 0 {
			t.Error("locations exist that no table has")
		}
	}
}

// TestAFileOverwrittenDuringAReadCausesNoFault looks addresses up while the file is
// truncated and written in place.
func TestAFileOverwrittenDuringAReadCausesNoFault(t *testing.T) {
	raw := values(t, mmdbwriter.Options{DatabaseType: "x"}, map[string]mmdbtype.DataType{"192.0.2.0/24": m("country_code", mmdbtype.String("DE"))})
	_, _, f := loadWith(t, "", raw)
	follower := NewFollower(f)
	follower.refresh()
	table, _ := follower.table()
	var looking sync.WaitGroup
	stop := make(chan struct{})
	looking.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			if got := at(table, "192.0.2.1"); got != "de" {
				t.Errorf("%q, want de", got)
				return
			}
		}
	})
	for range 50 {
		for _, content := range [][]byte{nil, raw[:len(raw)/3], raw} {
			if err := os.WriteFile(f.GeoIP[0], content, 0o600); err != nil {
				t.Fatal(err)
			}
			follower.refresh()
		}
	}
	close(stop)
	looking.Wait()
	if next, faults := follower.table(); at(next, "192.0.2.1") != "de" || len(faults) > 0 {
		t.Error(faults)
	}
}

// TestNoScopeOfADatabaseCoversTwoLocations draws databases with all record sizes, also
// damaged ones, and compares addresses under one scope.
func TestNoScopeOfADatabaseCoversTwoLocations(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	near := func() netip.Addr {
		base := []string{"10.0.0.0", "192.0.2.0", "2001:db8::", "2001:db8:8000::", "2002:c000:200::", "::ffff:192.0.2.0", "2001::", "64:ff9b::a00:0"}[random.IntN(8)]
		raw := netip.MustParseAddr(base).AsSlice()
		for range random.IntN(4) {
			bit := random.IntN(8 * len(raw))
			raw[bit/8] ^= 0x80 >> (bit % 8)
		}
		a, _ := netip.AddrFromSlice(raw)
		return a
	}
	for round := range 60 {
		records := map[string]mmdbtype.DataType{}
		for range 1 + random.IntN(8) {
			a := near()
			if canonical, _ := Canonical(netip.PrefixFrom(a, a.BitLen())); canonical.Addr() != a || a.Is4In6() {
				continue // the writer has aliases there
			}
			p, err := a.Prefix(8 + random.IntN(a.BitLen()-8))
			if err != nil || embedded(p) != nil || p.Overlaps(netip.MustParsePrefix("2001::/32")) || p.Overlaps(netip.MustParsePrefix("2002::/16")) {
				continue
			}
			records[p.String()] = m("country_code", mmdbtype.String([]string{"DE", "MK", "", "Germany"}[random.IntN(4)]))
		}
		raw := values(t, mmdbwriter.Options{DatabaseType: "x", RecordSize: 24 + 4*(round%3), DisableIPv4Aliasing: round%2 == 0}, records)
		table, _, _ := loadWith(t, "10.0.0.0/10,us\n2001:db8::/34,us\n", raw)
		for range 100 {
			a := near()
			id, scope := lookup(table, netip.PrefixFrom(a, a.BitLen()))
			if scope > a.BitLen() {
				t.Fatalf("a scope of %d of %s", scope, a)
			}
			other := a.AsSlice()
			for bit := scope; bit < a.BitLen(); bit++ {
				if random.IntN(2) == 0 {
					other[bit/8] ^= 0x80 >> (bit % 8)
				}
			}
			b, _ := netip.AddrFromSlice(other)
			if got, _ := lookup(table, netip.PrefixFrom(b, b.BitLen())); got != id {
				t.Fatalf("%s and %s are under the scope %d, at %q (%d) and %q (%d), of %v", a, b, scope, table.Location(id), id, table.Location(got), got, fmt.Sprint(records))
			}
		}
	}
}

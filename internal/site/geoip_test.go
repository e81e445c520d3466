package site

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"

	"github.com/nearcast/nearcast/internal/steering/locate"
	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// countries is a database with the country of 198.51.100.0/24, and a code of any type for
// 203.0.113.0/24.
func countries(t *testing.T, code string, other mmdbtype.DataType) []byte {
	t.Helper()
	tree, err := mmdbwriter.New(mmdbwriter.Options{DatabaseType: "Country", IncludeReservedNetworks: true})
	if err != nil {
		t.Fatal(err)
	}
	for prefix, value := range map[string]mmdbtype.DataType{"198.51.100.0/24": mmdbtype.String(code), "203.0.113.0/24": other} {
		_, network, err := net.ParseCIDR(prefix)
		if err != nil {
			t.Fatal(err)
		}
		if err := tree.Insert(network, mmdbtype.Map{"country": mmdbtype.Map{"iso_code": value}}); err != nil {
			t.Fatal(err)
		}
	}
	var b bytes.Buffer
	if _, err := tree.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestAnInvalidDatabaseIsCountedAndTheTableStays takes a database through its possible
// failures, with a reload in between. Counts and logs must name it, and a client in the
// table must keep its location and scope.
func TestAnInvalidDatabaseIsCountedAndTheTableStays(t *testing.T) {
	dir := t.TempDir()
	database := filepath.Join(dir, "c.mmdb")
	if err := os.WriteFile(filepath.Join(dir, "l.csv"), []byte("192.0.2.128/25,us\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	put := func(raw []byte) {
		t.Helper()
		if err := os.WriteFile(database, raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put(countries(t, "DE", mmdbtype.Uint32(7)))
	config := configOf(fixture.Dir(t, map[string]string{"all.yaml": fixture.ThreeWith()}))
	config.Locations = locate.Files{Locations: filepath.Join(dir, "l.csv"), GeoIP: []string{database}}
	log := &testLog{}
	s := acquire(t, config, log)
	defer func() { Release(s) }()
	says := func() string {
		v := s.View()
		text := ""
		for _, prefix := range []string{"192.0.2.128/25", "198.51.100.0/24", "203.0.113.0/24"} {
			c := v.Locate(netip.MustParseAddr("127.0.0.1"), netip.MustParsePrefix(prefix))
			text += fmt.Sprintf("%s/%d ", v.Locations.Location(c.Location), c.Scope)
		}
		return fmt.Sprint(text, v.State.Refused())
	}
	eventually(t, "us/25 de/24 /24 1", says)
	if log.count("refused: "+database+": 1 of 2 records are damaged, first the one for 203.0.113.0/24: country.iso_code is not a string") != 1 {
		t.Error("the log does not report the fault exactly once", log.lines)
	}
	put(countries(t, "DE", mmdbtype.String("MK")))
	eventually(t, "us/25 de/24 mk/24 0", says)
	put([]byte("cut"))
	eventually(t, "us/25 de/24 mk/24 1", says)

	config.Probe.Interval *= 2 // a reload with another change
	next := acquire(t, config, log)
	Release(s)
	s = next
	eventually(t, "us/25 de/24 mk/24 1", says)
	put(countries(t, "FR", mmdbtype.String("MK")))
	eventually(t, "us/25 fr/24 mk/24 0", says)

	put(nil)
	view, err := Once(config)
	if err != nil {
		t.Fatal(err)
	}
	if c := view.Locate(netip.Addr{}, netip.MustParsePrefix("192.0.2.128/25")); view.State.Refused() != 1 || c.Scope != 25 {
		t.Errorf("from files alone: scope %d, faults %v", c.Scope, view.State.Faults)
	}
}

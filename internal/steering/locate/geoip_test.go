package locate

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"
	"pgregory.net/rapid"

	"github.com/nearcast/nearcast/internal/federation"
)

// mmdb is a database with the records by prefix.
func mmdb(t *testing.T, kind string, records map[string]mmdbtype.Map) []byte {
	t.Helper()
	tree, err := mmdbwriter.New(mmdbwriter.Options{DatabaseType: kind, IncludeReservedNetworks: true, DisableIPv4Aliasing: true})
	if err != nil {
		t.Fatal(err)
	}
	// A prefix replaces what is within it: the shorter ones first.
	prefixes := slices.SortedFunc(maps.Keys(records), func(a, b string) int {
		return netip.MustParsePrefix(a).Bits() - netip.MustParsePrefix(b).Bits()
	})
	for _, prefix := range prefixes {
		_, network, err := net.ParseCIDR(prefix)
		if err != nil {
			t.Fatal(err)
		}
		if err := tree.Insert(network, records[prefix]); err != nil {
			t.Fatal(err)
		}
	}
	var b bytes.Buffer
	if _, err := tree.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func city(country, subdivision string, lat, lon float64) mmdbtype.Map {
	return mmdbtype.Map{
		"country":      mmdbtype.Map{"iso_code": mmdbtype.String(country)},
		"subdivisions": mmdbtype.Slice{mmdbtype.Map{"iso_code": mmdbtype.String(subdivision)}},
		"location":     mmdbtype.Map{"latitude": mmdbtype.Float64(lat), "longitude": mmdbtype.Float64(lon)},
	}
}

func asn(n uint32) mmdbtype.Map {
	return mmdbtype.Map{"autonomous_system_number": mmdbtype.Uint32(n)}
}

// write puts files into a directory and returns their Files.
func write(t *testing.T, dir, locations string, databases map[string][]byte) Files {
	t.Helper()
	f := Files{}
	put := func(name string, raw []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path+".new", raw, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
		return path
	}
	if locations != "" {
		f.Locations = put("locations.csv", []byte(locations))
	}
	for _, name := range []string{"city.mmdb", "asn.mmdb"} {
		if raw := databases[name]; raw != nil {
			f.GeoIP = append(f.GeoIP, put(name, raw))
		}
	}
	return f
}

func TestTheTablePrecedesSystemNumbersAndThesePrecedeCities(t *testing.T) {
	f := write(t, t.TempDir(), "198.51.100.0/25,table\nAS64500,carrier,north,1,2\nresolver 192.0.2.53,clients\n192.0.2.0/24,office\n", map[string][]byte{
		"asn.mmdb": mmdb(t, "GeoLite2-ASN", map[string]mmdbtype.Map{"198.51.100.0/24": asn(64500), "203.0.113.0/24": asn(64501), "2001:db8:5::/48": asn(64500)}),
		"city.mmdb": mmdb(t, "GeoLite2-City", map[string]mmdbtype.Map{
			"198.51.0.0/16": city("DE", "HE", 50.11, 8.68), "203.0.113.0/24": city("MK", "85", 41.99, 21.43), "203.0.113.128/25": city("MK", "85", 41.74, 22.19),
		}),
	})
	table, faults := f.Load()
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	for _, c := range []struct {
		addr, want string
		bits       uint8
	}{
		{"198.51.100.1", "table", 25},
		{"198.51.100.200", "carrier/north", 25},
		{"198.51.7.1", "de/de-he", 18},
		{"203.0.113.1", "mk/mk-85", 25},
		{"203.0.113.200", "mk/mk-85", 25},
		{"2001:db8:5::1", "carrier/north", 48},
		{"192.0.2.53", "office", 24},
		{"8.8.8.8", "", 0},
	} {
		id, bits := table.Lookup(netip.MustParseAddr(c.addr))
		if got := table.Location(id).String(); got != c.want || c.bits > 0 && bits != c.bits {
			t.Errorf("%s is at %q by %d bits, want %q by %d", c.addr, got, bits, c.want, c.bits)
		}
	}
	near, _ := table.Lookup(netip.MustParseAddr("203.0.113.1"))
	far, _ := table.Lookup(netip.MustParseAddr("203.0.113.200"))
	if a, b := table.Location(near).Coordinates, table.Location(far).Coordinates; *a != (federation.Coordinates{Lat: 42, Lon: 21.5}) || *b != (federation.Coordinates{Lat: 41.5, Lon: 22}) {
		t.Errorf("coordinates %v and %v", *a, *b)
	}
	if id, ok := table.Resolver(netip.MustParseAddr("192.0.2.53")); !ok || table.Location(id).Region != "clients" {
		t.Errorf("the resolver's clients are at %v, %v", table.Location(id), ok)
	}
	if _, ok := table.Resolver(netip.MustParseAddr("192.0.2.54")); ok {
		t.Error("another address is a resolver")
	}
}

func TestAnAutonomousSystemNumberNeedsADatabase(t *testing.T) {
	f := write(t, t.TempDir(), "AS64500,carrier\nASx,y\nAS0,z\nresolver 10.0.0.1/8,a\n", nil)
	_, faults := f.Load()
	var all []string
	for _, fault := range faults {
		all = append(all, strings.TrimPrefix(fault.Error(), f.Locations))
	}
	want := `:2: "ASx" is not an autonomous system number such as AS64500|:3: "AS0" is not an autonomous system number such as AS64500|` +
		`:4: 10.0.0.1/8 has bits set beyond its length; did you mean 10.0.0.0/8?|: AS64500 is named, but no geoip database has autonomous systems: lines that name one have no effect`
	if got := strings.Join(all, "|"); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

// TestDatabasesAreFollowed replaces a database by another and by garbage.
func TestDatabasesAreFollowed(t *testing.T) {
	dir := t.TempDir()
	db := func(country string) map[string][]byte {
		return map[string][]byte{"city.mmdb": mmdb(t, "GeoLite2-Country", map[string]mmdbtype.Map{"192.0.2.0/24": city(country, "", 1, 1)})}
	}
	f := write(t, dir, "", db("DE"))
	ctx, cancel := context.WithCancel(t.Context())
	tables, done := make(chan string, 10), make(chan error)
	use := func(table *Table, faults []federation.Fault) {
		id, _ := table.Lookup(netip.MustParseAddr("192.0.2.1"))
		text := table.Location(id).Region
		for _, fault := range faults {
			text += " " + fault.Error()
		}
		tables <- text
	}
	go func() { done <- NewFollower(f).Watch(ctx, use, func(err error) { t.Error(err) }) }()
	at := func() string {
		select {
		case text := <-tables:
			return text
		case <-time.After(10 * time.Second):
			return "nothing within ten seconds"
		}
	}
	if got := at(); got != "de" {
		t.Error(got)
	}
	write(t, dir, "", db("MK"))
	if got := at(); got != "mk" {
		t.Error(got)
	}
	write(t, dir, "", map[string][]byte{"city.mmdb": []byte("rubbish")})
	if got := at(); !strings.HasPrefix(got, "mk "+f.GeoIP[0]+": ") || !strings.HasSuffix(got, "; keeping its last valid content") {
		t.Errorf("%q, want the last valid database and a fault that names the file", got)
	}
	write(t, dir, "", db("US"))
	if got := at(); got != "us" {
		t.Error(got)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestCanonicalFindsTheIPv4Address(t *testing.T) {
	for text, want := range map[string]string{
		"10.0.0.0/8":                        "10.0.0.0/8 0",
		"2001:db8::/32":                     "2001:db8::/32 0",
		"::ffff:10.1.2.0/120":               "10.1.2.0/24 96",
		"64:ff9b::a01:203/128":              "10.1.2.3/32 96",
		"2002:a01:200::/40":                 "10.1.2.0/24 16",
		"2002:a01:203:5::/64":               "10.1.2.3/32 16",
		"2002::/16":                         "0.0.0.0/0 16",
		"2000::/8":                          "2000::/8 0",
		"2001:0:c000:201:0:0:f5fe:fdfc/128": "10.1.2.3/32 96",
		"2001:0:c000:201::/64":              "2001:0:c000:201::/64 0", // too short to decide
		"64:ff9b:1::/48":                    "64:ff9b:1::/48 0",
	} {
		addr, bits, _ := strings.Cut(text, "/")
		n, err := strconv.Atoi(bits)
		if err != nil {
			t.Fatal(err)
		}
		p, before := Canonical(netip.PrefixFrom(netip.MustParseAddr(addr), n))
		if got := fmt.Sprintf("%s %d", p, before); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

// lookup looks a subnet up like a query's client-subnet option.
func lookup(t *Table, p netip.Prefix) (ID, int) {
	canonical, before := Canonical(p)
	id, bits := t.Lookup(canonical.Addr())
	return id, before + int(bits)
}

// TestScopeIsNeverTooWide draws tables of both families and addresses near their borders:
// any other address within the scope is at the same location, however it is written.
func TestScopeIsNeverTooWide(t *testing.T) {
	bases := []string{"10.0.0.0", "192.0.2.0", "2001:db8::", "2002:a00::", "2001::", "64:ff9b::a00:0", "::ffff:10.0.0.0", "2002:c000:200::", "fd00::", "::"}
	rapid.Check(t, func(t *rapid.T) {
		near := func() netip.Addr { // an address that differs from a base in a few bits
			raw := netip.MustParseAddr(rapid.SampledFrom(bases).Draw(t, "base")).AsSlice()
			for range rapid.IntRange(0, 4).Draw(t, "flips") {
				bit := rapid.IntRange(0, 8*len(raw)-1).Draw(t, "bit")
				raw[bit/8] ^= 0x80 >> (bit % 8)
			}
			a, _ := netip.AddrFromSlice(raw)
			return a
		}
		var list []Entry
		for range rapid.IntRange(1, 12).Draw(t, "entries") {
			a := near()
			p, err := a.Prefix(rapid.IntRange(0, a.BitLen()).Draw(t, "length"))
			if err != nil || a.Is4In6() || embedded(p) != nil {
				continue
			}
			list = append(list, Entry{Prefix: p, Location: Location{Region: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "region")}})
		}
		table := New(list)
		for range 20 {
			a := near()
			id, scope := lookup(table, netip.PrefixFrom(a, a.BitLen()))
			if scope > a.BitLen() {
				t.Fatalf("scope %d of %s", scope, a)
			}
			raw := a.AsSlice() // another address under the scope
			for bit := scope; bit < a.BitLen(); bit++ {
				if rapid.Bool().Draw(t, "bit") {
					raw[bit/8] ^= 0x80 >> (bit % 8)
				}
			}
			b, _ := netip.AddrFromSlice(raw)
			if other, _ := lookup(table, netip.PrefixFrom(b, b.BitLen())); table.Location(other) != table.Location(id) || (other == Private) != (id == Private) {
				t.Fatalf("%s and %s are under the scope %d, at %q (%d) and %q (%d), of %v", a, b, scope, table.Location(id), id, table.Location(other), other, list)
			}
		}
	})
}

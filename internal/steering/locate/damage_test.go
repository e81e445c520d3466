package locate

import (
	"bytes"
	"fmt"
	"math"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"

	"github.com/nearcast/nearcast/internal/federation"
)

// values is a database whose records have values of any type, as foreign and damaged ones
// do.
func values(t testing.TB, options mmdbwriter.Options, records map[string]mmdbtype.DataType) []byte {
	t.Helper()
	options.IncludeReservedNetworks = true
	tree, err := mmdbwriter.New(options)
	if err != nil {
		t.Fatal(err)
	}
	for prefix, value := range records {
		_, network, err := net.ParseCIDR(prefix)
		if err != nil {
			t.Fatal(err)
		}
		if err := tree.Insert(network, value); err != nil {
			t.Fatal(err)
		}
	}
	var b bytes.Buffer
	if _, err := tree.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// loadWith loads a table and the databases by name, in their order.
func loadWith(t *testing.T, locations string, databases ...[]byte) (*Table, []federation.Fault, Files) {
	t.Helper()
	dir := t.TempDir()
	var f Files
	put := func(name string, raw []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	if locations != "" {
		f.Locations = put("l.csv", []byte(locations))
	}
	for i, raw := range databases {
		f.GeoIP = append(f.GeoIP, put(string(rune('a'+i))+".mmdb", raw))
	}
	table, faults := f.Load()
	return table, faults, f
}

// at returns the location of an address in the table: REGION[/ZONE][@LAT,LON].
func at(table *Table, addr string) string {
	id, _ := table.Lookup(netip.MustParseAddr(addr))
	return spell(table.Location(id))
}

func spell(l Location) string {
	if l.Coordinates != nil {
		return fmt.Sprintf("%s@%.2f,%.2f", l, l.Coordinates.Lat, l.Coordinates.Lon)
	}
	return l.String()
}

func m(pairs ...any) mmdbtype.Map {
	r := mmdbtype.Map{}
	for i := 0; i < len(pairs); i += 2 {
		r[mmdbtype.String(pairs[i].(string))] = pairs[i+1].(mmdbtype.DataType)
	}
	return r
}

// TestABadRecordAffectsOnlyItself has a bad record of each kind in a database beside a
// good one, a table and another database, all of which must stay in use.
func TestABadRecordAffectsOnlyItself(t *testing.T) {
	str := func(s string) mmdbtype.DataType { return mmdbtype.String(s) }
	where := func(lat, lon mmdbtype.DataType) mmdbtype.DataType {
		return m("location", m("latitude", lat, "longitude", lon))
	}
	long := mmdbtype.Map{}
	for i := range mostFields + 1 {
		long[mmdbtype.String(strings.Repeat("x", i%200)+string(rune('a'+i/200)))] = mmdbtype.Bool(true)
	}
	for name, c := range map[string]struct {
		bad  mmdbtype.DataType
		want string // its valid parts
	}{
		"number for a code":         {bad: m("country", m("iso_code", mmdbtype.Uint64(7)))},
		"list for a map":            {bad: m("country", mmdbtype.Slice{str("DE")})},
		"string for a record":       {bad: str("DE")},
		"list for a record":         {bad: mmdbtype.Slice{str("DE")}},
		"number for a record":       {bad: mmdbtype.Uint32(49)},
		"name for a code":           {bad: m("country", m("iso_code", str("Germany")))},
		"control for a code":        {bad: m("country", m("iso_code", str("\n\x1b")))},
		"no letters":                {bad: m("country_code", str("4\xff"))},
		"latitude NaN":              {bad: where(mmdbtype.Float64(math.NaN()), mmdbtype.Float64(1))},
		"longitude infinite":        {bad: where(mmdbtype.Float64(1), mmdbtype.Float64(math.Inf(-1)))},
		"latitude out of range":     {bad: where(mmdbtype.Float64(999), mmdbtype.Float64(1))},
		"longitude out of range":    {bad: where(mmdbtype.Float32(50), mmdbtype.Float64(368.68))},
		"latitude a map":            {bad: where(m(), mmdbtype.Float64(1))},
		"latitude as text":          {bad: where(str("north"), mmdbtype.Float64(1))},
		"location a string":         {bad: m("location", str("50,8"), "country", m("iso_code", str("FR"))), want: "fr"},
		"coordinates beside":        {bad: m("country", m("iso_code", str("FR")), "latitude", mmdbtype.Float64(91), "longitude", mmdbtype.Float64(1)), want: "fr"},
		"subdivisions a map":        {bad: m("country", m("iso_code", str("FR")), "subdivisions", m("iso_code", str("A"))), want: "fr"},
		"subdivisions of strings":   {bad: m("country", m("iso_code", str("FR")), "subdivisions", mmdbtype.Slice{str("A")}), want: "fr"},
		"subdivision of much":       {bad: m("country", m("iso_code", str("FR")), "subdivisions", mmdbtype.Slice{m("iso_code", str("A.example"))}), want: "fr"},
		"code beside coordinates":   {bad: m("country", m("iso_code", mmdbtype.Bool(true)), "location", m("latitude", mmdbtype.Float64(10), "longitude", mmdbtype.Uint32(20))), want: "@10.00,20.00"},
		"system beyond 32 bits":     {bad: m("autonomous_system_number", mmdbtype.Uint64(1<<33))},
		"system negative":           {bad: m("autonomous_system_number", mmdbtype.Int32(-5))},
		"system number as text":     {bad: m("asn", str("Carrier"))},
		"traits a string":           {bad: m("traits", str("x"))},
		"more fields than are read": {bad: long},
	} {
		t.Run(name, func(t *testing.T) {
			first := values(t, mmdbwriter.Options{DatabaseType: "City"}, map[string]mmdbtype.DataType{
				"192.0.2.0/24": c.bad, "198.51.100.0/24": m("country", m("iso_code", str("DE"))), "2001:db8::/32": m("country", m("iso_code", str("MK"))),
			})
			second := values(t, mmdbwriter.Options{DatabaseType: "ASN"}, map[string]mmdbtype.DataType{"203.0.113.0/24": asn(64500)})
			table, faults, f := loadWith(t, "192.0.2.128/25,us,us-east\nAS64500,carrier\n", first, second)
			for addr, want := range map[string]string{
				"192.0.2.200": "us/us-east", "198.51.100.1": "de", "2001:db8::1": "mk", "203.0.113.1": "carrier", "192.0.2.1": c.want,
			} {
				if got := at(table, addr); got != want {
					t.Errorf("%s is at %q, want %q", addr, got, want)
				}
			}
			if _, bits := table.Lookup(netip.MustParseAddr("192.0.2.200")); bits != 25 {
				t.Errorf("the scope of a client in the table is %d, want 25", bits)
			}
			if _, bits := table.Lookup(netip.MustParseAddr("192.0.2.1")); bits != 25 {
				t.Errorf("the scope beside it is %d, want 25", bits)
			}
			if len(faults) != 1 || faults[0].File != f.GeoIP[0] || faults[0].Warning || !strings.Contains(faults[0].Reason, "1 of 3 records are damaged, first the one for 192.0.2.0/24: ") {
				t.Errorf("faults %v, want one that names the file and the network", faults)
			}
		})
	}
}

// TestEveryLayoutIsUsedWhereItCanBe has databases as they are published, with every
// record size, with IPv4 aliases and without.
func TestEveryLayoutIsUsedWhereItCanBe(t *testing.T) {
	str := func(s string) mmdbtype.DataType { return mmdbtype.String(s) }
	for name, c := range map[string]struct {
		record mmdbtype.DataType
		want   string
		system bool
	}{
		"GeoLite2-Country":     {m("country", m("iso_code", str("DE"), "names", m("en", str("Germany"))), "registered_country", m("iso_code", str("US"))), "de", false},
		"GeoIP2-Enterprise":    {m("country", m("iso_code", str("DE"), "confidence", mmdbtype.Uint16(9)), "traits", m("autonomous_system_number", mmdbtype.Uint32(64500))), "de", true},
		"GeoIP2-ISP":           {m("autonomous_system_number", mmdbtype.Uint32(64500), "isp", str("x")), "", true},
		"GeoLite2-ASN":         {asn(64500), "", true},
		"country ipv4":         {m("country_code", str("DE")), "de", false},
		"Globio-Country-ASN":   {m("autonomous_system_number", mmdbtype.Uint16(64500), "country", m("iso_code", str("DE"))), "de", true},
		"ipinfo lite":          {m("asn", str("AS64500"), "continent_code", str("EU"), "country", str("Germany"), "country_code", str("DE")), "de", true},
		"ipinfo country":       {m("country", str("DE"), "continent", str("EU")), "de", false},
		"ipinfo standard":      {m("country", str("DE"), "lat", str("50.11"), "lng", str("8.68")), "de@50.00,8.50", false},
		"city ipv6 flat":       {m("city", str("Frankfurt"), "country_code", str("de"), "latitude", mmdbtype.Float32(50.11), "longitude", mmdbtype.Float32(8.68), "state1", str("Hesse")), "de@50.00,8.50", false},
		"no accuracy radius":   {m("location", m("latitude", mmdbtype.Float64(-33.9), "longitude", mmdbtype.Int32(151))), "@-34.00,151.00", false},
		"unknown values":       {m("country", m("iso_code", str("-")), "location", m("latitude", mmdbtype.Float64(0), "longitude", mmdbtype.Float64(0)), "asn", str("64500")), "", true},
		"the antimeridian":     {m("location", m("latitude", mmdbtype.Float64(90), "longitude", mmdbtype.Float64(-180))), "@90.00,-180.00", false},
		"half of a coordinate": {m("country_code", str("DE"), "latitude", mmdbtype.Float64(1)), "de", false},
	} {
		for _, size := range []int{24, 28, 32} {
			raw := values(t, mmdbwriter.Options{DatabaseType: name, RecordSize: size, DisableIPv4Aliasing: size == 28}, map[string]mmdbtype.DataType{
				"192.0.2.0/24": c.record, "2001:db8::/32": c.record, "198.51.100.0/24": m("is_anycast", mmdbtype.Bool(true)),
			})
			table, faults, _ := loadWith(t, "", raw)
			for _, addr := range []string{"192.0.2.1", "2001:db8::1"} {
				if got := at(table, addr); got != c.want {
					t.Errorf("%s, %d bits: %s is at %q, want %q", name, size, addr, got, c.want)
				}
			}
			if refused := slices.ContainsFunc(faults, func(f federation.Fault) bool { return !f.Warning }); refused {
				t.Errorf("%s: %v", name, faults)
			}
			if warned := len(faults) > 0; warned != (c.want == "") {
				t.Errorf("%s: %v; want a warning if a database has no effect by itself", name, faults)
			}
			table, faults, _ = loadWith(t, "AS64500,carrier\n", raw)
			if got := at(table, "192.0.2.1"); c.system && (got != "carrier" || len(faults) > 0) {
				t.Errorf("%s, %d bits: the system's client is at %q, %v", name, size, got, faults)
			}
			for addr, want := range map[string]string{"2002:c000:201::1": "192.0.2.1", "::ffff:192.0.2.1": "192.0.2.1", "2001:0:1::3fff:fdfe": "192.0.2.1"} {
				id, _ := lookup(table, netip.PrefixFrom(netip.MustParseAddr(addr), 128))
				if got := spell(table.Location(id)); got != at(table, want) {
					t.Errorf("%s, %d bits: %s is at %q, want %q as %s", name, size, addr, got, at(table, want), want)
				}
			}
		}
	}
}

// TestADatabaseThatLocatesNobodyIsRefusedAloneAndByName has types without a location, and
// damage.
func TestADatabaseThatLocatesNobodyIsRefusedAloneAndByName(t *testing.T) {
	str := func(s string) mmdbtype.DataType { return mmdbtype.String(s) }
	only := func(kind string, record mmdbtype.DataType) []byte {
		return values(t, mmdbwriter.Options{DatabaseType: kind, RecordSize: 24}, map[string]mmdbtype.DataType{"192.0.2.0/24": record})
	}
	good := only("Country", m("country_code", str("DE")))
	patched := func(patch func(raw []byte, nodes int) []byte) []byte {
		raw := slices.Clone(good)
		db, _, err := parseDatabase(raw)
		if err != nil {
			t.Fatal(err)
		}
		return patch(raw, int(db.reader.Metadata.NodeCount))
	}
	node := func(raw []byte, i, zero, one int) {
		copy(raw[i*6:], []byte{byte(zero >> 16), byte(zero >> 8), byte(zero), byte(one >> 16), byte(one >> 8), byte(one)})
	}
	meta := func(key string, was, is []byte) []byte {
		return patched(func(raw []byte, _ int) []byte {
			return bytes.Replace(raw, append([]byte(key), was...), append([]byte(key), is...), 1)
		})
	}
	for name, c := range map[string]struct {
		raw  []byte
		want string
	}{
		"Anonymous-IP":    {only("GeoIP2-Anonymous-IP", m("is_tor_exit_node", mmdbtype.Bool(true))), `so it locates no client (its type is "GeoIP2-Anonymous-IP")`},
		"Domain":          {only("GeoIP2-Domain", m("domain", str("example.com"))), `(its type is "GeoIP2-Domain")`},
		"Connection-Type": {only("GeoIP2-Connection-Type", m("connection_type", str("Cellular"))), `(its type is "GeoIP2-Connection-Type")`},
		"continents":      {only("x", m("continent", m("name", str("Europe")))), "has no country, coordinates, continent or autonomous system in any record"},
		"empty maps":      {only("x", m()), "has no country"},
		"all bad":         {only("x", str("DE")), "locates no client: 1 of 1 records are damaged, first the one for 192.0.2.0/24: "},
		"empty":           {nil, "is empty"},
		"rubbish":         {[]byte("<html>"), ""},
		"marker alone":    {[]byte("\xab\xcd\xefMaxMind.com"), ""},
		"truncated":       {good[:len(good)/2], ""},
		"middle missing":  {slices.Concat(good[:100], good[200:]), ""},
		"no tree":         {good[bytes.LastIndex(good, []byte("\xab\xcd\xefMaxMind.com")):], ""},
		"one loop":        {patched(func(raw []byte, n int) []byte { node(raw, n-1, 0, n); return raw }), "its search tree has a loop"},
		"many loops":      {patched(func(raw []byte, n int) []byte { node(raw, 1, 0, 0); node(raw, 0, 1, 1); return raw }), "its search tree has a loop"},
		"own child":       {patched(func(raw []byte, n int) []byte { node(raw, 5, 5, n); return raw }), "its search tree has a loop"},
		"outside the data": {patched(func(raw []byte, n int) []byte {
			for i := range n {
				node(raw, i, 1<<24-1, n+3)
			}
			return raw
		}), "locates no client: 2 of 2 records are damaged, first the one for ::/1: "},
		"no nodes": {meta("node_count", []byte{0xc1}, []byte{0xc0}), ""},
		"fewer nodes": {patched(func(raw []byte, n int) []byte {
			return bytes.Replace(raw, []byte{'n', 't', 0xc1, byte(n)}, []byte{'n', 't', 0xc1, byte(n - 30)}, 1)
		}), ""},
		"record size 0": {meta("record_size", []byte{0xa1, 24}, []byte{0xa1, 0}), ""},
		"record size 3": {meta("record_size", []byte{0xa1, 24}, []byte{0xa1, 3}), ""},
		"IP version 5":  {meta("ip_version", []byte{0xa1, 6}, []byte{0xa1, 5}), "its IP version is 5, not 4 or 6"},
		"IP version 4":  {meta("ip_version", []byte{0xa1, 6}, []byte{0xa1, 4}), "is deeper than an address has bits"},
		"format 3":      {meta("binary_format_major_version", []byte{0xa1, 2}, []byte{0xa1, 3}), "has format version 3"},
	} {
		t.Run(name, func(t *testing.T) {
			table, faults, f := loadWith(t, "192.0.2.128/25,us\n", c.raw, only("Country", m("country_code", str("MK"))))
			if got := at(table, "192.0.2.200") + at(table, "192.0.2.1"); got != "usmk" {
				t.Errorf("%q, want the locations of the table and the other database", got)
			}
			if len(faults) != 1 || faults[0].File != f.GeoIP[0] || faults[0].Warning || !strings.Contains(faults[0].Reason, c.want) {
				t.Errorf("%v, want %q for the file", faults, c.want)
			}
		})
	}
}

// TestATreeWithEveryPathEnds has more networks than can be listed, all with one record.
func TestATreeWithEveryPathEnds(t *testing.T) {
	raw := values(t, mmdbwriter.Options{DatabaseType: "x", RecordSize: 32}, map[string]mmdbtype.DataType{"2001:db8::1/128": m("country_code", mmdbtype.String("DE"))})
	db, _, err := parseDatabase(raw)
	if err != nil {
		t.Fatal(err)
	}
	nodes := int(db.reader.Metadata.NodeCount)
	for i := range 128 {
		next := i + 1
		if next == 128 {
			next = nodes + 16
		}
		for side := range 2 {
			copy(raw[i*8+side*4:], []byte{0, byte(next >> 16), byte(next >> 8), byte(next)})
		}
	}
	table, faults, _ := loadWith(t, "", raw)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	for _, addr := range []string{"192.0.2.1", "2001:db9::"} {
		if id, bits := table.Lookup(netip.MustParseAddr(addr)); table.Location(id).Region != "de" || int(bits) != netip.MustParseAddr(addr).BitLen() {
			t.Errorf("%s is at %v by %d bits", addr, table.Location(id), bits)
		}
	}
}

// TestADatabaseOfOneFamilyDoesNotAffectScopesOfTheOther compares with only the table.
func TestADatabaseOfOneFamilyDoesNotAffectScopesOfTheOther(t *testing.T) {
	de, mk := m("country_code", mmdbtype.String("DE")), m("country_code", mmdbtype.String("MK"))
	v4 := values(t, mmdbwriter.Options{DatabaseType: "x", IPVersion: 4}, map[string]mmdbtype.DataType{"203.0.113.0/25": de})
	v6 := values(t, mmdbwriter.Options{DatabaseType: "x", DisableIPv4Aliasing: true}, map[string]mmdbtype.DataType{"2001:db8:49::/48": mk})
	const locations = "2001:db8:1::/48,us\n"
	plain, _, _ := loadWith(t, locations, v6)
	alone, faults, _ := loadWith(t, locations, v4)
	bare, _, _ := loadWith(t, locations)
	for _, addr := range []string{"2001:db8:49::", "2001:db8:1::1", "2a00::", "2001:db8:2::", "::1:2"} {
		a := netip.MustParseAddr(addr)
		_, got := alone.Lookup(a)
		if _, want := bare.Lookup(a); got != want {
			t.Errorf("%s: a scope of %d with an IPv4 database, and of %d without", addr, got, want)
		}
	}
	if len(faults) != 1 || !faults[0].Warning || !strings.Contains(faults[0].Reason, "has only IPv4 networks") {
		t.Errorf("%v, want a warning", faults)
	}
	for _, order := range [][][]byte{{v4, v6}, {v6, v4}} {
		table, faults, _ := loadWith(t, locations, order...)
		if got := at(table, "203.0.113.1") + at(table, "2001:db8:49::1") + at(table, "2001:db8:1::1"); got != "demkus" || len(faults) > 0 {
			t.Errorf("%q, %v: want both databases to be used", got, faults)
		}
		for _, addr := range []string{"2001:db8:49::", "2a00::", "2001:db8:2::"} {
			_, got := table.Lookup(netip.MustParseAddr(addr))
			if _, want := plain.Lookup(netip.MustParseAddr(addr)); got != want {
				t.Errorf("%s: a scope of %d with both, and of %d by the IPv6 database", addr, got, want)
			}
		}
	}
}

// TestTheFirstDatabaseThatPlacesAClientCounts has two of one type.
func TestTheFirstDatabaseThatPlacesAClientCounts(t *testing.T) {
	one := func(records map[string]string) []byte {
		all := map[string]mmdbtype.DataType{}
		for prefix, code := range records {
			all[prefix] = m("country_code", mmdbtype.String(code))
		}
		return values(t, mmdbwriter.Options{DatabaseType: "x"}, all)
	}
	table, faults, _ := loadWith(t, "", one(map[string]string{"192.0.2.0/24": "DE"}), one(map[string]string{"192.0.2.0/25": "US", "198.51.100.0/24": "MK"}))
	if got := at(table, "192.0.2.1") + at(table, "198.51.100.1"); got != "demk" || len(faults) > 0 {
		t.Errorf("%q, %v; want demk", got, faults)
	}
}

func TestALongLineIsRefusedAlone(t *testing.T) {
	for _, long := range []string{strings.Repeat("x", maxLine+1), strings.Repeat("10.1.0.0/16,a,", 100000), "# " + strings.Repeat("-", 1<<20)} {
		list, faults, err := Parse("f", strings.NewReader("10.0.0.0/8,a\n"+long+"\n10.2.0.0/16,b"))
		if err != nil || len(list) != 2 || len(faults) != 1 || faults[0].Line != 2 {
			t.Errorf("%v, %v, %v; want the lines around it", list, faults, err)
		}
	}
}

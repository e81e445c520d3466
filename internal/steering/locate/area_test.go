package locate

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/maxmind/mmdbwriter/mmdbtype"
)

// on adds the continent to a record.
func on(continent string, record mmdbtype.Map) mmdbtype.Map {
	record["continent"] = mmdbtype.Map{"code": mmdbtype.String(continent)}
	return record
}

func TestTheSmallestAreaThatATableNamesCounts(t *testing.T) {
	f := write(t, t.TempDir(), "continent EU,emea\ncountry DE,dach\ncountry de-HE,dach,frankfurt,50.1,8.7\n192.0.2.0/26,office\nAS64500,carrier\n", map[string][]byte{
		"asn.mmdb": mmdb(t, "GeoLite2-ASN", map[string]mmdbtype.Map{"198.51.100.0/28": asn(64500)}),
		"city.mmdb": mmdb(t, "GeoLite2-City", map[string]mmdbtype.Map{
			"192.0.2.0/24": on("EU", city("DE", "HE", 50, 9)), "198.51.100.0/24": on("EU", city("DE", "BY", 48, 11)), "203.0.113.0/25": on("EU", city("MK", "85", 42, 21.5)),
			"203.0.113.128/25": on("SA", city("BR", "SP", -23.5, -46.5)), "100.0.0.0/8": {"continent": mmdbtype.Map{"code": mmdbtype.String("EU")}}, "101.0.0.0/8": {"continent_code": mmdbtype.String("AF")},
			"2001:db8::/32": {"continent": mmdbtype.String("Europe"), "continent_code": mmdbtype.String("EU"), "country_code": mmdbtype.String("AT")},
		}),
	})
	table, faults := f.Load()
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	for addr, want := range map[string]string{
		"192.0.2.1": "office <nil>", "192.0.2.200": "dach/frankfurt 50.1,8.7", "198.51.100.1": "carrier <nil>", "198.51.100.200": "dach 48,11",
		"203.0.113.1": "emea 42,21.5", "203.0.113.200": "br/br-sp -23.5,-46.5", "100.1.1.1": "emea <nil>", "101.1.1.1": " <nil>", "2001:db8::1": "emea <nil>",
	} {
		id, _ := table.Lookup(netip.MustParseAddr(addr))
		l, at := table.Location(id), "<nil>"
		if l.Coordinates != nil {
			at = fmt.Sprintf("%g,%g", l.Coordinates.Lat, l.Coordinates.Lon)
		}
		if got := l.String() + " " + at; got != want {
			t.Errorf("%s: %s, want %s", addr, got, want)
		}
	}
	if id, _ := table.Lookup(netip.MustParseAddr("101.1.1.1")); id != Nowhere {
		t.Errorf("a continent that no line names is location %d, want Nowhere", id)
	}
}

func TestABadAreaIsNamed(t *testing.T) {
	f := write(t, t.TempDir(), "country Germany,de\ncountry DE-,de\ncontinent DE,eu\ncontinent ,eu\ncountry DE,a\ncountry de,b\ncontinent AS,asia\n", nil)
	_, faults := f.Load()
	var all []string
	for _, fault := range faults {
		all = append(all, strings.TrimPrefix(fault.Error(), f.Locations))
	}
	want := `:1: "country Germany" is not the code of a country or subdivision such as country DE or country DE-HE|:2: "country DE-" is not the code of a country or subdivision such as country DE or country DE-HE|` +
		`:3: "continent DE" is not a continent: the codes are AF, AN, AS, EU, NA, OC, SA|:4: "continent" is not a continent: the codes are AF, AN, AS, EU, NA, OC, SA|:6: country de is already on line 5|` +
		`: country DE is named, but no geoip database has countries: lines that name one have no effect`
	if got := strings.Join(all, "|"); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

func TestADatabaseOfContinentsNeedsALineThatNamesOne(t *testing.T) {
	raw := mmdb(t, "Continents", map[string]mmdbtype.Map{"192.0.2.0/24": on("EU", mmdbtype.Map{}), "2001:db8::/32": on("AF", mmdbtype.Map{})})
	for lines, want := range map[string]string{
		"":                                     `has continents but no countries (its type is "Continents"), and no line of locations names a continent: it has no effect`,
		"198.51.100.0/24,de\n":                 `has continents but no countries (its type is "Continents"), and no line of locations names a continent: it has no effect`,
		"continent EU,emea\n":                  "",
		"country DE,emea\ncontinent EU,emea\n": "country DE is named, but no geoip database has countries: lines that name one have no effect",
	} {
		_, faults := write(t, t.TempDir(), lines, map[string][]byte{"city.mmdb": raw}).Load()
		if want == "" && len(faults) > 0 || want != "" && (len(faults) != 1 || faults[0].Reason != want) {
			t.Errorf("%q: %v, want %q", lines, faults, want)
		}
	}
}

package locate

import (
	"math"
	"net/netip"
	"regexp"
	"testing"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"
)

// place is a location that a database may give by a country and a subdivision.
var place = regexp.MustCompile(`^(?:[a-z]{2}(?:/[a-z]{2}-[a-z0-9]{1,3})?)?$`)

// FuzzDatabase damages databases: nothing panics or runs forever, and whatever is found
// in them is a location, and the same one for a neighbour under the scope.
func FuzzDatabase(f *testing.F) {
	for _, size := range []int{24, 28, 32} {
		for _, version := range []int{4, 6} {
			f.Add(values(f, mmdbwriter.Options{DatabaseType: "City", RecordSize: size, IPVersion: version}, map[string]mmdbtype.DataType{
				"192.0.2.0/24": city("DE", "HE", 50, 8), "203.0.113.0/25": m("asn", mmdbtype.String("AS64500"), "country_code", mmdbtype.String("US")),
				"198.51.100.0/24": m("latitude", mmdbtype.Float32(1), "longitude", mmdbtype.Uint16(2), "traits", asn(1)),
			}), uint32(0xc0000201), uint8(3))
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte, addr uint32, flips uint8) {
		if len(raw) > 64<<10 {
			return
		}
		db, _, err := parseDatabase(raw)
		if err != nil {
			return
		}
		table := New([]Entry{{ASN: 64500, Location: Location{Region: "us"}}}, db)
		four := netip.AddrFrom4([4]byte{byte(addr >> 24), byte(addr >> 16), byte(addr >> 8), byte(addr)})
		six := netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, byte(addr >> 24), byte(addr >> 16), byte(addr >> 8), 15: byte(addr)})
		for _, a := range []netip.Addr{four, six, netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("::"), netip.IPv6LinkLocalAllNodes()} {
			id, bits := table.Lookup(a)
			if int(bits) > a.BitLen() || int(id) >= table.Len() {
				t.Fatalf("%s: location %d by %d bits", a, id, bits)
			}
			l := table.Location(id)
			if !place.MatchString(l.String()) {
				t.Fatalf("%s is at %q", a, l)
			}
			if c := l.Coordinates; c != nil && !(math.Abs(c.Lat) <= 90 && math.Abs(c.Lon) <= 180) {
				t.Fatalf("%s is at %v", a, *c)
			}
			other := a.AsSlice()
			for bit := int(bits); bit < a.BitLen(); bit += 1 + int(flips) {
				other[bit/8] ^= 0x80 >> (bit % 8)
			}
			b, _ := netip.AddrFromSlice(other)
			if got, _ := table.Lookup(b); got != id {
				t.Fatalf("%s and %s are under the scope %d, at %v and %v", a, b, bits, l, table.Location(got))
			}
		}
	})
}

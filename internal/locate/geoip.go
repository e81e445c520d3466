package locate

import (
	"fmt"
	"math"
	"net/netip"
	"strings"

	"github.com/oschwald/maxminddb-golang/v2"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/regular"
)

// database is an MMDB whose records are those of one Table: by offset, the ID of
// their location. A record that has none is not in the map.
type database struct {
	reader *maxminddb.Reader
	ids    map[uintptr]ID
}

// lookup returns where the address is, Nowhere if the database does not tell, and
// the length of the network around it of which that holds.
func (d *database) lookup(a netip.Addr) (ID, uint8) {
	r := d.reader.Lookup(a)
	if r.Err() != nil {
		return Nowhere, uint8(a.BitLen())
	}
	bits := r.Prefix().Bits()
	if a.Is4() && r.Prefix().Addr().Is6() {
		bits = max(0, bits-96)
	}
	if !r.Found() {
		return Nowhere, uint8(bits)
	}
	return d.ids[r.Offset()], uint8(bits)
}

// openDatabase reads the whole file: a mapped one would fault if it were
// overwritten in place.
func openDatabase(path string) (*maxminddb.Reader, error) {
	raw, err := regular.Read(path, MaxSize)
	if err != nil {
		return nil, fmt.Errorf("geoip: %w", err)
	}
	reader, err := maxminddb.OpenBytes(raw)
	if err != nil {
		return nil, fmt.Errorf("geoip %s: %w", path, err)
	}
	return reader, nil
}

func isASN(r *maxminddb.Reader) bool { return strings.Contains(r.Metadata.DatabaseType, "ASN") }

// index visits every record once and keeps the IDs that place gives.
func index(r *maxminddb.Reader, place func(maxminddb.Result) (ID, error)) (*database, error) {
	d := &database{reader: r, ids: map[uintptr]ID{}}
	seen := map[uintptr]bool{}
	for result := range r.Networks() {
		if err := result.Err(); err != nil {
			return nil, err
		}
		if seen[result.Offset()] {
			continue
		}
		seen[result.Offset()] = true
		id, err := place(result)
		if err != nil {
			return nil, err
		}
		if id != Nowhere {
			d.ids[result.Offset()] = id
		}
	}
	return d, nil
}

// cityRecord is what is read of a record of a City or Country database.
type cityRecord struct {
	Country struct {
		ISOCode string `maxminddb:"iso_code"`
	} `maxminddb:"country"`
	Subdivisions []struct {
		ISOCode string `maxminddb:"iso_code"`
	} `maxminddb:"subdivisions"`
	Location struct {
		Latitude  *float64 `maxminddb:"latitude"`
		Longitude *float64 `maxminddb:"longitude"`
	} `maxminddb:"location"`
}

// grid is what coordinates are rounded to, in degrees: 55 km at the most, which
// light runs and returns in half a millisecond. It bounds the number of locations.
const grid = 0.5

// location makes a region of the country's code and a zone of that and the first
// subdivision's, in lower case: "de", "de-he".
func (c *cityRecord) location() Location {
	l := Location{Region: strings.ToLower(c.Country.ISOCode)}
	if l.Region != "" && len(c.Subdivisions) > 0 && c.Subdivisions[0].ISOCode != "" {
		l.Zone = l.Region + "-" + strings.ToLower(c.Subdivisions[0].ISOCode)
	}
	if lat, lon := c.Location.Latitude, c.Location.Longitude; lat != nil && lon != nil {
		l.Coordinates = &federation.Coordinates{Lat: math.Round(*lat/grid) * grid, Lon: math.Round(*lon/grid) * grid}
	}
	return l
}

// addDatabase makes the reader's records part of the table: those of an ASN
// database where an entry names their number, those of any other by country and
// coordinates.
func (t *Table) addDatabase(r *maxminddb.Reader, entries []Entry) error {
	if isASN(r) {
		byNumber := map[uint32]ID{}
		for _, e := range entries {
			if e.ASN != 0 {
				byNumber[e.ASN] = t.id(e.Location)
			}
		}
		db, err := index(r, func(result maxminddb.Result) (ID, error) {
			var number uint32
			err := result.DecodePath(&number, "autonomous_system_number")
			return byNumber[number], err
		})
		t.numbers = db
		return err
	}
	db, err := index(r, func(result maxminddb.Result) (ID, error) {
		var record cityRecord
		if err := result.Decode(&record); err != nil {
			return Nowhere, err
		}
		l := record.location()
		if l.Region == "" && l.Coordinates == nil {
			return Nowhere, nil
		}
		return t.id(l), nil
	})
	t.cities = db
	return err
}

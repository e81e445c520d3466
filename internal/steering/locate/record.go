package locate

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/oschwald/maxminddb-golang/v2/mmdbdata"

	"github.com/nearcast/nearcast/internal/federation"
)

// record holds the fields read from an MMDB record of any vendor: MaxMind's City, Country,
// Enterprise, ASN and ISP nest them in maps, others have them all at the top level.
type record struct {
	country, flatCountry, subdivision, continent string
	lat, lon                                     *float64
	number                                       uint32
	// wrong names the field whose value cannot be used; "" if there is none.
	wrong string
}

// mostFields bounds the fields that are read of a map: a damaged map may seem to have
// millions.
const mostFields = 1024

// UnmarshalMaxMindDBCursor reads the record. It returns an error only if it cannot
// continue reading.
func (r *record) UnmarshalMaxMindDBCursor(c mmdbdata.Cursor) (mmdbdata.Cursor, error) {
	return r.fields(c, "", func(path string, value mmdbdata.Cursor, kind mmdbdata.Kind) (mmdbdata.Cursor, error) {
		inner := r.field
		switch path {
		case "country", "continent", "location", "traits":
			if kind == mmdbdata.KindMap {
				return r.fields(value, path+".", inner)
			}
			if path != "country" && path != "continent" {
				return r.misfit(path, value, "not a map")
			}
		case "subdivisions":
			return r.firstOf(path, value, kind, inner)
		}
		return inner(path, value, kind)
	})
}

// fieldReader reads the value of the field at a path, and returns the position after it.
type fieldReader func(path string, value mmdbdata.Cursor, kind mmdbdata.Kind) (mmdbdata.Cursor, error)

// fields calls read with each field of a map; the field's path starts with the prefix.
func (r *record) fields(c mmdbdata.Cursor, prefix string, read fieldReader) (mmdbdata.Cursor, error) {
	m, err := c.Map()
	if err != nil {
		return c, err
	}
	if m.Size() > mostFields {
		return c, fmt.Errorf("it has %d fields", m.Size())
	}
	var next mmdbdata.Cursor
	for key, value, more := m.Next(next); more; key, value, more = m.Next(next) {
		kind, err := value.Kind()
		if err != nil {
			return c, err
		}
		if next, err = read(prefix+string(key), value, kind); err != nil {
			return c, err
		}
	}
	return m.End()
}

// firstOf reads the first element of a list of maps: the largest subdivision.
func (r *record) firstOf(path string, c mmdbdata.Cursor, kind mmdbdata.Kind, read fieldReader) (mmdbdata.Cursor, error) {
	if kind != mmdbdata.KindSlice {
		return r.misfit(path, c, "not a list")
	}
	list, err := c.Slice()
	if err != nil {
		return c, err
	}
	if _, value, more := list.Next(mmdbdata.Cursor{}); more {
		if kind, err := value.Kind(); err != nil {
			return c, err
		} else if kind != mmdbdata.KindMap {
			return r.misfit(path, c, "not a list of maps")
		}
		if _, err := r.fields(value, path+".", read); err != nil {
			return c, err
		}
	}
	return c.Skip()
}

// field reads a field that has a single value.
func (r *record) field(path string, value mmdbdata.Cursor, kind mmdbdata.Kind) (mmdbdata.Cursor, error) {
	switch path {
	case "continent.code", "continent_code":
		return r.code(path, value, kind, &r.continent)
	case "continent": // a name beside the code
		return value.Skip()
	case "country.iso_code":
		return r.code(path, value, kind, &r.country)
	case "country_code":
		return r.code(path, value, kind, &r.flatCountry)
	case "country": // a code, or a name beside one
		if kind != mmdbdata.KindString {
			return r.misfit(path, value, "neither a map nor a string")
		}
		text, next, err := value.ReadString()
		if r.flatCountry == "" && isCountry(text) {
			r.flatCountry = strings.ToLower(text)
		}
		return next, err
	case "subdivisions.iso_code":
		return r.code(path, value, kind, &r.subdivision)
	case "location.latitude", "latitude", "lat":
		return r.degrees(path, value, kind, &r.lat)
	case "location.longitude", "longitude", "lng", "lon":
		return r.degrees(path, value, kind, &r.lon)
	case "autonomous_system_number", "traits.autonomous_system_number", "asn":
		return r.system(path, value, kind)
	}
	return value.Skip()
}

// misfit records that the value at the path is malformed, and skips it.
func (r *record) misfit(path string, value mmdbdata.Cursor, is string) (mmdbdata.Cursor, error) {
	if r.wrong == "" {
		r.wrong = path + " is " + is
	}
	return value.Skip()
}

// code reads the code of a country or subdivision, in lower case. It ignores codes that
// mean an unknown one.
func (r *record) code(path string, value mmdbdata.Cursor, kind mmdbdata.Kind, to *string) (mmdbdata.Cursor, error) {
	if kind != mmdbdata.KindString {
		return r.misfit(path, value, "not a string")
	}
	text, next, err := value.ReadString()
	if err != nil {
		return next, err
	}
	switch {
	case text == "" || text == "-" || text == "ZZ" || text == "XX":
	case to == &r.subdivision && !isSubdivision(text):
		return r.misfit(path, value, "not a subdivision code")
	case to == &r.continent && !isContinent(strings.ToLower(text)):
		return r.misfit(path, value, "not a continent code")
	case to != &r.subdivision && to != &r.continent && !isCountry(text):
		return r.misfit(path, value, "not a country code")
	default:
		*to = strings.ToLower(text)
	}
	return next, nil
}

// isCountry reports whether the text has the form of an ISO 3166-1 alpha-2 code.
func isCountry(text string) bool {
	return len(text) == 2 && strings.Trim(strings.ToLower(text), "abcdefghijklmnopqrstuvwxyz") == "" && text != "ZZ" && text != "XX"
}

// isContinent reports whether the text is a continent's code, in lower case.
func isContinent(text string) bool { return slices.Contains(continents, text) }

// isSubdivision reports whether the text has the form of the part of an ISO 3166-2 code
// after the country.
func isSubdivision(text string) bool {
	return len(text) <= 3 && strings.Trim(strings.ToLower(text), "abcdefghijklmnopqrstuvwxyz0123456789") == ""
}

// degrees reads a latitude or longitude.
func (r *record) degrees(path string, value mmdbdata.Cursor, kind mmdbdata.Kind, to **float64) (mmdbdata.Cursor, error) {
	most := 90.0
	if to == &r.lon {
		most = 180
	}
	n, next, err := number(value, kind)
	switch {
	case err != nil:
		return next, err
	case !(n >= -most && n <= most): // false for NaN
		return r.misfit(path, value, fmt.Sprintf("not a number from -%g to %g", most, most))
	}
	*to = &n
	return next, nil
}

// number reads a number of any type, or one written as text; NaN for anything else.
func number(value mmdbdata.Cursor, kind mmdbdata.Kind) (float64, mmdbdata.Cursor, error) {
	switch kind {
	case mmdbdata.KindFloat64, mmdbdata.KindFloat32:
		return value.ReadFloat()
	case mmdbdata.KindUint16, mmdbdata.KindUint32, mmdbdata.KindUint64, mmdbdata.KindInt32:
		n, signed, next, err := value.ReadInteger()
		if signed {
			return float64(int64(n)), next, err
		}
		return float64(n), next, err
	case mmdbdata.KindString:
		text, next, err := value.ReadString()
		if n, not := strconv.ParseFloat(strings.TrimSpace(text), 64); not == nil {
			return n, next, err
		}
		return math.NaN(), next, err
	}
	next, err := value.Skip()
	return math.NaN(), next, err
}

// system reads the number of an autonomous system, which may be written as "AS64500".
func (r *record) system(path string, value mmdbdata.Cursor, kind mmdbdata.Kind) (mmdbdata.Cursor, error) {
	if kind != mmdbdata.KindString {
		n, next, err := number(value, kind)
		switch {
		case err != nil:
			return next, err
		case !(n >= 0 && n <= math.MaxUint32):
			return r.misfit(path, value, "not an autonomous system number")
		}
		r.number = uint32(n)
		return next, nil
	}
	text, next, err := value.ReadString()
	if err != nil || text == "" || text == "-" {
		return next, err
	}
	n, err := strconv.ParseUint(strings.TrimPrefix(strings.ToUpper(text), "AS"), 10, 32)
	if err != nil {
		return r.misfit(path, value, "not an autonomous system number")
	}
	r.number = uint32(n)
	return next, nil
}

// grid is the step to which coordinates are rounded, in degrees: at most 55 km, which
// light travels both ways in half a millisecond. It bounds the number of locations.
const grid = 0.5

// area returns where the record is.
func (r *record) area() Area {
	a := Area{Continent: r.continent, Country: r.country}
	if a.Country == "" {
		a.Country = r.flatCountry
	}
	if a.Country != "" {
		a.Subdivision = r.subdivision
	}
	return a
}

// location makes a region of the country's code, and a zone of that and the first
// subdivision's code, in lower case: "de", "de-he".
func (r *record) location() Location {
	a := r.area()
	l := Location{Region: a.Country}
	if a.Subdivision != "" {
		l.Zone = a.Country + "-" + a.Subdivision
	}
	// Databases write 0,0, which is in the Atlantic, for an unknown place.
	if r.lat != nil && r.lon != nil && (*r.lat != 0 || *r.lon != 0) {
		l.Coordinates = &federation.Coordinates{Lat: math.Round(*r.lat/grid) * grid, Lon: math.Round(*r.lon/grid) * grid}
	}
	return l
}

package locate

import (
	"fmt"
	"strings"
)

// Area is what databases call the place of a client: a continent, or a country or its first
// subdivision. In a line of a table it stands for all clients that a database places there.
type Area struct {
	// Continent is MaxMind's code, such as "eu"; "" if it is not known.
	Continent string
	// Country is the ISO 3166-1 alpha-2 code, and Subdivision the part of the ISO 3166-2 code after
	// it, both in lower case; "" if they are not known.
	Country, Subdivision string
}

// continents are MaxMind's codes.
var continents = []string{"af", "an", "as", "eu", "na", "oc", "sa"}

// String returns the area as a table names it.
func (a Area) String() string {
	switch {
	case a.Subdivision != "":
		return "country " + strings.ToUpper(a.Country+"-"+a.Subdivision)
	case a.Country != "":
		return "country " + strings.ToUpper(a.Country)
	}
	return "continent " + strings.ToUpper(a.Continent)
}

// parseArea parses "country CC[-SUBDIVISION]" or "continent CC"; false if the text is neither.
func parseArea(who string) (a Area, is bool, err error) {
	kind, code, _ := strings.Cut(who, " ")
	code = strings.ToLower(strings.TrimSpace(code))
	switch kind {
	case "country":
		country, subdivision, divided := strings.Cut(code, "-")
		if !isCountry(country) || divided && (subdivision == "" || !isSubdivision(subdivision)) {
			return a, true, fmt.Errorf("%s is not the code of a country or subdivision such as country DE or country DE-HE", shown(who))
		}
		return Area{Country: country, Subdivision: subdivision}, true, nil
	case "continent":
		if !isContinent(code) {
			return a, true, fmt.Errorf("%s is not a continent: the codes are %s", shown(who), strings.ToUpper(strings.Join(continents, ", ")))
		}
		return Area{Continent: code}, true, nil
	}
	return a, false, nil
}

// within returns the areas that a table may name for a client in a, the smallest first.
func (a Area) within() []Area {
	var all []Area
	if a.Subdivision != "" {
		all = append(all, Area{Country: a.Country, Subdivision: a.Subdivision})
	}
	if a.Country != "" {
		all = append(all, Area{Country: a.Country})
	}
	if a.Continent != "" {
		all = append(all, Area{Continent: a.Continent})
	}
	return all
}

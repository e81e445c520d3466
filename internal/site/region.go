package site

import (
	"cmp"
	"maps"
	"slices"

	"github.com/nearcast/nearcast/internal/steering/locate"
	"github.com/nearcast/nearcast/internal/steering/steer"
)

// Regions returns the regions of the federation's clusters and of the lines of locations,
// sorted.
func (v *View) Regions() []string {
	all := map[string]bool{}
	for i := range v.State.Clusters {
		all[v.State.Clusters[i].Region] = true
	}
	for _, l := range v.Locations.Named() {
		all[l.Region] = true
	}
	delete(all, "")
	return slices.Sorted(maps.Keys(all))
}

// From returns the federation as seen from a region, or from a zone of it if zone is not
// empty; false if neither a cluster nor a location is there.
func (v *View) From(region, zone string) (*steer.Vantage, bool) {
	l, known := v.location(region, zone)
	if !known {
		return nil, false
	}
	return v.Table.From(l), true
}

// location returns the region, or the zone, as a location. If clusters give coordinates,
// these count, as they do for clients of a location without coordinates; else those of a
// line of locations.
func (v *View) location(region, zone string) (l locate.Location, known bool) {
	l = locate.Location{Region: region, Zone: zone}
	located := false
	for i := range v.State.Clusters {
		c := &v.State.Clusters[i]
		if c.Region == region && (zone == "" || slices.Contains(c.Zones, zone)) {
			known, located = true, located || c.Coordinates != nil
		}
	}
	if located && zone == "" {
		return l, true
	}
	for _, named := range v.Locations.Named() {
		if named.Region == region && (zone == "" || named.Zone == zone) {
			known, l.Coordinates = true, cmp.Or(l.Coordinates, named.Coordinates)
		}
	}
	return l, known
}

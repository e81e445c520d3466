package steer

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/steering/locate"
)

// Order contains every cluster once, nearest first.
type Order []uint16

// place is the position of a client or a cluster.
type place struct {
	region      string
	zones       []string
	coordinates *federation.Coordinates
}

func placeOf(c *federation.Cluster) place { return place{c.Region, c.Zones, c.Coordinates} }

func (a place) equal(b place) bool {
	return a.region == b.region && slices.Equal(a.zones, b.zones) &&
		(a.coordinates == b.coordinates || a.coordinates != nil && b.coordinates != nil && *a.coordinates == *b.coordinates)
}

// The classes of nearness, nearest first.
const (
	sameZone = iota
	sameRegion
	elsewhere
)

// distance is how far a cluster is from a place, without any measurement.
type distance struct {
	class int
	km    float64 // +Inf if either has no coordinates
}

func (a place) to(c *federation.Cluster) distance {
	d := distance{class: elsewhere, km: math.Inf(1)}
	if a.region != "" && a.region == c.Region {
		d.class = sameRegion
		if slices.ContainsFunc(a.zones, func(z string) bool { return slices.Contains(c.Zones, z) }) {
			d.class = sameZone
		}
	}
	if a.coordinates != nil && c.Coordinates != nil {
		d.km = greatCircle(*a.coordinates, *c.Coordinates)
	}
	return d
}

func (d distance) compare(o distance) int {
	return cmp.Or(cmp.Compare(d.class, o.class), cmp.Compare(d.km, o.km))
}

func (d distance) String() string {
	s := [...]string{"same zone", "same region", "elsewhere"}[d.class]
	if !math.IsInf(d.km, 1) {
		s += fmt.Sprintf(", %.0f km", d.km)
	}
	return s
}

// earthRadius is the mean radius (IUGG R1), in kilometres.
const earthRadius = 6371.0088

// greatCircle returns the distance in kilometres, by the haversine formula.
func greatCircle(a, b federation.Coordinates) float64 {
	lat1, lat2 := radians(a.Lat), radians(b.Lat)
	sinLat := math.Sin((lat2 - lat1) / 2)
	sinLon := math.Sin(radians(b.Lon-a.Lon) / 2)
	h := sinLat*sinLat + math.Cos(lat1)*math.Cos(lat2)*sinLon*sinLon
	return 2 * earthRadius * math.Asin(math.Sqrt(min(1, h)))
}

func radians(degrees float64) float64 { return degrees * math.Pi / 180 }

// centre returns the centre of the region's clusters on the globe; nil if none has
// coordinates.
func centre(clusters []federation.Cluster, region string) *federation.Coordinates {
	var x, y, z float64
	for i := range clusters {
		c := clusters[i].Coordinates
		if clusters[i].Region != region || c == nil {
			continue
		}
		lat, lon := radians(c.Lat), radians(c.Lon)
		x += math.Cos(lat) * math.Cos(lon)
		y += math.Cos(lat) * math.Sin(lon)
		z += math.Sin(lat)
	}
	if x == 0 && y == 0 && z == 0 {
		return nil
	}
	return &federation.Coordinates{
		Lat: math.Atan2(z, math.Hypot(x, y)) * 180 / math.Pi,
		Lon: math.Atan2(y, x) * 180 / math.Pi,
	}
}

// placeOf returns the position of a location's clients. A location without coordinates
// uses the centre of its region's clusters.
func (t *Table) placeOf(l locate.Location) place {
	p := place{region: l.Region, coordinates: l.Coordinates}
	if l.Zone != "" {
		p.zones = []string{l.Zone}
	}
	if p.coordinates == nil {
		p.coordinates = centre(t.State.Clusters, l.Region)
	}
	return p
}

// orderFrom returns the order for clients at the place: same zone first, then same
// region, then by distance; ties are broken by name, so that every site agrees.
func (t *Table) orderFrom(p place) Order {
	distances := t.distances(p)
	order := t.allClusters()
	slices.SortStableFunc(order, func(a, b uint16) int { return distances[a].compare(distances[b]) })
	return order
}

func (t *Table) distances(p place) []distance {
	all := make([]distance, len(t.State.Clusters))
	for i := range t.State.Clusters {
		all[i] = p.to(&t.State.Clusters[i])
	}
	return all
}

// allClusters returns the clusters in order of their names.
func (t *Table) allClusters() Order {
	order := make(Order, len(t.State.Clusters))
	for i := range order {
		order[i] = uint16(i)
	}
	return order
}

// siteOrder returns the order for clients at this site: its own cluster first, then by
// round-trip time, measured or else estimated from the distance.
func (t *Table) siteOrder(rtts []time.Duration) Order {
	distances := t.distances(t.here)
	order := t.allClusters()
	slices.SortStableFunc(order, func(a, b uint16) int {
		return cmp.Or(
			-cmp.Compare(t.own(int(a)), t.own(int(b))),
			cmp.Compare(rank(rtts[a], distances[a]), rank(rtts[b], distances[b])),
			distances[a].compare(distances[b]),
		)
	})
	return order
}

// own returns 1 for the site's own cluster, else 0.
func (t *Table) own(cluster int) int {
	if cluster == t.home {
		return 1
	}
	return 0
}

// kmPerMillisecond converts a distance to a round-trip time: light in fibre travels 200
// km in a millisecond, there and back.
const kmPerMillisecond = 100

// The estimates, in milliseconds, if nothing was measured and a place has no coordinates:
// half of a metropolis, of a country and of the globe.
var unplaced = [...]float64{sameZone: 1, sameRegion: 10, elsewhere: 100}

// milliseconds estimates the round-trip time over the distance.
func (d distance) milliseconds() float64 {
	if math.IsInf(d.km, 1) {
		return unplaced[d.class]
	}
	return d.km / kmPerMillisecond
}

func (t *Table) latenciesFrom(p place) []float32 {
	all := make([]float32, len(t.State.Clusters))
	for i, d := range t.distances(p) {
		all[i] = float32(d.milliseconds())
	}
	return all
}

// siteLatencies returns the latencies from this site, measured if possible.
func (t *Table) siteLatencies(rtts []time.Duration) []float32 {
	all := t.latenciesFrom(t.here)
	for i, rtt := range rtts {
		if rtt > 0 {
			all[i] = float32(milliseconds(rtt))
		} else if i == t.home {
			all[i] = 0
		}
	}
	return all
}

// rank maps round-trip times to steps of about a fifth, so that noise does not reorder
// clusters at the same distance. Everything below a millisecond is one step.
func rank(measured time.Duration, d distance) float64 {
	ms := milliseconds(measured)
	if measured == 0 {
		ms = d.km / kmPerMillisecond
	}
	if ms < 1 {
		return 0
	}
	return 1 + math.Floor(math.Log(ms)/math.Log(1.2))
}

// settle returns the round-trip time to rank by: a new measurement replaces the one in
// use only if it differs by a fifth, and at least half a millisecond.
func settle(used, measured time.Duration) time.Duration {
	if used > 0 && measured > 0 {
		if off := (measured - used).Abs(); off < used/5 || off < time.Millisecond/2 {
			return used
		}
	}
	return measured
}

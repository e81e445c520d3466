package federation

import (
	"fmt"
	"strconv"
	"strings"
)

// Readiness is Karmada's view of a cluster's API server, not of its data plane.
type Readiness uint8

// The values of a Karmada Cluster's condition Ready. Snapshots have them as numbers.
const (
	// ReadyUnset is for a Cluster without the condition, for example one written by hand.
	ReadyUnset Readiness = iota
	ReadyTrue
	// ReadyFalse is for a cluster whose API server Karmada cannot reach.
	ReadyFalse
	// ReadyUnknown is for a cluster whose pull agent has not reported in time.
	ReadyUnknown
)

// Health is Karmada's judgement of an applied resource (aggregatedStatus[].health).
type Health uint8

// The values of Karmada's ResourceHealth.
const (
	HealthUnknown Health = iota
	Healthy
	Unhealthy
)

// String returns Karmada's spelling.
func (h Health) String() string {
	return [...]string{"Unknown", "Healthy", "Unhealthy"}[h]
}

// Coordinates are a place on the globe, in degrees.
type Coordinates struct {
	Lat float64 // -90 to 90
	Lon float64 // -180 to 180
}

// Cluster is a Karmada member cluster.
type Cluster struct {
	Meta
	Region string
	Zones  []string
	// Coordinates is nil if the cluster declares none.
	Coordinates *Coordinates
	// Gateways are the addresses at which the cluster serves functions without addresses
	// of their own, by horizon; "" is the default horizon.
	Gateways map[string]Endpoint
	Ready    Readiness
	// Cost is a relative price; nil if none is declared, which counts as 1.
	Cost *float64
	// Used is the share of the cluster's capacity that is taken, 0 to 1 in steps of a
	// twentieth; 0 if Karmada does not report it.
	Used float64
	// Leaving says why traffic moves away from the whole cluster; "" if it does not.
	Leaving string
	// Shed is the share of the clients that are moved away from it; 0 for none.
	Shed Eighths
}

// Price returns the cluster's relative price.
func (c *Cluster) Price() float64 {
	if c.Cost == nil {
		return 1
	}
	return *c.Cost
}

// ParseCoordinates parses "lat,lon" in degrees.
func ParseCoordinates(s string) (*Coordinates, error) {
	latText, lonText, ok := strings.Cut(s, ",")
	lat, err1 := strconv.ParseFloat(strings.TrimSpace(latText), 64)
	lon, err2 := strconv.ParseFloat(strings.TrimSpace(lonText), 64)
	// The comparisons are written so that NaN fails them.
	if !ok || err1 != nil || err2 != nil || !(lat >= -90 && lat <= 90) || !(lon >= -180 && lon <= 180) {
		return nil, fmt.Errorf("%q is not lat,lon in degrees (-90 to 90, -180 to 180)", s)
	}
	return &Coordinates{Lat: lat, Lon: lon}, nil
}

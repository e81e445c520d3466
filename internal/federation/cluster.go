package federation

// Readiness is Karmada's view of a cluster's API server, not of its data plane.
type Readiness uint8

// The values of a Karmada Cluster's condition Ready. Snapshots have them as numbers.
const (
	// ReadyUnset is of a Cluster without the condition, as one written by hand.
	ReadyUnset Readiness = iota
	ReadyTrue
	// ReadyFalse is of a cluster whose API server Karmada cannot reach.
	ReadyFalse
	// ReadyUnknown is of a cluster whose pull agent has not reported in time.
	ReadyUnknown
)

// Health is Karmada's word on an applied resource (aggregatedStatus[].health).
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

// Cluster is a Karmada member.
type Cluster struct {
	Meta
	Region string
	Zones  []string
	// Coordinates is nil where the cluster declares none.
	Coordinates *Coordinates
	// Gateways are the addresses under which the cluster answers for functions
	// that have none of their own, by horizon; "" is the default horizon.
	Gateways map[string]Endpoint
	Ready    Readiness
	// Cost is a relative price; nil where none is declared, which counts as 1.
	Cost *float64
	// Used is the share of what the cluster can run that is taken, 0 to 1 and in
	// twentieths; 0 where Karmada does not tell.
	Used float64
	// Leaving says why traffic is moved away from the whole cluster; "" if it is not.
	Leaving string
}

// Price returns the cluster's relative price.
func (c *Cluster) Price() float64 {
	if c.Cost == nil {
		return 1
	}
	return *c.Cost
}

package federation

import (
	"fmt"
	"unique"
)

// Placement is one function in one cluster, found fit to be a candidate.
type Placement struct {
	// Cluster indexes State.Clusters.
	Cluster int
	// Endpoints are by horizon; "" is the default. A horizon that is not listed
	// uses the default, and has no candidate here where that is absent too.
	Endpoints map[string]Endpoint
	// Target is what proves the placement alive; its Kind is ProbeNone if nothing does.
	// It is large, and mostly a gateway's: all placements that have it share it.
	Target unique.Handle[Target]
	// Capacity is nil where Karmada does not tell.
	Capacity *Capacity
	Runtime  Runtime
	// Replicas is Karmada's count for this cluster.
	Replicas int32
	// Cold is set where the workload has no replica, or may have none at any time: it
	// starts on the first call, and no probe may be that.
	Cold bool
	// ProbesGateway is set where Target is the cluster's gateway, shared by functions.
	ProbesGateway bool
	// Outdated is set where the last update failed to apply: what runs is an older version.
	Outdated bool
	// Health is Karmada's word on the workload, or on the template where there is none.
	// It is about the newest version: see Serving.
	Health Health
	// Leaving says why this placement is moved away from; "" if it is not.
	Leaving string
}

// Serving reports whether the placement serves as far as Karmada knows. Counts of
// replicas, where there are any, say more than its word: during a rollout it calls a
// workload Unhealthy that serves, and one of a kind that it cannot interpret Healthy
// that does not.
func (p *Placement) Serving() bool {
	switch {
	case p.Health == HealthUnknown:
		return false
	case p.Capacity != nil && !p.Cold:
		return p.Capacity.Ready > 0
	}
	return p.Health == Healthy
}

// Silent says how Karmada knows that the placement serves nobody; "" where it does not.
func (p *Placement) Silent() string {
	switch {
	case p.Capacity != nil && !p.Cold:
		switch {
		case p.Capacity.Ready > 0:
			return ""
		case p.Capacity.Desired == 1:
			return "its replica is not ready"
		case p.Capacity.Desired > 1:
			return fmt.Sprintf("none of its %d replicas is ready", p.Capacity.Desired)
		}
		return "it has no replica"
	case p.Health == Unhealthy:
		return "Karmada says Unhealthy"
	}
	return ""
}

// Endpoint returns the placement's addresses for the horizon, falling back to
// the default one.
func (p *Placement) Endpoint(horizon string) Endpoint {
	if e, ok := p.Endpoints[horizon]; ok {
		return e
	}
	return p.Endpoints[""]
}

// Refusal is a cluster that is no candidate for a function.
type Refusal struct {
	Cluster string
	Reason  string
	// Leaving says why it would be moved away from if it were one; "" if not.
	Leaving string
}

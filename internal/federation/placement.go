package federation

import "fmt"

// Placement is one function in one cluster that may be a candidate.
type Placement struct {
	// Cluster indexes State.Clusters.
	Cluster int
	// Endpoints are by horizon; "" is the default. A horizon that is not listed uses the
	// default endpoint; without one, the placement is not a candidate in that horizon.
	Endpoints map[string]Endpoint
	// Target is what is probed to see whether the placement is alive; its Kind is
	// ProbeNone if nothing is. Targets are large and mostly gateways, so all placements
	// with the same target share it.
	Target SharedTarget
	// Capacity is nil if Karmada does not report it.
	Capacity *Capacity
	Runtime  Runtime
	// Replicas is Karmada's replica count for this cluster.
	Replicas int32
	// Cold is set if the workload has no replica, or may have none at any time: the first
	// call starts it, and a probe must not be that call.
	Cold bool
	// ProbesGateway is set if Target is the cluster's gateway, which functions share.
	ProbesGateway bool
	// Outdated is set if the last update could not be applied: an older version runs.
	Outdated bool
	// Health is Karmada's judgement of the workload, or of the template if there is no
	// workload. It describes the newest version: see Serving.
	Health Health
	// Leaving says why traffic moves away from this placement; "" if it does not.
	Leaving string
}

// Serving reports whether the placement serves as far as Karmada knows. Replica counts,
// if there are any, take precedence over its health: during a rollout Karmada calls a
// workload Unhealthy that serves, and it calls one of a kind that it cannot interpret
// Healthy even if it does not serve.
func (p *Placement) Serving() bool {
	switch {
	case p.Health == HealthUnknown:
		return false
	case p.Capacity != nil && !p.Cold:
		return p.Capacity.Ready > 0
	}
	return p.Health == Healthy
}

// Silent says how Karmada knows that the placement serves nobody; "" if it does not know
// that.
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

// Endpoint returns the placement's addresses for the horizon, or else those for the
// default horizon.
func (p *Placement) Endpoint(horizon string) Endpoint {
	if e, ok := p.Endpoints[horizon]; ok {
		return e
	}
	return p.Endpoints[""]
}

// Refusal is a cluster that is not a candidate for a function.
type Refusal struct {
	Cluster string
	Reason  string
	// Leaving says why traffic would move away from it if it were a candidate; "" if not.
	Leaving string
}

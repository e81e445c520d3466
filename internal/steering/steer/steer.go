// Package steer decides to which cluster a client is sent: from the model, verdicts and
// the client's location it computes ordered candidates with reasons. It is pure: it does
// no I/O and knows no DNS.
//
// Ranking is compiled: one order of clusters per location, and per function a mask of
// clusters per tier. The answer is the first cluster in the order that is in the mask.
// Tables and Standings are immutable and may be read from any goroutine.
package steer

import (
	"fmt"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/steering/health"
)

// Tier ranks candidates before any policy does: a tier is used only if every earlier one
// is empty.
type Tier uint8

// The tiers, best first.
const (
	Up Tier = iota
	// Thin candidates are up, but in a region in which too few are.
	Thin
	Leaving
	Unknown
	Down
	tiers
)

// String returns the tier as it is shown in verdicts.
func (t Tier) String() string { return [...]string{"up", "thin", "leaving", "unknown", "down"}[t] }

// Tiers lists all tiers, best first.
var Tiers = [tiers]Tier{Up, Thin, Leaving, Unknown, Down}

// Verdict is the tier of a candidate with the reason.
type Verdict struct {
	Tier   Tier
	Reason string
}

// Judge assigns a placement to a tier: probes decide whether it is up or down; without a
// probe verdict Karmada decides; a placement that is up but about to be removed is
// leaving.
func Judge(p *federation.Placement, c *federation.Cluster, probe health.Verdict) Verdict {
	v := judgeAlive(p, c, probe)
	if v.Tier != Up {
		return v
	}
	if p.Leaving != "" {
		return Verdict{Leaving, p.Leaving + "; " + v.Reason}
	}
	if c.Leaving != "" {
		return Verdict{Leaving, "cluster " + c.Leaving + "; " + v.Reason}
	}
	if probe.Flapping {
		return Verdict{Leaving, "flapping: it changed too often recently; " + v.Reason}
	}
	return v
}

func judgeAlive(p *federation.Placement, c *federation.Cluster, probe health.Verdict) Verdict {
	switch probe.State {
	case health.Down:
		return Verdict{Down, "probe fails: " + reasonOf(probe)}
	case health.Up:
		// A successful connection to a gateway that functions share only proves that the
		// gateway is reachable, not that this function answers.
		if why := p.Silent(); why != "" && p.ProbesGateway && p.Target.Value().Kind == federation.ProbeTCP {
			return Verdict{Down, why + ", and the probe reaches a shared gateway only"}
		}
		return Verdict{Up, "probe passes"}
	}
	switch why := p.Silent(); {
	case why != "":
		return Verdict{Down, "no probe verdict, " + why}
	case p.Outdated:
		return Verdict{Unknown, "no probe verdict, and the last update failed to apply"}
	case c.Ready == federation.ReadyFalse:
		return Verdict{Unknown, "no probe verdict, and Karmada cannot reach the cluster"}
	case c.Ready == federation.ReadyUnknown:
		return Verdict{Unknown, "no probe verdict, and the cluster has stopped reporting to Karmada"}
	case p.Serving():
		return Verdict{Up, "no probe verdict, " + word(p)}
	}
	return Verdict{Unknown, "no probe verdict, " + word(p)}
}

// word describes Karmada's health of a placement that is not silent.
func word(p *federation.Placement) string {
	if p.Health == federation.Unhealthy {
		return fmt.Sprintf("Karmada says Unhealthy, with %d ready of %d replicas", p.Capacity.Ready, p.Capacity.Desired)
	}
	return "Karmada says " + p.Health.String()
}

func reasonOf(probe health.Verdict) string {
	if probe.Reason == "" {
		return "not enough passes yet"
	}
	return probe.Reason
}

// Site describes where this instance runs.
type Site struct {
	// Cluster is the site's Karmada cluster; "" for a resolver outside of any cluster.
	Cluster string
	// Region, Zones and Coordinates are for a site without a cluster.
	Region      string
	Zones       []string
	Coordinates *federation.Coordinates
}

// String returns the cluster, or the region if the site has no cluster.
func (s Site) String() string {
	if s.Cluster != "" {
		return s.Cluster
	}
	return fmt.Sprintf("at %s", s.Region)
}

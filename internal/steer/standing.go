package steer

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/health"
)

// tierMasks are one function's candidates in one horizon, by tier.
type tierMasks [tiers]Mask

// Standing is where every placement of one Table stands at one moment.
type Standing struct {
	// functions are, per function, its masks by horizon; equal ones are shared.
	functions [][]tierMasks
	// rtts are by cluster, 0 where nothing was measured; order is what they make.
	rtts  []time.Duration
	order Order
	table *Table
	// Candidates counts the candidates in the default horizon, by tier.
	Candidates [tiers]int
}

// Verdicts returns what the probes say of a target.
type Verdicts func(federation.Target) health.Verdict

// Stand judges every placement of t. From before, which may be nil, it takes the
// round-trip times in use, so that noise does not reorder clusters.
func (t *Table) Stand(verdicts Verdicts, before *Standing) *Standing {
	s := &Standing{table: t, functions: make([][]tierMasks, len(t.State.Functions))}
	measured := make([]time.Duration, len(t.State.Clusters))
	interned := map[string][]tierMasks{}
	for i, f := range t.State.Functions {
		s.functions[i] = intern(interned, t.judge(f, verdicts, s, measured))
	}
	s.rtts = measured
	if before != nil {
		for i := range measured {
			measured[i] = settle(before.rtt(t.State.Clusters[i].Name), measured[i])
		}
	}
	s.order = t.siteOrder(s.rtts)
	return s
}

// judge returns the function's masks by horizon. The least round-trip time to
// any placement is the cluster's.
func (t *Table) judge(f *federation.Function, verdicts Verdicts, s *Standing, rtts []time.Duration) []tierMasks {
	horizons := make([]tierMasks, 1+len(t.Horizons))
	for h := range horizons {
		for tier := range horizons[h] {
			horizons[h][tier] = newMask(len(t.State.Clusters))
		}
	}
	for i := range f.Placements {
		p := &f.Placements[i]
		probe := verdicts(p.Target)
		tier := Judge(p, &t.State.Clusters[p.Cluster], probe).Tier
		if rtt := probe.RTT; rtt > 0 && (rtts[p.Cluster] == 0 || rtt < rtts[p.Cluster]) {
			rtts[p.Cluster] = rtt
		}
		for h := range horizons {
			if !p.Endpoint(t.horizon(h)).IsZero() {
				horizons[h][tier].set(p.Cluster)
			}
		}
		if horizons[0][tier].has(p.Cluster) {
			s.Candidates[tier]++
		}
	}
	return horizons
}

func (t *Table) horizon(i int) string {
	if i == 0 {
		return ""
	}
	return t.Horizons[i-1]
}

func intern(interned map[string][]tierMasks, horizons []tierMasks) []tierMasks {
	var key []byte
	for _, masks := range horizons {
		for _, m := range masks {
			for _, word := range m {
				key = binary.NativeEndian.AppendUint64(key, word)
			}
		}
	}
	if same, ok := interned[string(key)]; ok {
		return same
	}
	interned[string(key)] = horizons
	return horizons
}

// rtt returns the round-trip time in use for the cluster, 0 if there is none.
func (s *Standing) rtt(cluster string) time.Duration {
	if i := s.table.State.ClusterIndex(cluster); i >= 0 {
		return s.rtts[i]
	}
	return 0
}

func (s *Standing) masks(function, horizon int) *tierMasks {
	return &s.functions[function][horizon]
}

// Equal reports whether the two answer alike.
func (s *Standing) Equal(o *Standing) bool {
	return o != nil && s.Candidates == o.Candidates && slices.Equal(s.order, o.order) && slices.Equal(s.rtts, o.rtts) &&
		slices.EqualFunc(s.functions, o.functions, func(a, b []tierMasks) bool {
			return slices.EqualFunc(a, b, func(x, y tierMasks) bool {
				for tier := range x {
					if !slices.Equal(x[tier], y[tier]) {
						return false
					}
				}
				return true
			})
		})
}

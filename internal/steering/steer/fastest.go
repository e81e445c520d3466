package steer

import (
	"fmt"
	"maps"
	"time"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/federation/policy"
)

// fastest picks the cluster with the least expected completion time of a call: round
// trips, the runtime's cold start if no replica is ready, and processing.
type fastest struct {
	trips            float32
	cold, processing map[string]time.Duration
}

// newFastest fills in defaults for the two kinds of runtimes: WebAssembly starts in
// milliseconds, containers in seconds.
func newFastest(o policy.Fastest) fastest {
	p := fastest{
		trips:      float32(o.Trips),
		cold:       map[string]time.Duration{federation.RuntimeWasm: 10 * time.Millisecond, federation.RuntimeContainer: time.Second},
		processing: o.Processing,
	}
	maps.Copy(p.cold, o.Cold)
	return p
}

func (p fastest) modifier(t *Table, f *federation.Function) *Modifier {
	m := &Modifier{Delay: make([]float32, len(t.State.Clusters)), Cold: newMask(len(t.State.Clusters))}
	for _, at := range f.Placements {
		delay := durationOf(p.processing, at.Runtime)
		if at.Cold || at.Capacity != nil && at.Capacity.Ready == 0 {
			delay += durationOf(p.cold, at.Runtime)
			m.Cold.set(at.Cluster)
		}
		m.Delay[at.Cluster] = float32(milliseconds(delay))
	}
	return m
}

// durationOf returns the duration declared for the runtime's own name, else for its kind.
func durationOf(durations map[string]time.Duration, r federation.Runtime) time.Duration {
	if d, ok := durations[r.Class]; ok && r.Class != "" {
		return d
	}
	return durations[r.Kind()]
}

func (p fastest) score(cluster int, in Input) float32 {
	return p.trips*in.latency()[cluster] + in.Modifier.Delay[cluster]
}

func (p fastest) Pick(mask Mask, in Input) int {
	best := -1
	var least float32
	for _, c := range in.Order {
		if !mask.has(int(c)) {
			continue
		}
		if score := p.score(int(c), in); best < 0 || score < least {
			best, least = int(c), score
		}
	}
	return best
}

func (p fastest) Term(cluster int, in Input) string {
	what := "warm"
	if in.Modifier.Cold.has(cluster) {
		what = "cold"
	}
	return fmt.Sprintf("%.1f ms = %g × %.1f ms + %.1f ms (%s)",
		p.score(cluster, in), p.trips, in.latency()[cluster], in.Modifier.Delay[cluster], what)
}

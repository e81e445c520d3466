package steer

import (
	"fmt"
	"time"

	"github.com/nearcast/nearcast/internal/federation"
)

func init() {
	register("fastest", func(o *options) Policy {
		p := fastest{
			trips:      float32(o.number("trips", defaultTrips, 100)),
			cold:       map[string]time.Duration{Wasm: 10 * time.Millisecond, Container: time.Second},
			processing: map[string]time.Duration{Wasm: 0, Container: 0},
		}
		o.perRuntime("cold", p.cold)
		o.perRuntime("processing", p.processing)
		return p
	})
}

// defaultTrips are the round trips of one call over HTTPS: TCP, TLS 1.3, and the
// request.
const defaultTrips = 3

// The runtimes that the options of fastest know beside names of RuntimeClasses.
// WebAssembly starts in milliseconds, containers in seconds.
const (
	Wasm      = federation.RuntimeWasm
	Container = federation.RuntimeContainer
)

// fastest takes the least expected completion time of a call: round trips, the
// runtime's cold start where no replica is ready, and processing.
type fastest struct {
	trips            float32
	cold, processing map[string]time.Duration
}

func (p fastest) modifier(t *Table, f *federation.Function) *Modifier {
	m := &Modifier{Delay: make([]float32, len(t.State.Clusters)), Cold: newMask(len(t.State.Clusters))}
	for _, at := range f.Placements {
		delay := of(p.processing, at.Runtime)
		if at.Cold || at.Capacity != nil && at.Capacity.Ready == 0 {
			delay += of(p.cold, at.Runtime)
			m.Cold.set(at.Cluster)
		}
		m.Delay[at.Cluster] = float32(milliseconds(delay))
	}
	return m
}

// of returns what was declared for the runtime's own name, else for its kind.
func of(durations map[string]time.Duration, r federation.Runtime) time.Duration {
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

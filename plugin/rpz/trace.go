package rpz

import (
	"context"
	"sync/atomic"

	"github.com/nearcast/nearcast/plugin/rpz/internal/policyzone"
)

// explaining counts the explained queries in progress, so that without any, queries need not look for a trace.
var explaining atomic.Int64

// trace is what policy did with an explained query. It belongs to that query.
type trace struct {
	// handler is the one that the query reached, nil before, and set the set applied to it; nil if no generation
	// was ready.
	handler *RPZ
	set     *set
	// hits are the rules that matched, in the order of the search: the last one decided,
	// unless it is inert.
	hits []traced
	// failure is why policy could not be applied.
	failure string
}

// traced is a rule that matched, with the name of the chain that it matched.
type traced struct {
	hit
	name string
}

type traceKey struct{}

// traced returns the set for a query, and its trace if the query is explained: the set then also has the disabled
// zones.
func (h *RPZ) traced(ctx context.Context, s *set) (*set, *trace) {
	t, _ := ctx.Value(traceKey{}).(*trace)
	if t == nil || s == nil {
		return s, nil
	}
	t.handler, t.set = h, newSet(h.zones, &h.settings, true)
	return t.set, t
}

// note records a hit at the name.
func (t *trace) note(h *hit, name string) {
	t.hits = append(t.hits, traced{*h, policyzone.Canonical(name)})
}

// failed records why policy could not be applied. The nil trace records nothing.
func (t *trace) failed(why string) {
	if t != nil {
		t.failure = why
	}
}

// decider returns the rule that decided, or nil.
func (t *trace) decider() *traced {
	if len(t.hits) == 0 {
		return nil
	}
	if last := &t.hits[len(t.hits)-1]; !last.policy.inert() {
		return last
	}
	return nil
}

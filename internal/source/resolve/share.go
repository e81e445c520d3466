package resolve

import (
	"maps"
	"slices"
	"time"
)

// Tenants choose the names of their load balancers, and thus the servers. Each namespace
// has a share of the look-ups, and names whose servers did not answer have a separate
// share, so that no names can delay the look-ups of others.
const (
	// atOnce bounds the look-ups in flight.
	atOnce = 32
	// perNamespace bounds those of one namespace.
	perNamespace = 8
	// silentAtOnce bounds those of names that were not answered in time at the last
	// look-up.
	silentAtOnce = 16
)

// under records the look-ups in flight.
type under struct {
	all, silent int
	of          map[string]int // by namespace
	// served records when each namespace last had its turn, counted in turns.
	served map[string]int
	turns  int
}

func newUnder() under { return under{of: map[string]int{}, served: map[string]int{}} }

// admits reports whether the namespace's share has room for the entry.
func (u *under) admits(e *entry, namespace string) bool {
	return u.all < atOnce && u.of[namespace] < perNamespace && (!e.silent || u.silent < silentAtOnce)
}

func (u *under) begin(silent bool, namespace string) {
	u.all++
	u.of[namespace]++
	u.turns++
	u.served[namespace] = u.turns
	if silent {
		u.silent++
	}
}

func (u *under) end(silent bool, namespace string) {
	u.all--
	if u.of[namespace]--; u.of[namespace] == 0 {
		delete(u.of, namespace)
	}
	if silent {
		u.silent--
	}
}

// begun is a look-up in flight.
type begun struct {
	name, namespace string
	silent          bool
}

// due starts the due look-ups for which there is room, one of each namespace in turn, and
// returns them, with the time until the next one is due.
func (r *Resolver) due(now time.Time) (begin []begun, wait time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.under.all == atOnce {
		return nil, most // until a look-up ends
	}
	late, wait := r.late(now)
	namespaces := slices.Collect(maps.Keys(late))
	slices.SortFunc(namespaces, func(a, b string) int { return r.under.served[a] - r.under.served[b] })
	for len(namespaces) > 0 {
		namespaces = slices.DeleteFunc(namespaces, func(namespace string) bool {
			b, ok := r.begin(late, namespace)
			if ok {
				begin = append(begin, b)
			}
			return !ok
		})
	}
	return begin, wait
}

// late returns the names that are due, by namespace, and the time until the next one is
// due.
func (r *Resolver) late(now time.Time) (late map[string][]string, wait time.Duration) {
	late, wait = map[string][]string{}, most
	for name, e := range r.names {
		if e.asking {
			continue
		}
		if left := e.due.Sub(now); left > 0 {
			wait = min(wait, left)
			continue
		}
		for _, namespace := range e.namespaces {
			late[namespace] = append(late[namespace], name)
		}
	}
	return late, wait
}

// begin starts the first look-up among the namespace's late names for which there is
// room.
func (r *Resolver) begin(late map[string][]string, namespace string) (begun, bool) {
	for len(late[namespace]) > 0 {
		name := late[namespace][0]
		late[namespace] = late[namespace][1:]
		if e := r.names[name]; !e.asking && r.under.admits(e, namespace) {
			r.under.begin(e.silent, namespace)
			e.asking = true
			return begun{name, namespace, e.silent}, true
		}
	}
	return begun{}, false
}

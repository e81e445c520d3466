package site

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/locate"
	"github.com/nearcast/nearcast/internal/steer"
)

// publish builds a View whenever something changed, until ctx ends. It alone
// writes s.view.
func (s *Site) publish(ctx context.Context) {
	at := locations{table: locate.Empty}
	if !s.config.Locations.IsZero() {
		// Without the table the first answers would be for clients that are nowhere.
		select {
		case at = <-s.locations:
		case <-time.After(retry):
		case <-ctx.Done():
			return
		}
	}
	// Round-trip times move without any verdict's doing so.
	rerank := time.NewTicker(s.config.Probe.Interval)
	defer rerank.Stop()
	var look <-chan time.Time // never
	if s.config.Probe.Idle > 0 {
		ticker := time.NewTicker(s.config.Probe.Idle / 4)
		defer ticker.Stop()
		look = ticker.C
	}
	for {
		rebuild := false
		_, next := s.drains.now(time.Now())
		var ends <-chan time.Time // never
		if !next.IsZero() {
			ends = time.After(time.Until(next))
		}
		select {
		case <-ctx.Done():
			return
		case <-s.store.Changed():
			rebuild = true
		case at = <-s.locations:
			rebuild = true
		case <-s.drains.changed:
			rebuild = true
		case <-ends:
			rebuild = true
		case <-s.resolver.Changed():
			rebuild = true
		case <-look:
			s.findIdle()
		case <-s.activity.woken:
			s.findIdle()
		case <-s.prober.Changed():
		case <-rerank.C:
		}
		if s.store.Confirmed().IsZero() {
			continue // half a federation is none
		}
		began, before := time.Now(), s.view.Load()
		if rebuild || before == nil {
			s.rebuild(at)
		} else {
			s.restand()
		}
		if s.view.Load() != before {
			publishDuration.WithLabelValues(s.config.Source.Key()).Observe(time.Since(began).Seconds())
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(coalesce):
		}
	}
}

// rebuild makes everything anew from what is staged.
func (s *Site) rebuild(at locations) {
	state := build(s.config, s.store, at, s.resolver.Get, &s.memory)
	s.resolver.Set(state.Lookups)
	s.report(state.Faults)
	s.prober.Set(targets(state), s.seed)
	s.seed = nil // from now on a new target is new
	var table *steer.Table
	var standing *steer.Standing
	if before := s.view.Load(); before != nil {
		table, standing = before.Table, before.Standing
	}
	drained, _ := s.drains.now(time.Now())
	view := newView(s.config, state, at.table, drained, table)
	view.Standing = view.Stand(s.prober.Verdict, standing)
	view.activity, view.woken = s.activity.list(state.Functions, time.Now()), s.activity.woken
	s.swap(view)
}

// findIdle tells the prober what nobody needs.
func (s *Site) findIdle() {
	if v := s.view.Load(); v != nil && v.activity != nil {
		s.prober.SetIdle(s.activity.look(v, time.Now()))
	}
}

// restand judges the same table again.
func (s *Site) restand() {
	before := s.view.Load()
	standing := before.Stand(s.prober.Verdict, before.Standing)
	if standing.Equal(before.Standing) {
		return
	}
	view := *before
	view.Standing = standing
	s.swap(&view)
}

func (s *Site) swap(v *View) {
	if s.view.Swap(v) == nil {
		close(s.first)
	}
	close(*s.next.Swap(new(make(chan struct{}))))
}

// build makes a State, from what memory holds of the last one, with the faults that only the configuration shows.
func build(config Config, store *federation.Store, at locations, resolve func(string) (federation.Endpoint, bool), memory *federation.Memory) *federation.State {
	state := memory.Build(store, federation.Options{Zones: config.Zones, Claims: config.Claims, Resolve: resolve})
	state.Faults = append(state.Faults, at.faults...)
	if home := config.Where.Cluster; home != "" && state.ClusterIndex(home) < 0 {
		state.Faults = append(state.Faults, federation.Fault{Object: "cluster " + home, Reason: "is this site's, and no Cluster of the name was read: the site has no place"})
	}
	for _, f := range state.Functions {
		if f.Private && !slices.ContainsFunc(config.Tenants, func(t Tenant) bool { return t.Namespace == f.Namespace }) {
			state.Faults = append(state.Faults, federation.Fault{
				File: f.Origin.File, Line: f.Origin.Line, Object: f.String(), Template: f.Identity(),
				Reason: "is private, and no tenant line names its namespace: nobody sees it",
			})
		}
	}
	return state
}

// newView compiles the state; before may be nil.
func newView(config Config, state *federation.State, at *locate.Table, drained []steer.Drain, before *steer.Table) *View {
	names := make([]string, len(config.Horizons))
	for i, h := range config.Horizons {
		names[i] = h.Name
	}
	return &View{
		Table: steer.Compile(state, steer.Options{
			Site: config.Where, Policy: config.policy(), Horizons: names, Locations: at,
			Independent: config.Independent, Load: config.load(), Drains: drained,
		}, before),
		Names:    newNames(state.Functions, config.Zones, public),
		horizons: horizonTable(config.Horizons),
		tenants:  tenantTable(config.Tenants, state.Functions, config.Zones),
	}
}

func targets(state *federation.State) map[federation.Target]bool {
	all := map[federation.Target]bool{}
	for _, f := range state.Functions {
		for i := range f.Placements {
			all[f.Placements[i].Target] = true
		}
	}
	return all
}

// faultLog guards the reported faults, which a successor inherits.
var faultLog sync.Mutex

// report logs the faults that were not there before.
func (s *Site) report(faults []federation.Fault) {
	faultLog.Lock()
	defer faultLog.Unlock()
	now := make(map[string]bool, len(faults))
	for _, f := range faults {
		text := f.Error()
		now[text] = true
		if !s.reported[text] {
			s.log.Warningf("refused: %s", text)
		}
	}
	s.reported = now
}

func (s *Site) reportedFaults() map[string]bool {
	faultLog.Lock()
	defer faultLog.Unlock()
	return maps.Clone(s.reported)
}

package site

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/federation/build"
	"github.com/nearcast/nearcast/internal/federation/staging"
	"github.com/nearcast/nearcast/internal/steering/locate"
	"github.com/nearcast/nearcast/internal/steering/steer"
)

// publish builds a View whenever something has changed, until ctx ends. Only publish
// writes s.view.
func (s *Site) publish(ctx context.Context) {
	at := locations{table: locate.Empty}
	if !s.config.Locations.IsZero() {
		// Without the table, the first answers would treat clients as located nowhere; if
		// that cannot be avoided, each answer is for its client only.
		select {
		case at = <-s.locations:
		case <-time.After(retry):
			at.table = locate.Unread
		case <-ctx.Done():
			return
		}
	}
	// Round-trip times change without a change of verdicts.
	rerank := time.NewTicker(s.config.Probe.Interval)
	defer rerank.Stop()
	var look <-chan time.Time // never
	if s.config.Probe.Idle > 0 {
		ticker := time.NewTicker(s.config.Probe.Idle / 4)
		defer ticker.Stop()
		look = ticker.C
	}
	for {
		rebuild, measure := false, false
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
			measure = true
		}
		if s.store.Confirmed().IsZero() {
			continue // an incomplete federation is useless
		}
		began, before := time.Now(), s.view.Load()
		if rebuild || before == nil {
			s.rebuild(at)
		} else {
			s.restand(measure)
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

// rebuild publishes what is staged. Its cost depends on the changes since the last call.
func (s *Site) rebuild(at locations) {
	before := s.view.Load()
	if before == nil {
		before = nothing
	}
	state := stateOf(s.config, s.store, at, s.resolver.Get, &s.builder)
	s.resolver.Set(state.Lookups)
	s.report(before.State.Faults, state.Faults)
	come, gone := s.targets.follow(before.State.Functions, state.Functions)
	s.prober.Change(come, gone, s.seed)
	s.seed = nil // from now on new targets start without a verdict
	drained, _ := s.drains.now(time.Now())
	view := newView(s.config, state, at.table, drained, before)
	if before.Standing == nil {
		view.Standing = view.Stand(s.prober.Verdict, nil)
	} else {
		view.Standing = view.Restand(s.prober.Verdict, before.Standing, s.targets.users(s.prober.Moved()))
	}
	view.activity, view.woken = s.activity.follow(before.activity, before.State.Functions, state.Functions, time.Now()), s.activity.woken
	s.swap(view)
}

// findIdle marks the targets that nobody needs now.
func (s *Site) findIdle() {
	if v := s.view.Load(); v != nil && s.activity.after > 0 {
		s.prober.SetIdle(s.activity.look(v, time.Now()))
	}
}

// restand updates the standing of the same table after verdicts have changed; with
// measure, it also ranks by the current round-trip times.
func (s *Site) restand(measure bool) {
	before := s.view.Load()
	standing := before.Restand(s.prober.Verdict, before.Standing, s.targets.users(s.prober.Moved()))
	if measure {
		standing = standing.Measure(s.targets.measure(s.prober.Verdict, len(before.State.Clusters)))
	}
	if standing == before.Standing {
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

// stateOf makes a State from the last one that the builder made.
func stateOf(config Config, store *staging.Store, at locations, resolve func(string) (federation.Endpoint, bool), builder *build.Builder) *federation.State {
	return complete(config, builder.Build(store, options(config, resolve)), at)
}

func options(config Config, resolve func(string) (federation.Endpoint, bool)) build.Options {
	o := build.Options{Zones: config.Zones, Servers: config.Servers, Claims: config.Claims, Resolve: resolve}
	for _, t := range config.Tenants {
		o.Tenants = append(o.Tenants, t.Namespace)
	}
	return o
}

// complete adds the faults that depend on the configuration.
func complete(config Config, state *federation.State, at locations) *federation.State {
	state.Faults = append(state.Faults, at.faults...)
	if home := config.Where.Cluster; home != "" && state.ClusterIndex(home) < 0 {
		state.Faults = append(state.Faults, federation.Fault{Object: "cluster " + home, Reason: "is this site's cluster, but no Cluster has this name, so the site has no location"})
	}
	return state
}

// firstView compiles a first state.
func firstView(config Config, state *federation.State, at *locate.Table) *View {
	return newView(config, state, at, nil, nothing)
}

// nothing is the View before the first.
var nothing = &View{Table: &steer.Table{State: &federation.State{}}}

// newView compiles the state; it reuses what the state has in common with that of the
// previous view, which may be empty.
func newView(config Config, state *federation.State, at *locate.Table, drained []steer.Drain, before *View) *View {
	names := make([]string, len(config.Horizons))
	for i, h := range config.Horizons {
		names[i] = h.Name
	}
	v := &View{Names: before.Names, servers: config.Servers, horizons: before.horizons, tenants: before.tenants}
	var table *steer.Table
	if before.Names == nil {
		v.Names, v.horizons, v.tenants = newNames(config.Zones, public), horizonTable(config.Horizons), newTenants(config.Tenants, config.Zones)
	} else {
		table = before.Table
	}
	v.Table = steer.Compile(state, steer.Options{
		Site: config.Where, Policy: config.policy(), WhenDown: config.WhenDown, Horizons: names, Locations: at,
		Independent: config.Independent, Load: config.load(), Drains: drained,
	}, table)
	v.Names = v.Names.follow(before.State.Functions, state.Functions)
	v.tenants = v.tenants.follow(before.State.Functions, state.Functions)
	return v
}

// faultLog guards the reported faults, which a successor inherits.
var faultLog sync.Mutex

// report logs the faults that are new.
func (s *Site) report(before, faults []federation.Fault) {
	if slices.Equal(before, faults) {
		return
	}
	faultLog.Lock()
	defer faultLog.Unlock()
	now := make(map[string]bool, len(faults))
	for _, f := range faults {
		text := f.Error()
		now[text] = true
		if s.reported[text] {
			continue
		}
		if ok, withheld := s.lines.allow(f.Namespace, time.Now()); ok {
			s.log.Warningf("%s: %s%s", f.Severity(), text, andMore(withheld))
		}
	}
	s.reported = now
}

func (s *Site) reportedFaults() map[string]bool {
	faultLog.Lock()
	defer faultLog.Unlock()
	return maps.Clone(s.reported)
}

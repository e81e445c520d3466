package site

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/steer"
)

// recorder is a source whose objects can be given Events.
type recorder interface {
	// Record tells those who declared the object, and whether it could. It may not
	// be allowed to, or too much may have been told of late.
	Record(ctx context.Context, about federation.Identity, e federation.Event) (bool, error)
}

// recordInterval is how often it is looked for what is worth an Event: what comes
// and goes in between is for metrics.
const recordInterval = 5 * time.Second

// record tells of faults and of failovers until ctx ends.
func (s *Site) record(ctx context.Context, to recorder) {
	tick := time.NewTicker(recordInterval)
	defer tick.Stop()
	warn := s.warner()
	tell := func(about federation.Identity, e federation.Event) bool {
		done, err := to.Record(ctx, about, e)
		if err != nil && ctx.Err() == nil {
			warn(err)
		}
		return done
	}
	told := map[federation.Identity][]federation.Event{}
	for turn := 0; ; turn++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		v := s.View()
		if v == nil {
			continue
		}
		now := v.events(s.prober.Verdict)
		for _, about := range inTurn(now, turn) {
			now[about] = slices.DeleteFunc(now[about], func(e federation.Event) bool {
				return !slices.Contains(told[about], e) && !tell(about, e) // tried again
			})
		}
		for _, about := range inTurn(told, turn) {
			if recovered(told[about], now[about]) && v.has(about) {
				tell(about, federation.Event{Reason: federation.ReasonRecovered, Note: "every cluster that it is placed in can be answered"})
			}
		}
		told = now
	}
}

// inTurn orders what Events are about so that one of each namespace comes before a second
// of any: what may be told is bounded, and one tenant's is not to be all of it. Each turn
// begins with another namespace.
func inTurn(events map[federation.Identity][]federation.Event, turn int) []federation.Identity {
	in := map[string][]federation.Identity{}
	for about := range events {
		in[about.Namespace] = append(in[about.Namespace], about)
	}
	namespaces := slices.Sorted(maps.Keys(in))
	var all []federation.Identity
	for round := 0; len(all) < len(events); round++ {
		for i := range namespaces {
			if of := in[namespaces[(turn+i)%len(namespaces)]]; round < len(of) {
				all = append(all, of[round])
			}
		}
	}
	return all
}

// recovered reports whether a function that had failed over has no more to tell.
func recovered(before, now []federation.Event) bool {
	failed := func(e federation.Event) bool {
		return e.Reason == federation.ReasonFailover || e.Reason == federation.ReasonNoCluster
	}
	return slices.ContainsFunc(before, failed) && !slices.ContainsFunc(now, failed)
}

func (v *View) has(about federation.Identity) bool {
	for _, f := range v.State.All() {
		if f.Identity() == about {
			return true
		}
	}
	return false
}

// events are all that is worth telling of this moment, by what it is about.
func (v *View) events(verdicts steer.Verdicts) map[federation.Identity][]federation.Event {
	all := map[federation.Identity][]federation.Event{}
	add := func(about federation.Identity, reason, note string) {
		all[about] = append(all[about], federation.Event{Reason: reason, Note: note, Warning: true})
	}
	for _, f := range v.State.Faults {
		if f.Template.UID != "" && f.Template.Namespace != "" { // a Cluster has nowhere to have Events
			note := f.Reason
			if f.Key != "" {
				note = f.Key + ": " + note
			}
			reason := federation.ReasonRefused
			if f.Warning {
				reason = federation.ReasonIgnored
			}
			add(f.Template, reason, note)
		}
	}
	for i, f := range v.State.All() {
		if f.UID == "" {
			continue // a file's
		}
		if len(f.Placements) == 0 {
			add(f.Identity(), federation.ReasonNoCluster, "no cluster can be answered: "+refusals(f))
		}
		for _, c := range v.Fallen(i, verdicts) {
			add(f.Identity(), federation.ReasonFailover, "moved away from "+c.Cluster+" ("+c.Tier+"): "+c.Reason)
		}
	}
	return all
}

func refusals(f *federation.Function) string {
	if f.Unplaced != "" {
		return f.Unplaced
	}
	var all []string
	for _, r := range f.Refused {
		all = append(all, r.Cluster+": "+r.Reason)
	}
	return strings.Join(all, "; ")
}

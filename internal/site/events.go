package site

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/steering/steer"
)

// recorder is a source whose objects can get Events.
type recorder interface {
	// Record writes the Event on the object and reports whether it could. It may lack
	// permission, or too many Events may have been written recently.
	Record(ctx context.Context, about federation.Identity, e federation.Event) (bool, error)
}

// recordInterval is how often to look for Events: what comes and goes in between is left
// to metrics.
const recordInterval = 5 * time.Second

// record writes Events about faults and failovers until ctx ends.
func (s *Site) record(ctx context.Context, to recorder) {
	tick := time.NewTicker(recordInterval)
	defer tick.Stop()
	warn := s.warner()
	write := func(about federation.Identity, e federation.Event) bool {
		done, err := to.Record(ctx, about, e)
		if err != nil && ctx.Err() == nil {
			warn(err)
		}
		return done
	}
	recorded := map[federation.Identity][]federation.Event{}
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
				return !slices.Contains(recorded[about], e) && !write(about, e) // to be tried again
			})
		}
		for _, about := range inTurn(recorded, turn) {
			if recovered(recorded[about], now[about]) && v.has(about) {
				write(about, federation.Event{Reason: federation.ReasonRecovered, Note: "all clusters in which it is placed can be answered again"})
			}
		}
		recorded = now
	}
}

// inTurn orders the subjects of Events so that one of each namespace precedes a second of
// any: Events are rate-limited, and one tenant must not use up the limit. Each turn
// starts with another namespace.
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

// recovered reports whether a function had failed over and no longer has.
func recovered(before, now []federation.Event) bool {
	failed := func(e federation.Event) bool {
		return e.Reason == federation.ReasonFailover || e.Reason == federation.ReasonNoCluster || e.Reason == federation.ReasonAllDown
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

// events returns everything that currently deserves an Event, by subject.
func (v *View) events(verdicts steer.Verdicts) map[federation.Identity][]federation.Event {
	all := map[federation.Identity][]federation.Event{}
	add := func(about federation.Identity, reason, note string) {
		all[about] = append(all[about], federation.Event{Reason: reason, Note: note, Warning: true})
	}
	for _, f := range v.State.Faults {
		if f.Template.UID != "" && f.Template.Namespace != "" { // a Cluster has no namespace for Events
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
		if f.UID.IsZero() {
			continue // from a file
		}
		if len(f.Placements) == 0 {
			add(f.Identity(), federation.ReasonNoCluster, "no cluster can be answered: "+refusals(f))
		}
		if v.Standing.AllDown(i) {
			add(f.Identity(), federation.ReasonAllDown, "all candidates are down: answering "+v.instead(i))
		}
		for _, c := range v.Fallen(v.Standing, i, verdicts) {
			add(f.Identity(), federation.ReasonFailover, "moved away from "+c.Cluster+" ("+c.Tier+"): "+c.Reason)
		}
	}
	return all
}

// instead says what is answered while all of the function is down.
func (v *View) instead(function int) string {
	switch w := v.WhenAllDown(function); {
	case w.Fallback():
		return "the " + w.String()
	case w != nil && w.Fail:
		return "SERVFAIL"
	}
	return "all of them"
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

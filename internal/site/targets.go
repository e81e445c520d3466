package site

import (
	"iter"
	"slices"
	"time"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/steering/health"
)

// targets maps each probed target to the placements that it represents. Only the
// publisher uses it.
type targets map[federation.SharedTarget][]use

// use is one placement.
type use struct {
	function int32
	cluster  uint16
}

// follow updates the targets from the functions before to the functions after, and
// returns the targets that were added and removed.
func (t targets) follow(before, after functions) (come, gone []federation.SharedTarget) {
	left := map[use]bool{}
	wasThere := map[federation.SharedTarget]bool{}
	for i, f := range changes(before, after) {
		for p, came := range f.placements() {
			target := p.Target
			if target.Value().Kind == federation.ProbeNone {
				continue
			}
			if _, noted := wasThere[target]; !noted {
				wasThere[target] = len(t[target]) > 0
			}
			if !came {
				left[useOf(i, p)] = true
			}
		}
	}
	for target := range wasThere {
		t[target] = slices.DeleteFunc(t[target], func(u use) bool { return left[u] })
	}
	for i, f := range changes(before, after) {
		for p, came := range f.placements() {
			if target := p.Target; came && target.Value().Kind != federation.ProbeNone {
				t[target] = append(t[target], useOf(i, p))
			}
		}
	}
	for target, was := range wasThere {
		switch is := len(t[target]) > 0; {
		case is && !was:
			come = append(come, target)
		case !is:
			delete(t, target)
			if was {
				gone = append(gone, target)
			}
		}
	}
	return come, gone
}

func useOf(function int, p *federation.Placement) use {
	return use{int32(function), uint16(p.Cluster)} //nolint:gosec // indices
}

// placements yields the placements that were removed and, with true, those that were
// added, including all whose target or cluster changed. Both are sorted by cluster.
func (c changed) placements() iter.Seq2[*federation.Placement, bool] {
	of := func(f *federation.Function) []*federation.Placement {
		if f == nil {
			return nil
		}
		return f.Placements
	}
	return func(yield func(*federation.Placement, bool) bool) {
		was, is := of(c.before), of(c.after)
		for len(was) > 0 || len(is) > 0 {
			switch {
			case len(is) == 0 || len(was) > 0 && was[0].Cluster < is[0].Cluster:
				if !yield(was[0], false) {
					return
				}
				was = was[1:]
			case len(was) == 0 || is[0].Cluster < was[0].Cluster:
				if !yield(is[0], true) {
					return
				}
				is = is[1:]
			default:
				if was[0].Target != is[0].Target && (!yield(was[0], false) || !yield(is[0], true)) {
					return
				}
				was, is = was[1:], is[1:]
			}
		}
	}
}

// users returns the functions that use any of the targets.
func (t targets) users(of []federation.SharedTarget) []int {
	var all []int
	for _, target := range of {
		for _, u := range t[target] {
			all = append(all, int(u.function))
		}
	}
	return all
}

// measure returns, by cluster, the least round-trip time to any placement.
func (t targets) measure(verdicts func(federation.SharedTarget) health.Verdict, clusters int) []time.Duration {
	rtts := make([]time.Duration, clusters)
	for target, users := range t {
		rtt := verdicts(target).RTT
		if rtt == 0 {
			continue
		}
		for _, u := range users {
			if rtts[u.cluster] == 0 || rtt < rtts[u.cluster] {
				rtts[u.cluster] = rtt
			}
		}
	}
	return rtts
}

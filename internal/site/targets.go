package site

import (
	"iter"
	"slices"
	"time"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/health"
)

// targets are what is probed, with the placements that each proves alive. Only the
// publisher uses it.
type targets map[federation.Target][]use

// use is one placement.
type use struct {
	function int32
	cluster  uint16
}

// follow brings the targets to what the functions are after, where they were before,
// and returns those that came and those that are gone.
func (t targets) follow(before, after functions) (come, gone []federation.Target) {
	changed := map[int32]bool{}
	wasThere := map[federation.Target]bool{}
	note := func(f *federation.Function) {
		for target := range probed(f) {
			if _, noted := wasThere[target]; !noted {
				wasThere[target] = len(t[target]) > 0
			}
		}
	}
	for i, f := range changes(before, after) {
		changed[int32(i)] = true //nolint:gosec // an index
		note(f.before)
		note(f.after)
	}
	for target := range wasThere {
		t[target] = slices.DeleteFunc(t[target], func(u use) bool { return changed[u.function] })
	}
	for i, f := range changes(before, after) {
		for target, cluster := range probed(f.after) {
			t[target] = append(t[target], use{int32(i), uint16(cluster)}) //nolint:gosec // indices
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

// probed returns the function's targets with the clusters that they are in; f may be
// nil.
func probed(f *federation.Function) iter.Seq2[federation.Target, int] {
	return func(yield func(federation.Target, int) bool) {
		if f == nil {
			return
		}
		for i := range f.Placements {
			p := &f.Placements[i]
			if target := p.Target.Value(); target.Kind != federation.ProbeNone && !yield(target, p.Cluster) {
				return
			}
		}
	}
}

// users returns the functions that have one of the targets.
func (t targets) users(of []federation.Target) []int {
	var all []int
	for _, target := range of {
		for _, u := range t[target] {
			all = append(all, int(u.function))
		}
	}
	return all
}

// measure returns the least round-trip time to any placement, by cluster.
func (t targets) measure(verdicts func(federation.Target) health.Verdict, clusters int) []time.Duration {
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

package site

import (
	"iter"
	"slices"
	"time"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/steering/steer"
)

// targets maps each probed target to the placements that it represents. Only the
// publisher uses it.
type targets map[federation.SharedTarget][]use

// use is the functions that a target represents in one cluster. Hardly any target has the
// address of two clusters.
type use struct {
	cluster   uint16
	functions indices
}

// follow updates the targets from the functions before to the functions after, and
// returns the targets that were added and removed.
func (t targets) follow(before, after functions) (come, gone []federation.SharedTarget) {
	wasThere := map[federation.SharedTarget]bool{}
	for change, of := range alikeChanges(before, after) {
		for p, came := range change.placements() {
			if p.Target.Value().Kind == federation.ProbeNone {
				continue
			}
			if _, noted := wasThere[p.Target]; !noted {
				wasThere[p.Target] = len(t[p.Target]) > 0
			}
			t.use(p, of, came)
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

// alikeChanges returns the functions that have the same lists of placements before and after,
// with the change of one of them.
func alikeChanges(before, after functions) iter.Seq2[changed, []int32] {
	type lists struct{ before, after federation.ListKey }
	first, same := map[lists]changed{}, map[lists][]int32{}
	for i, c := range changes(before, after) {
		key := lists{c.before.Placed().Key(), c.after.Placed().Key()}
		if key.before != key.after {
			first[key], same[key] = c, append(same[key], int32(i)) //nolint:gosec // an index
		}
	}
	return func(yield func(changed, []int32) bool) {
		for key, of := range same {
			if !yield(first[key], of) {
				return
			}
		}
	}
}

// use adds the functions to those that the placement's target represents in its cluster,
// or removes them.
func (t targets) use(p *federation.Placement, functions []int32, add bool) {
	all := t[p.Target]
	i := slices.IndexFunc(all, func(u use) bool { return int(u.cluster) == p.Cluster })
	if i < 0 {
		i = len(all)
		all = append(all, use{cluster: uint16(p.Cluster)}) //nolint:gosec // an index of a cluster
		t[p.Target] = all
	}
	for _, f := range functions {
		if add {
			all[i].functions.add(f)
		} else {
			all[i].functions.remove(f)
		}
	}
	if all[i].functions.isEmpty() {
		t[p.Target] = slices.Delete(all, i, i+1)
	}
}

// placements yields the placements that were removed and, with true, those that were
// added, including all whose target or cluster changed. Both are sorted by cluster.
func (c changed) placements() iter.Seq2[*federation.Placement, bool] {
	return func(yield func(*federation.Placement, bool) bool) {
		was, is := c.before.Placed(), c.after.Placed()
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
			all = slices.AppendSeq(all, u.functions.all())
		}
	}
	return all
}

// measure returns, by cluster, the least round-trip time to any placement.
func (t targets) measure(verdicts steer.Verdicts, clusters int) []time.Duration {
	rtts := make([]time.Duration, clusters)
	for target, uses := range t {
		rtt := verdicts(target).RTT
		if rtt == 0 {
			continue
		}
		for _, u := range uses {
			if rtts[u.cluster] == 0 || rtt < rtts[u.cluster] {
				rtts[u.cluster] = rtt
			}
		}
	}
	return rtts
}

package federation

import (
	"reflect"
	"slices"
	"unique"
)

// likeness is the key of Builder.shared. Placements that have it in common may differ
// in the rest.
type likeness struct {
	cluster        int
	target         unique.Handle[Target]
	runtime        Runtime
	replicas       int32
	cold, outdated bool
	health         Health
}

// mostShared bounds what a Builder holds of placements that may be no function's any
// more: beyond it all are found anew, and what is in use stays in use.
const mostShared = 1 << 14

// mostListed bounds likewise what it holds of their lists, in placements.
const mostListed = 1 << 18

// lists are lists of shared placements, by a hash of them.
type lists struct {
	byHash map[uint64][]*Placement
	total  int
}

// share returns a list that is as all, and other functions' too where they have such a
// one.
func (l *lists) share(all []*Placement) []*Placement {
	sum := hashOf(all)
	if same := l.byHash[sum]; slices.Equal(same, all) {
		return same
	}
	if l.total += len(all); l.total > mostListed {
		l.byHash, l.total = nil, len(all)
	}
	if l.byHash == nil {
		l.byHash = map[uint64][]*Placement{}
	}
	l.byHash[sum] = all
	return all
}

// share returns a placement that is as p, and other functions' too where they have
// such a one.
func (b *Builder) share(p Placement) *Placement {
	like := likeness{p.Cluster, p.Target, p.Runtime, p.Replicas, p.Cold, p.Outdated, p.Health}
	if same := b.shared[like]; same != nil && reflect.DeepEqual(same, &p) {
		return same
	}
	if len(b.shared) == mostShared {
		clear(b.shared)
		b.lists = lists{} // which are of them
	}
	b.shared[like] = &p
	return &p
}

package build

import (
	"reflect"
	"slices"

	"github.com/nearcast/nearcast/internal/base/intern"
	"github.com/nearcast/nearcast/internal/federation"
)

// likeness is the key of Builder.shared. Placements with the same likeness may still
// differ.
type likeness struct {
	cluster        int
	target         federation.SharedTarget
	runtime        federation.Runtime
	replicas       int32
	cold, outdated bool
	health         federation.Health
}

// mostShared bounds the placements that a Builder holds, some of which no function may
// use any more: beyond it the Builder starts over, and placements in use stay in use.
const mostShared = 1 << 14

// mostListed bounds the lists that it holds, in placements.
const mostListed = 1 << 18

// lists holds lists of shared placements by their hash.
type lists struct {
	byHash map[uint64][]*federation.Placement
	total  int
}

// share returns a list equal to all, which functions with equal lists share.
func (l *lists) share(all []*federation.Placement) []*federation.Placement {
	sum := intern.Hash(all)
	if same := l.byHash[sum]; slices.Equal(same, all) {
		return same
	}
	if l.total += len(all); l.total > mostListed {
		l.byHash, l.total = nil, len(all)
	}
	if l.byHash == nil {
		l.byHash = map[uint64][]*federation.Placement{}
	}
	l.byHash[sum] = all
	return all
}

// share returns a placement equal to p, which functions with equal placements
// share. One whose probe sends the function's own name is its own.
func (b *Builder) share(p federation.Placement) *federation.Placement {
	if p.Target.Value().Host != "" {
		return &p
	}
	like := likeness{p.Cluster, p.Target, p.Runtime, p.Replicas, p.Cold, p.Outdated, p.Health}
	if same := b.shared[like]; same != nil && reflect.DeepEqual(same, &p) {
		return same
	}
	if len(b.shared) == mostShared {
		clear(b.shared)
		b.lists = lists{} // they hold these placements
	}
	b.shared[like] = &p
	return &p
}

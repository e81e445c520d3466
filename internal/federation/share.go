package federation

import (
	"reflect"
	"unique"
)

// likeness is the key of Memory.shared. Placements that have it in common may differ
// in the rest.
type likeness struct {
	cluster        int
	target         unique.Handle[Target]
	runtime        Runtime
	replicas       int32
	cold, outdated bool
	health         Health
}

// mostShared bounds what a Memory holds of placements that may be no function's any
// more: beyond it all are found anew, and what is in use stays in use.
const mostShared = 1 << 14

// share returns a placement that is as p, and other functions' too where they have
// such a one.
func (m *Memory) share(p Placement) *Placement {
	like := likeness{p.Cluster, p.Target, p.Runtime, p.Replicas, p.Cold, p.Outdated, p.Health}
	if same := m.shared[like]; same != nil && reflect.DeepEqual(same, &p) {
		return same
	}
	if len(m.shared) == mostShared {
		clear(m.shared)
	}
	m.shared[like] = &p
	return &p
}

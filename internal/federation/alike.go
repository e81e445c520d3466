package federation

import (
	"hash/maphash"
	"maps"
	"slices"
	"strings"
	"sync"
	"unique"
	"weak"
)

// Most bindings say of their clusters what others say of theirs, and most templates have
// annotations that others have too: what comes of it is kept once.

// commonplace is all that an Observed says that is not one resource's alone.
type commonplace struct {
	applied, was bool
	idle         bool
	health       Health
	counted      bool
	capacity     Capacity
}

// mostReplicas bounds how many commonplaces there are.
const mostReplicas = 32

// commonplace returns what o says, and false if that is more or out of the ordinary.
func (o *Observed) commonplace() (commonplace, bool) {
	c := commonplace{applied: o.Applied, was: o.WasApplied, idle: o.Idle, health: o.Health}
	if o.Capacity != nil {
		c.counted, c.capacity = true, *o.Capacity
	}
	ordinary := func(n int32) bool { return n >= 0 && n <= mostReplicas }
	return c, o.Message == "" && o.Unread == "" && o.LoadBalancer.equal(Endpoint{}) && o.LoadBalancerNames == nil &&
		o.Health <= Unhealthy && ordinary(c.capacity.Desired) && ordinary(c.capacity.Ready) && ordinary(c.capacity.Added)
}

var observed sync.Map // the *Observed of each commonplace

// shared returns an Observed that nobody changes, and that others may have too.
func (o Observed) shared() *Observed {
	c, common := o.commonplace()
	if !common {
		return new(o)
	}
	same, ok := observed.Load(c)
	if !ok {
		same, _ = observed.LoadOrStore(c, new(o))
	}
	return same.(*Observed)
}

// alikes are objects by a hash of what they have in common with others. One that is gone
// is forgotten in time.
type alikes[T any] struct {
	mu     sync.Mutex
	byHash map[uint64]weak.Pointer[T]
	enough int // how many there may be before those that are gone are looked for
}

// like returns one whose hash is the same and that is alike, or else notes that o is such
// a one.
func (a *alikes[T]) like(hash uint64, o *T, alike func(*T) bool) *T {
	a.mu.Lock()
	defer a.mu.Unlock()
	if other := a.byHash[hash].Value(); other != nil && alike(other) {
		return other
	}
	if len(a.byHash) >= a.enough {
		maps.DeleteFunc(a.byHash, func(_ uint64, o weak.Pointer[T]) bool { return o.Value() == nil })
		a.enough = max(1<<10, 2*len(a.byHash))
	}
	if a.byHash == nil {
		a.byHash = map[uint64]weak.Pointer[T]{}
	}
	a.byHash[hash] = weak.Make(o)
	return nil
}

var (
	alikeBindings  alikes[Binding]
	alikeTemplates alikes[Template]
)

var seed = maphash.MakeSeed()

// hashOf is the same for all that are equal, in this process.
func hashOf[T comparable](all []T) uint64 {
	var hash maphash.Hash
	hash.SetSeed(seed)
	for _, one := range all {
		maphash.WriteComparable(&hash, one)
	}
	return hash.Sum64()
}

// share gives the binding the list of members that another has who says the same of the
// same clusters. Nothing may be placed or observed after it.
func (b *Binding) share() {
	for _, m := range b.Members {
		if m.seen == nil {
			continue
		}
		if _, common := m.seen.commonplace(); !common {
			return
		}
	}
	alike := func(o *Binding) bool { return slices.Equal(o.Members, b.Members) }
	if o := alikeBindings.like(hashOf(b.Members), b, alike); o != nil {
		b.Members = o.Members
	}
}

// declares are the labels of whatever declares a function, for all of them.
var declares = map[string]string{FunctionLabel: "true"}

// Share gives the object what others have too: names, labels, annotations, what a binding
// says. It is called once, by the object's only owner, when it has all that it will ever
// have and no fault: others may be given what it has from then on.
func Share(o Object) {
	m := o.meta()
	m.Ref = m.common()
	if maps.Equal(m.Labels, declares) {
		m.Labels = declares
	}
	switch o := o.(type) {
	case *Template:
		o.share()
	case *Binding:
		o.Resource = o.Resource.common()
		o.Resource.Name = within(o.Name, o.Resource.Name)
		o.share()
	}
}

func (r Ref) common() Ref { return Ref{common(r.Group), common(r.Kind), common(r.Namespace), r.Name} }

// common returns the string as all have it who came since the collector last ran, which
// is many where there are many.
func common(s string) string { return unique.Make(s).Value() }

// within returns s as a part of whole where it begins with it, as Karmada's names of
// bindings begin with the resource's.
func within(whole, s string) string {
	if strings.HasPrefix(whole, s) {
		return whole[:len(s)]
	}
	return s
}

// share gives the template the annotations of another, and what they were parsed to, if
// they are the same.
func (t *Template) share() {
	if len(t.Hostnames) > 0 {
		return // which are its own
	}
	hash := hashOf(t.Annotations) ^ maphash.String(seed, t.Namespace)
	alike := func(o *Template) bool {
		return o.Namespace == t.Namespace && slices.Equal(o.Annotations, t.Annotations)
	}
	if o := alikeTemplates.like(hash, t, alike); o != nil {
		t.Annotations, t.Annotated = o.Annotations, o.Annotated
		if slices.Equal(o.Numbers, t.Numbers) {
			t.Numbers = o.Numbers
		}
	}
}

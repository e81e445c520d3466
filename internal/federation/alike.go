package federation

import (
	"slices"
	"strings"
	"sync"

	"github.com/nearcast/nearcast/internal/base/intern"
)

// Most bindings say the same of their clusters as other bindings do, and most templates
// have annotations that others have too. What is derived from them is stored once.

// commonplace is the part of an Observed that many resources share.
type commonplace struct {
	applied, was bool
	idle         bool
	health       Health
	counted      bool
	capacity     Capacity
}

// mostReplicas bounds how many commonplaces there are.
const mostReplicas = 32

// commonplace returns what o says; it returns false if o holds more than that or unusual
// values.
func (o *Observed) commonplace() (commonplace, bool) {
	c := commonplace{applied: o.Applied, was: o.WasApplied, idle: o.Idle, health: o.Health}
	if o.Capacity != nil {
		c.counted, c.capacity = true, *o.Capacity
	}
	ordinary := func(n int32) bool { return n >= 0 && n <= mostReplicas }
	return c, o.Message == "" && o.Unread == "" && o.LoadBalancer.Equal(Endpoint{}) && o.LoadBalancerNames == nil &&
		o.Health <= Unhealthy && ordinary(c.capacity.Desired) && ordinary(c.capacity.Ready) && ordinary(c.capacity.Added)
}

var observed sync.Map // the *Observed of each commonplace

// shared returns an Observed that must not be changed and that other objects may share.
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

var (
	alikePlacings  intern.Set[Placing]
	alikeCommons   intern.Set[Common]
	alikeServices  intern.Set[Service]
	alikeTemplates intern.Set[Template]
)

// share makes the binding use the Placing of another binding that says the same of the same
// clusters. Do not call Place or Observe afterwards.
func (b *Binding) share() {
	b.resource = within(b.name, b.resource)
	for _, m := range b.Members {
		if m.seen == nil {
			continue
		}
		if _, common := m.seen.commonplace(); !common {
			return
		}
	}
	alike := func(o *Placing) bool {
		return slices.Equal(o.Members, b.Members) && slices.Equal(o.Evictions, b.Evictions) && o.Unscheduled == b.Unscheduled
	}
	if o := alikePlacings.Like(intern.Hash(b.Members), b.Placing, alike); o != nil {
		b.Placing = o
	}
}

// Share replaces what the object has in common with others by shared values: names,
// ports, annotations, what a binding says. The object's only owner calls it once, when
// the object is complete and has no fault; from then on other objects may share its
// values.
func Share(o Object) {
	if b, ok := o.(*Binding); ok {
		b.share()
		return
	}
	m := o.meta()
	m.Common = m.Common.shared()
	if t, ok := o.(*Template); ok {
		t.share() // last: from then on others compare theirs with it
	}
}

// shared returns a Common equal to c that other objects may share.
func (c *Common) shared() *Common {
	own := Common{intern.String(c.Group), intern.String(c.Kind), intern.String(c.Namespace), intern.String(c.File)}
	if o := alikeCommons.Like(intern.Hash([]Common{own}), &own, func(o *Common) bool { return *o == own }); o != nil {
		return o
	}
	return &own
}

// within returns s as a substring of whole if whole begins with s, as Karmada's names of
// bindings begin with the resource's.
func within(whole, s string) string {
	if strings.HasPrefix(whole, s) {
		return whole[:len(s)]
	}
	return s
}

// share makes the template use what another template says of its ports, and the annotations, and
// their parsed form, of another template if they are equal.
func (t *Template) share() {
	t.Service = t.Service.shared()
	if len(t.Hostnames) > 0 {
		return // its annotations are its own
	}
	hash := intern.Hash(t.Annotations) ^ intern.Hash([]string{t.Namespace})
	alike := func(o *Template) bool {
		return o.Namespace == t.Namespace && slices.Equal(o.Annotations, t.Annotations)
	}
	if o := alikeTemplates.Like(hash, t, alike); o != nil {
		t.Annotations, t.Annotated = o.Annotations, o.Annotated
	}
}

// shared returns a Service equal to s that other templates may share. An Ingress has names of its
// own.
func (s *Service) shared() *Service {
	if len(s.Hosts) > 0 || len(s.Backends) > 0 {
		return s
	}
	hash := intern.Hash(s.Numbers) ^ intern.Hash(s.Ports)
	alike := func(o *Service) bool {
		return o.TCPPort == s.TCPPort && o.Balanced == s.Balanced && o.Announced == s.Announced && slices.Equal(o.Numbers, s.Numbers) && slices.Equal(o.Ports, s.Ports)
	}
	if o := alikeServices.Like(hash, s, alike); o != nil {
		return o
	}
	return s
}

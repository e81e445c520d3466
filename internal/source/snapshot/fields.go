package snapshot

import (
	"strings"
	"time"

	"github.com/nearcast/nearcast/internal/base/brief"
	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/steering/health"
)

// Most objects differ from many others only in their names and a few other values. What
// these have in common is their shape, which a chunk has once; so it has each list of a
// binding's members. TestEveryFieldIsKept holds that each field is in the shape or among
// the object's own, or is derived.

// The kinds of objects, as shapes begin with them.
const (
	kindCluster uint8 = iota
	kindTemplate
	kindWorkload
	kindBinding
	kindExposure
	kindBackend
)

const lastKind = kindBackend

// newObject returns an empty object of the kind; nil if there is no such kind.
func newObject(kind uint8) federation.Object {
	meta := federation.NewMeta(federation.Ref{})
	switch kind {
	case kindCluster:
		return &federation.Cluster{Meta: meta}
	case kindTemplate:
		return &federation.Template{Meta: meta, Service: &federation.Service{}}
	case kindWorkload:
		return &federation.Workload{Meta: meta}
	case kindBinding:
		return &binding{Meta: meta}
	case kindExposure:
		return &federation.MultiClusterService{Meta: meta}
	case kindBackend:
		return &federation.Backend{Meta: meta}
	}
	return nil
}

// binding is a federation.Binding as it is written and read.
type binding struct {
	federation.Meta
	Resource federation.Ref
	federation.Placing
}

// written returns the object as it is written.
func written(o federation.Object) federation.Object {
	if b, ok := o.(*federation.Binding); ok {
		return &binding{*federation.MetaOf(b), b.Resource(), *b.Placing}
	}
	return o
}

// copyOf returns a copy of the object that shares everything that it points to.
func copyOf(o federation.Object) federation.Object {
	switch o := o.(type) {
	case *federation.Cluster:
		return new(*o)
	case *federation.Template:
		return new(*o)
	case *federation.Workload:
		return new(*o)
	case *binding:
		return new(*o)
	case *federation.MultiClusterService:
		return new(*o)
	case *federation.Backend:
		return new(*o)
	}
	return nil
}

// writeShape writes the kind of the object and what it has in common with others.
func (w *wire) writeShape(o federation.Object) {
	var kind uint8
	switch o.(type) {
	case *federation.Cluster:
		kind = kindCluster
	case *federation.Template:
		kind = kindTemplate
	case *federation.Workload:
		kind = kindWorkload
	case *binding:
		kind = kindBinding
	case *federation.MultiClusterService:
		kind = kindExposure
	case *federation.Backend:
		kind = kindBackend
	}
	number(w, &kind, lastKind)
	w.shape(o)
}

// readShape returns an object with what writeShape wrote.
func (w *wire) readShape() federation.Object {
	var kind uint8
	number(w, &kind, lastKind)
	o := newObject(kind)
	if w.shape(o); len(w.data) > 0 {
		w.fail("a shape has %d octets more than its fields", len(w.data))
	}
	return o
}

func (w *wire) shape(o federation.Object) {
	m := federation.MetaOf(o)
	w.everywhere(&m.Group)
	w.everywhere(&m.Kind)
	w.everywhere(&m.Namespace)
	list(w, (*[]federation.Annotation)(&m.Annotations), func(a *federation.Annotation) {
		w.everywhere(&a.Key)
		w.common(&a.Value)
		signed(w, &a.Below)
	})
	w.everywhere(&m.File)
	switch o := o.(type) {
	case *federation.Cluster:
		w.cluster(o)
	case *federation.Template:
		w.template(o)
	case *federation.Workload:
		w.common(&o.RuntimeClass)
	case *binding:
		w.binding(o)
	case *federation.MultiClusterService:
		list(w, &o.Providers, w.everywhere)
	}
}

// own is what an object has for itself.
func (w *wire) own(o federation.Object) {
	m := federation.MetaOf(o)
	w.text(&m.Name)
	w.uid(&m.UID)
	w.created(&m.Created)
	signed(w, &m.Line)
	switch o := o.(type) {
	case *federation.Template:
		w.labels(&o.Selector)
	case *federation.Backend:
		w.labels(&o.Selector)
	case *federation.Workload:
		w.labels(&o.PodLabels)
	case *binding:
		w.beginning(&o.Resource.Name, o.Name)
	}
}

// uid is written as text, as in formats before.
func (w *wire) uid(u *federation.UID) {
	if w.reading {
		*u = federation.UIDOf(string(w.octets("")))
		return
	}
	var room [64]byte
	text := u.Append(room[:0])
	w.count(len(text), 1)
	w.data = append(w.data, text...)
}

// created is a time in seconds, where 0 is none.
func (w *wire) created(seconds *int64) {
	var t time.Time
	if *seconds != 0 {
		t = time.Unix(*seconds, 0)
	}
	if w.time(&t); w.reading && !t.IsZero() {
		*seconds = t.Unix()
	}
}

// labels are sorted by key.
func (w *wire) labels(all *federation.Labels) {
	list(w, (*[]federation.Label)(all), func(l *federation.Label) {
		w.everywhere(&l.Key)
		w.text(&l.Value)
	})
	for i := range max(0, len(*all)-1) {
		if a, b := (*all)[i].Key, (*all)[i+1].Key; a >= b {
			w.fail("the label %q is after %q", b, a)
		}
	}
}

// beginning is a text with which whole usually begins, as names of bindings begin with
// the resource's. What was read is then a part of whole.
func (w *wire) beginning(s *string, whole string) {
	begins := strings.HasPrefix(whole, *s)
	if w.flags(&begins); !begins {
		w.text(s)
		return
	}
	n := uint64(len(*s))
	if number(w, &n, uint64(len(whole))); w.reading {
		*s = whole[:n]
	}
}

// cluster leaves out what the annotations say.
func (w *wire) cluster(c *federation.Cluster) {
	w.everywhere(&c.Region)
	list(w, &c.Zones, w.everywhere)
	number(w, &c.Ready, federation.ReadyUnknown)
	w.float(&c.Used)
	w.common(&c.Leaving)
}

func (w *wire) template(t *federation.Template) {
	number(w, &t.TCPPort, 1<<16-1)
	list(w, &t.Numbers, func(n *federation.PortNumbers) {
		w.port(&n.Port)
		w.port(&n.Target)
		w.port(&n.Node)
	})
	list(w, &t.Ports, func(p *federation.Port) {
		w.everywhere(&p.Name)
		w.everywhere(&p.Protocol)
		w.port(&p.Number)
	})
	w.flags(&t.Balanced, &t.Announced)
	list(w, &t.Hosts, w.common)
	list(w, &t.Backends, w.common)
}

func (w *wire) port(p *uint16) { number(w, p, 1<<16-1) }

func (w *wire) binding(b *binding) {
	w.everywhere(&b.Resource.Group)
	w.everywhere(&b.Resource.Kind)
	w.everywhere(&b.Resource.Namespace)
	list(w, &b.Evictions, func(e *federation.Eviction) {
		w.everywhere(&e.Cluster)
		w.flags(&e.Purged)
	})
	w.message(&b.Unscheduled)
}

// message is text of others; reading it shortens and escapes what the disk may have.
func (w *wire) message(s *string) {
	if w.common(s); w.reading && *s != "" {
		*s = brief.Text(*s)
	}
}

func (w *wire) target(t *federation.Target) {
	w.everywhere((*string)(&t.Kind))
	address(w, &t.Addr)
	w.common(&t.Host)
	w.common(&t.Path)
	number(w, &t.Expect.From, 1<<16-1)
	number(w, &t.Expect.To, 1<<16-1)
	w.common(&t.Expect.Header)
	w.common(&t.Expect.Value)
	w.common(&t.Expect.Body)
}

// verdict leaves out Stale, which every verdict of a snapshot is.
func (w *wire) verdict(v *health.Verdict) {
	number(w, &v.State, health.Down)
	w.message(&v.Reason)
	if signed(w, &v.RTT); w.reading && v.RTT < 0 {
		w.fail("%s is not the time of a round trip", v.RTT)
	}
	w.float(&v.Load)
	w.flags(&v.Shaky, &v.Flapping)
	w.time(&v.Since)
	v.Stale = v.Stale || w.reading
}

func (w *wire) times(t *times) {
	w.time(&t.Saved)
	w.time(&t.Confirmed)
}

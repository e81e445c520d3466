package snapshot

import (
	"net/netip"

	"github.com/nearcast/nearcast/internal/federation"
)

// writeMembers writes what bindings of many namespaces have in common: their clusters, and
// what is seen there.
func (w *wire) writeMembers(all []federation.Member) {
	w.count(len(all), leastMember)
	var o federation.Observed
	for i := range all {
		m := &all[i]
		name, seen := m.Cluster(), m.IsSeen()
		w.common(&name)
		w.flags(&m.Placed, &seen)
		signed(w, &m.Replicas)
		if seen {
			o = m.Observed()
			w.observed(&o)
		}
	}
}

// leastMember is the least number of octets of a member.
const leastMember = 3

// readMembers returns what writeMembers wrote.
func (w *wire) readMembers() []federation.Member {
	b := federation.Binding{Placing: &federation.Placing{}}
	b.Members = make([]federation.Member, 0, w.count(0, leastMember))
	var o federation.Observed
	for last := ""; len(w.data) > 0; {
		var name string
		var placed, seen bool
		var replicas int32
		w.common(&name)
		w.flags(&placed, &seen)
		signed(w, &replicas)
		if o = (federation.Observed{}); seen {
			w.observed(&o)
		}
		if name <= last && len(b.Members) > 0 {
			w.fail("the member %q is after %q", name, last) // sorted, they are added at the end
		}
		if w.err != nil {
			break
		}
		if last = name; placed {
			b.Place(name, replicas)
		}
		if seen {
			b.Observe(name, o)
		}
	}
	return b.Members
}

func (w *wire) observed(o *federation.Observed) {
	counted := o.Capacity != nil
	special := o.Message != "" || o.Unread != "" || !o.LoadBalancer.Equal(federation.Endpoint{}) || len(o.LoadBalancerNames) > 0
	w.flags(&o.Applied, &o.WasApplied, &o.Idle, &counted, &special)
	number(w, &o.Health, federation.Unhealthy)
	if counted {
		if w.reading {
			o.Capacity = &federation.Capacity{}
		}
		signed(w, &o.Capacity.Desired)
		signed(w, &o.Capacity.Ready)
		signed(w, &o.Capacity.Added)
	}
	if special {
		w.common(&o.Message)
		w.common(&o.Unread)
		w.endpoint(&o.LoadBalancer)
		list(w, &o.LoadBalancerNames, w.common)
	}
}

func (w *wire) endpoint(e *federation.Endpoint) {
	w.family(&e.V4, netip.Addr.Is4)
	w.family(&e.V6, isSix)
	w.port(&e.Port)
	w.flags(&e.Gateway)
}

// isSix reports whether the address is of IPv6, and not an address of IPv4 in its form.
func isSix(a netip.Addr) bool { return a.Is6() && !a.Is4In6() }

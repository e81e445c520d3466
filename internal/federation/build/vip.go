package build

import (
	"net/netip"
	"slices"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/federation/annotation"
)

// vips records who wants which VIP, and which entries have a VIP as an address. A VIP
// belongs to the namespace that declared it first. Others can neither use it nor take it
// away.
type vips struct {
	declared contest[netip.Addr, *entry]
	// in counts the templates of a namespace that declare a VIP.
	in map[ownVIP]int
	// occupants are the entries that have a VIP of another namespace as an address.
	occupants contest[netip.Addr, *entry]
	// disputed are the VIPs whose owner may have changed.
	disputed map[netip.Addr]bool
	// gateways maps an address to the cluster whose gateway has it.
	gateways map[netip.Addr]string
}

// ownVIP is a VIP and a namespace that declares it.
type ownVIP struct {
	vip       netip.Addr
	namespace string
}

func newVIPs() vips {
	first := func(_ netip.Addr, a, b *entry) bool { return older(a, b) }
	declares := func(e *entry, vip netip.Addr) bool { return slices.Contains(e.vips, vip) }
	occupies := func(e *entry, vip netip.Addr) bool { return slices.Contains(e.needs.occupied, vip) }
	return vips{
		declared: newContest(declares, first), occupants: newContest(occupies, first),
		disputed: map[netip.Addr]bool{}, in: map[ownVIP]int{}, gateways: map[netip.Addr]string{},
	}
}

// declareVIPs adds the entry's template to the VIPs that its claims allow, and adds a
// fault for each other VIP.
func (b *Builder) declareVIPs(e *entry) {
	t := e.template
	for _, vip := range t.VIPs {
		if err := b.Claims.AllowAnnotated(t.Namespace, vip); err != nil {
			e.barred = append(e.barred, t.Fault(annotation.VIP, "%v", err))
			continue
		}
		e.vips = append(e.vips, vip)
		if b.declared.enter(vip, e); b.declared.holder.Get(vip) == e {
			b.disputed[vip] = true
		}
		own := ownVIP{vip, t.Namespace}
		if b.vips.in[own]++; b.vips.in[own] == 1 {
			b.changedVIPs[vip] = true
		}
	}
}

// withdrawVIPs takes the entry's VIPs away.
func (b *Builder) withdrawVIPs(e *entry) {
	for _, vip := range e.vips {
		if b.declared.holder.Get(vip) == e {
			b.disputed[vip] = true
		}
		b.declared.leave(vip, e)
		own := ownVIP{vip, e.template.Namespace}
		if b.vips.in[own]--; b.vips.in[own] == 0 {
			delete(b.vips.in, own)
			b.changedVIPs[vip] = true
		}
	}
	e.vips = nil
}

// touchDisputed touches every entry that declares a VIP whose owner may have changed.
func (b *Builder) touchDisputed() {
	for vip := range b.disputed {
		for e := range b.declared.all(vip) {
			b.touch(e)
		}
	}
	clear(b.disputed)
}

// heldVIPs returns the VIPs that the entry got of those that it declares.
func (b *pass) heldVIPs(e *entry) []netip.Addr {
	var held []netip.Addr
	for _, vip := range e.vips {
		if why := b.taken(vip, e); why != "" {
			b.fault(e.template, annotation.VIP, "VIP %s %s", vip, why)
			continue
		}
		held = append(held, vip)
	}
	return held
}

// taken says who owns the VIP if it is not the entry's namespace.
func (b *pass) taken(vip netip.Addr, e *entry) string {
	if cluster, is := b.gateways[vip]; is {
		return "is the gateway of cluster " + cluster
	}
	holder := b.declared.holder.Get(vip)
	if holder.template.Namespace != e.template.Namespace {
		return "already belongs to " + holder.template.String()
	}
	if first := b.occupant(vip); first != nil {
		return "is an address of " + first.template.String()
	}
	return ""
}

// occupant returns the first entry of another namespace that had the address before the
// VIP's holder; nil if there is none.
func (b *Builder) occupant(vip netip.Addr) *entry {
	holder := b.declared.holder.Get(vip)
	if holder == nil {
		return nil
	}
	for o := range b.occupants.all(vip) {
		if !older(o, holder) {
			return nil
		}
		if o.template.Namespace != holder.template.Namespace {
			return o
		}
	}
	return nil
}

// isVIP reports whether the address is a VIP that the namespace declares. A gateway's
// address is never a VIP, whatever a tenant writes.
func (b *pass) isVIP(namespace string, a netip.Addr) bool {
	if b.vips.in[ownVIP{a, namespace}] == 0 {
		return false
	}
	_, gateway := b.gateways[a]
	return !gateway
}

// note records which VIPs of others are addresses of the function being built. An address
// that no claim gives to its namespace, such as a load balancer's, does not keep others from
// the VIP.
func (b *pass) note(e federation.Endpoint) {
	if e.Gateway {
		return
	}
	namespace := b.making.template.Namespace
	for _, a := range slices.Concat(e.V4, e.V6) {
		holder := b.declared.holder.Get(a)
		if holder != nil && !slices.Contains(b.needs.occupied, a) && b.Claims.AllowAnnotated(namespace, a) == nil {
			b.needs.occupied = append(b.needs.occupied, a)
		}
	}
}

// vacate records which VIPs are no longer addresses of the entry.
func (b *Builder) vacate(e *entry, before, now []netip.Addr) {
	for _, vip := range before {
		if slices.Contains(now, vip) {
			continue
		}
		first := b.occupant(vip)
		if b.occupants.leave(vip, e); b.occupant(vip) != first {
			b.disputed[vip] = true
		}
	}
}

// occupy records which VIPs are addresses of the entry that were not.
func (b *Builder) occupy(e *entry, before, now []netip.Addr) {
	for _, vip := range now {
		if slices.Contains(before, vip) {
			continue
		}
		first := b.occupant(vip)
		if b.occupants.enter(vip, e); b.occupant(vip) != first {
			b.disputed[vip] = true
		}
	}
}

// settleGateways records the addresses of the clusters' gateways.
func (b *Builder) settleGateways() {
	clear(b.gateways)
	for _, c := range b.clusters {
		for _, e := range c.Gateways {
			for _, a := range slices.Concat(e.V4, e.V6) {
				if _, before := b.gateways[a]; !before {
					b.gateways[a] = c.Name
				}
			}
		}
	}
}

package gobgp

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/vishvananda/netlink"
)

// findInterval is how often the speaker looks for the neighbours of unnumbered peers and for
// sessions that do not begin.
const findInterval = time.Second

// tend repeats what GoBGP does only once or too late.
func (s *Speaker) tend() {
	tick := time.NewTicker(findInterval)
	defer tick.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-tick.C:
			s.lookAtLinks()
			s.pace(time.Now())
			s.report(time.Now())
		case <-s.chronicle.wake:
			s.pace(time.Now())
		}
	}
}

// lookAtLinks announces this end to neighbours with link-local addresses. It begins the session of
// an unnumbered peer when its neighbour appears on the link, and again when the neighbour has
// another address, as after a router is replaced. GoBGP itself looks only once.
func (s *Speaker) lookAtLinks() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.peers {
		link := p.link()
		if link == "" || !p.begun {
			continue
		}
		if p.addr.IsValid() && s.isEstablished(p.addr) {
			p.problem = ""
			continue
		}
		shown := advertise(link)
		if p.config.Interface == "" { // its address is configured
			if shown != nil && p.added {
				p.problem = shown.Error()
			}
			continue
		}
		addr, err := neighbourOn(p.config.Interface)
		switch {
		case err != nil && !p.added && !p.trouble.parked():
			p.problem = err.Error()
		case shown != nil:
			p.problem = shown.Error()
		}
		if err != nil {
			continue
		}
		if addr == p.addr && (p.added || p.trouble.parked()) {
			continue
		}
		said, err := p.problem, errors.Join(s.remove(p), s.unkey(p))
		s.forget(p)
		p.addr, p.extended = addr, false
		p.trouble.retry = time.Time{}
		if err := errors.Join(err, s.applyPolicy(), s.add(p)); err != nil && p.problem != said {
			s.log.Error("cannot add the discovered neighbor as a peer", "interface", p.config.Interface, "error", err)
		}
	}
}

// link returns the link of a neighbour that may wait for this end to announce itself there; "" for
// any other.
func (p *peer) link() string {
	if p.config.Gateway != "" {
		return p.config.Address.Zone()
	}
	return p.config.Interface
}

// neighbourOn returns the link-local address of the one neighbour on the link.
func neighbourOn(link string) (netip.Addr, error) {
	ifi, err := net.InterfaceByName(link)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("interface %s does not exist", link)
	}
	all, err := netlink.NeighList(ifi.Index, netlink.FAMILY_V6)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("%s: %w", link, err)
	}
	var found, routers []netip.Addr
	for _, n := range all {
		a, ok := netip.AddrFromSlice(n.IP)
		if !ok || !a.IsLinkLocalUnicast() || n.State&netlink.NUD_FAILED != 0 {
			continue
		}
		found = append(found, a.WithZone(link))
		if n.Flags&netlink.NTF_ROUTER != 0 { // it has sent an advertisement
			routers = append(routers, a.WithZone(link))
		}
	}
	if len(found) > 1 {
		probe(all)
	}
	if len(routers) == 1 { // ignore hosts and switches
		found = routers
	}
	switch len(found) {
	case 0:
		return netip.Addr{}, fmt.Errorf("no neighbor discovered on %s yet; the router must send router advertisements or neighbor solicitations", link)
	case 1:
		return found[0], nil
	}
	return netip.Addr{}, fmt.Errorf("%s has several neighbors, %v; an unnumbered session requires a link with exactly one", link, found)
}

// probe makes the kernel ask the neighbours whether they are still present. Without it, the kernel
// would need up to a minute to notice that one was replaced.
func probe(all []netlink.Neigh) {
	for _, n := range all {
		if n.IP.IsLinkLocalUnicast() && n.State&(netlink.NUD_PROBE|netlink.NUD_FAILED) == 0 {
			n.State = netlink.NUD_PROBE
			_ = netlink.NeighSet(&n) // without the permission it takes longer
		}
	}
}

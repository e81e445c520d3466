package gobgp

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/vishvananda/netlink"
)

// findInterval is how often the neighbours of unnumbered peers are looked for.
const findInterval = time.Second

// findNeighbours begins the sessions of unnumbered peers when their neighbour
// shows itself on the link, and again when it has another address, as a router
// that was replaced does. GoBGP itself looks once.
func (s *Speaker) findNeighbours() {
	tick := time.NewTicker(findInterval)
	defer tick.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-tick.C:
			s.lookAtLinks()
		}
	}
}

func (s *Speaker) lookAtLinks() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.peers {
		if p.config.Interface == "" || p.addr.IsValid() && s.isEstablished(p.addr) {
			continue
		}
		addr, err := neighbourOn(p.config.Interface)
		if err != nil && !p.added {
			p.problem = err.Error()
		}
		if err != nil {
			continue
		}
		if addr == p.addr && p.added {
			continue
		}
		err = s.remove(p)
		p.addr, p.extended = addr, false
		if err := errors.Join(err, s.applyPolicy(), s.add(p)); err != nil {
			s.log.Error("the neighbour that was found is not a peer", "interface", p.config.Interface, "error", err)
		}
	}
}

// neighbourOn returns the link-local address of the one neighbour on the link.
func neighbourOn(link string) (netip.Addr, error) {
	ifi, err := net.InterfaceByName(link)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("%s: %w", link, err)
	}
	all, err := netlink.NeighList(ifi.Index, netlink.FAMILY_V6)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("%s: %w", link, err)
	}
	var found []netip.Addr
	for _, n := range all {
		if a, ok := netip.AddrFromSlice(n.IP); ok && a.IsLinkLocalUnicast() && n.State&netlink.NUD_FAILED == 0 {
			found = append(found, a.WithZone(link))
		}
	}
	switch len(found) {
	case 0:
		return netip.Addr{}, fmt.Errorf("no neighbour was found on %s yet; it must send router advertisements or neighbour solicitations", link)
	case 1:
		return found[0], nil
	}
	return netip.Addr{}, fmt.Errorf("%s has the neighbours %v; an unnumbered session needs a link with one", link, found)
}

package loopback

import (
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/nearcast/nearcast/bgp/internal/rtnetlink"
)

const (
	// protocol marks our addresses: iproute2's rt_addrprotos uses 0 to 3 and leaves the rest to
	// administrators.
	protocol = 0x4e
	ifaProto = 11 // linux/if_addr.h; missing in package unix
)

// mark is what an address on lo reveals about its origin.
type mark struct {
	protocol byte
	owner    Owner // 0 if unmarked
}

// ours reports whether a speaker gave the address, as far as the kernel records it.
func (m mark) ours() bool { return m.protocol == protocol }

// addresses returns the addresses on lo.
func addresses() (map[netip.Addr]mark, error) {
	lo, err := net.InterfaceByName(device)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", device, err)
	}
	request := nl.NewNetlinkRequest(unix.RTM_GETADDR, unix.NLM_F_DUMP)
	request.AddData(nl.NewIfAddrmsg(unix.AF_UNSPEC))
	messages, err := request.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWADDR)
	if err != nil {
		return nil, fmt.Errorf("%s: cannot list the addresses: %w", device, err)
	}
	all := map[netip.Addr]mark{}
	for _, m := range messages {
		head := nl.DeserializeIfAddrmsg(m)
		if int(head.Index) != lo.Index {
			continue
		}
		attributes, err := nl.ParseRouteAttr(m[head.Len():])
		if err != nil {
			return nil, fmt.Errorf("%s: cannot read an address: %w", device, err)
		}
		addr, mark := read(attributes)
		all[addr] = mark
	}
	return all, nil
}

func read(attributes []syscall.NetlinkRouteAttr) (addr netip.Addr, m mark) {
	for _, a := range attributes {
		switch {
		case a.Attr.Type == unix.IFA_ADDRESS:
			addr, _ = netip.AddrFromSlice(a.Value)
		case a.Attr.Type == ifaProto && len(a.Value) == 1:
			m.protocol = a.Value[0]
		case a.Attr.Type == unix.IFA_RT_PRIORITY && len(a.Value) == 4:
			m.owner = Owner(nl.NativeEndian().Uint32(a.Value))
		}
	}
	return addr, m
}

// change adds, replaces or removes one address. A removal names no owner.
func change(kind, flags int, a netip.Addr, owner Owner) error {
	lo, err := net.InterfaceByName(device)
	if err != nil {
		return err
	}
	family := unix.AF_INET
	if a.Is6() {
		family = unix.AF_INET6
	}
	head := nl.NewIfAddrmsg(family)
	head.Prefixlen, head.Index = uint8(a.BitLen()), uint32(lo.Index)
	request := nl.NewNetlinkRequest(kind, flags|unix.NLM_F_ACK)
	request.AddData(head)
	request.AddData(nl.NewRtAttr(unix.IFA_LOCAL, a.AsSlice()))
	request.AddData(nl.NewRtAttr(unix.IFA_ADDRESS, a.AsSlice()))
	request.AddData(nl.NewRtAttr(ifaProto, []byte{protocol}))
	if owner != 0 {
		request.AddData(nl.NewRtAttr(unix.IFA_RT_PRIORITY, nl.Uint32Attr(uint32(owner))))
	}
	if a.Is6() {
		// Without duplicate address detection it is usable at once. For a shared address, detection
		// would only find the other sites.
		request.AddData(nl.NewRtAttr(unix.IFA_FLAGS, nl.Uint32Attr(unix.IFA_F_NODAD)))
	}
	_, err = request.Execute(unix.NETLINK_ROUTE, 0)
	return err
}

// prefixes are the destinations of local routes.
type prefixes struct {
	hosts map[netip.Addr]bool
	wide  []netip.Prefix
}

// has reports whether the machine takes packets to the address.
func (p *prefixes) has(a netip.Addr) bool {
	if p.hosts[a] {
		return true
	}
	for _, w := range p.wide {
		if w.Contains(a) {
			return true
		}
	}
	return false
}

// localRoutes returns the routes of the local table: one for every address to which the machine
// takes packets, and for prefixes that are local as a whole. They decide, not the addresses: a
// route may be missing although its address is present, and both routes and packets still work
// while lo is down.
func localRoutes() (*prefixes, error) {
	p := &prefixes{hosts: map[netip.Addr]bool{}}
	for _, family := range []int{unix.AF_INET, unix.AF_INET6} {
		if err := rtnetlink.List(func() error { return p.dump(family) }); err != nil {
			return nil, fmt.Errorf("cannot list the routes of table local: %w", err)
		}
	}
	return p, nil
}

// dump adds the routes of a family. It requests only one table: others may hold a full internet
// table.
func (p *prefixes) dump(family int) error {
	socket, err := nl.Subscribe(unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	defer socket.Close()
	// An older kernel sends all tables.
	_ = unix.SetsockoptInt(socket.GetFd(), unix.SOL_NETLINK, unix.NETLINK_GET_STRICT_CHK, 1)
	if err := socket.SetReceiveTimeout(&nl.SocketTimeoutTv); err != nil {
		return err
	}
	request := nl.NewNetlinkRequest(unix.RTM_GETROUTE, unix.NLM_F_DUMP)
	request.Sockets = map[int]*nl.SocketHandle{unix.NETLINK_ROUTE: {Socket: socket}}
	request.AddData(&nl.RtMsg{RtMsg: unix.RtMsg{Family: uint8(family), Table: unix.RT_TABLE_LOCAL, Type: unix.RTN_LOCAL}})
	return request.ExecuteIter(unix.NETLINK_ROUTE, unix.RTM_NEWROUTE, func(m []byte) bool {
		if head := nl.DeserializeRtMsg(m); head.Table == unix.RT_TABLE_LOCAL && head.Type == unix.RTN_LOCAL {
			p.add(m[head.Len():], int(head.Dst_len))
		}
		return true
	})
}

func (p *prefixes) add(attributes []byte, bits int) {
	all, err := nl.ParseRouteAttr(attributes)
	if err != nil {
		return
	}
	for _, a := range all {
		if a.Attr.Type != unix.RTA_DST {
			continue
		}
		addr, _ := netip.AddrFromSlice(a.Value)
		if bits == addr.BitLen() {
			p.hosts[addr] = true
			continue
		}
		p.wide = append(p.wide, netip.PrefixFrom(addr, bits))
	}
}

// Package loopback gives VIPs to this machine on lo, so that it takes packets to
// them and programs can listen there.
//
// Addresses are marked with a protocol number of their own (IFA_PROTO, Linux 5.18
// and later; `ip addr` shows "proto 0x4e"), so that those which an earlier run left
// are found and nobody else's are touched. Older kernels keep no mark: there,
// leftovers stay.
package loopback

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"syscall"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

const (
	device = "lo"
	// protocol is ours: iproute2's rt_addrprotos, which has 0 to 3, leaves the rest to
	// administrators.
	protocol = 0x4e
	ifaProto = 11 // linux/if_addr.h; not in package unix
)

// Binder is a bgp.Binder. It is used by one goroutine.
type Binder struct{}

// Bind implements bgp.Binder. It needs CAP_NET_ADMIN where something changes.
func (Binder) Bind(addrs []netip.Addr) (bound []netip.Addr, err error) {
	have, err := list()
	if err != nil {
		return nil, fmt.Errorf("bind: %s: %w", device, err)
	}
	var errs []error
	for _, a := range addrs {
		if _, there := have[a]; !there {
			if err := change(unix.RTM_NEWADDR, unix.NLM_F_CREATE|unix.NLM_F_EXCL, a); err != nil && !errors.Is(err, syscall.EEXIST) {
				errs = append(errs, fmt.Errorf("bind %s to %s: %w", a, device, err))
				continue
			}
		}
		bound = append(bound, a)
	}
	for a, ours := range have {
		if !ours || slices.Contains(addrs, a) {
			continue
		}
		if err := change(unix.RTM_DELADDR, 0, a); err != nil && !errors.Is(err, syscall.EADDRNOTAVAIL) {
			errs = append(errs, fmt.Errorf("unbind %s from %s: %w", a, device, err))
		}
	}
	return bound, errors.Join(errs...)
}

// list returns the addresses of the device, and which of them are ours.
func list() (map[netip.Addr]bool, error) {
	lo, err := net.InterfaceByName(device)
	if err != nil {
		return nil, err
	}
	request := nl.NewNetlinkRequest(unix.RTM_GETADDR, unix.NLM_F_DUMP)
	request.AddData(nl.NewIfAddrmsg(unix.AF_UNSPEC))
	messages, err := request.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWADDR)
	if err != nil {
		return nil, err
	}
	all := map[netip.Addr]bool{}
	for _, m := range messages {
		head := nl.DeserializeIfAddrmsg(m)
		if int(head.Index) != lo.Index {
			continue
		}
		attributes, err := nl.ParseRouteAttr(m[head.Len():])
		if err != nil {
			return nil, err
		}
		addr, ours := read(attributes)
		all[addr] = ours
	}
	return all, nil
}

func read(attributes []syscall.NetlinkRouteAttr) (addr netip.Addr, ours bool) {
	for _, a := range attributes {
		switch a.Attr.Type {
		case unix.IFA_ADDRESS:
			addr, _ = netip.AddrFromSlice(a.Value)
		case ifaProto:
			ours = len(a.Value) == 1 && a.Value[0] == protocol
		}
	}
	return addr, ours
}

// change adds or removes one address.
func change(kind, flags int, a netip.Addr) error {
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
	if a.Is6() {
		// Without duplicate address detection it can be used at once; on a shared address
		// that would find the other sites' anyhow.
		request.AddData(nl.NewRtAttr(unix.IFA_FLAGS, nl.Uint32Attr(unix.IFA_F_NODAD)))
	}
	_, err = request.Execute(unix.NETLINK_ROUTE, 0)
	return err
}

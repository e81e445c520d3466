// Package rtnetlink watches the links, addresses and routes of this machine, as the kernel reports
// them by rtnetlink(7), and knows its addresses. Everything is safe for concurrent use.
package rtnetlink

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"syscall"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Routes are the routes whose changes are reported. Others are dropped in the kernel: a table may
// hold a full internet table and a flapping session.
type Routes struct {
	// groups are the kernel's notifications that are needed. It reports no IPv4 route that
	// disappears with a link, an address or a next hop.
	groups []uint
	offset uint32 // of an octet in a route message
	value  uint32 // of that octet
}

var (
	// DefaultRoutes are the default routes of all tables.
	DefaultRoutes = Routes{
		groups: []uint{unix.RTNLGRP_LINK, unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV6_IFADDR, unix.RTNLGRP_IPV4_ROUTE, unix.RTNLGRP_IPV6_ROUTE, unix.RTNLGRP_NEXTHOP},
		offset: unix.NLMSG_HDRLEN + 1, value: 0, // rtm_dst_len
	}
	// LocalRoutes are those of the local table: one for each address of this machine.
	LocalRoutes = Routes{
		groups: []uint{unix.RTNLGRP_LINK, unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV6_IFADDR, unix.RTNLGRP_IPV4_ROUTE, unix.RTNLGRP_IPV6_ROUTE},
		offset: unix.NLMSG_HDRLEN + 4, value: unix.RT_TABLE_LOCAL, // rtm_table
	}
)

// typeOffset is the offset of a message's type.
const typeOffset = 4

// filter returns a program that drops messages of other routes.
func (r Routes) filter() []unix.SockFilter {
	return []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_H | unix.BPF_ABS, K: typeOffset},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: asLoaded(unix.RTM_NEWROUTE), Jt: 1},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: asLoaded(unix.RTM_DELROUTE), Jf: 2},
		{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: r.offset},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: r.value, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: 0xffffffff},
		{Code: unix.BPF_RET | unix.BPF_K, K: 0},
	}
}

// asLoaded converts a number in host order to what a filter sees, which loads in network order.
func asLoaded(n uint16) uint32 {
	var b [2]byte
	binary.NativeEndian.PutUint16(b[:], n)
	return uint32(binary.BigEndian.Uint16(b[:]))
}

// Watch calls changed once it watches, and then after every change of the routes and of what they
// depend on, such as links, until ctx ends or the watch fails. One call may stand for several
// changes.
func Watch(ctx context.Context, routes Routes, changed func()) error {
	socket, err := nl.Subscribe(unix.NETLINK_ROUTE, routes.groups...)
	if err != nil {
		return fmt.Errorf("rtnetlink: %w", err)
	}
	defer socket.Close()
	defer context.AfterFunc(ctx, socket.Close)()
	program := routes.filter()
	if err := unix.SetsockoptSockFprog(socket.GetFd(), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}); err != nil {
		return fmt.Errorf("rtnetlink: SO_ATTACH_FILTER: %w", err)
	}
	changed() // for changes before the start
	for {
		_, _, err := socket.Receive()
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && !errors.Is(err, syscall.ENOBUFS): // more came than the kernel keeps
			return fmt.Errorf("rtnetlink: receive: %w", err)
		}
		changed()
	}
}

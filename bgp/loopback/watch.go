package loopback

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"syscall"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// groups are the kernel notifications that show when addresses come and go: address events, link
// events, because a link that goes down loses its addresses' routes, and route events.
var groups = []uint{unix.RTNLGRP_LINK, unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV6_IFADDR, unix.RTNLGRP_IPV4_ROUTE, unix.RTNLGRP_IPV6_ROUTE}

// Offsets of the message type and, in a route message, of the table.
const (
	typeOffset  = 4
	tableOffset = unix.NLMSG_HDRLEN + 4
)

// notOtherTables drops all routes except those of the local table: another table may hold a full
// internet table and a flapping session.
var notOtherTables = []unix.SockFilter{
	{Code: unix.BPF_LD | unix.BPF_H | unix.BPF_ABS, K: typeOffset},
	{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: asLoaded(unix.RTM_NEWROUTE), Jt: 1},
	{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: asLoaded(unix.RTM_DELROUTE), Jf: 2},
	{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: tableOffset},
	{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.RT_TABLE_LOCAL, Jf: 1},
	{Code: unix.BPF_RET | unix.BPF_K, K: 0xffffffff},
	{Code: unix.BPF_RET | unix.BPF_K, K: 0},
}

// asLoaded converts a number in host order to what a filter sees, which loads in network order.
func asLoaded(n uint16) uint32 {
	var b [2]byte
	binary.NativeEndian.PutUint16(b[:], n)
	return uint32(binary.BigEndian.Uint16(b[:]))
}

// Watch implements bgp.Binder.
func (b *Binder) Watch(ctx context.Context, changed func()) error {
	socket, err := nl.Subscribe(unix.NETLINK_ROUTE, groups...)
	if err != nil {
		return fmt.Errorf("the addresses of this machine cannot be watched: %w", err)
	}
	defer socket.Close()
	defer context.AfterFunc(ctx, socket.Close)()
	filter := unix.SockFprog{Len: uint16(len(notOtherTables)), Filter: &notOtherTables[0]}
	if err := unix.SetsockoptSockFprog(socket.GetFd(), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &filter); err != nil {
		return fmt.Errorf("the addresses of this machine cannot be watched: SO_ATTACH_FILTER: %w", err)
	}
	changed() // for changes before the start
	for {
		_, _, err := socket.Receive()
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && !errors.Is(err, syscall.ENOBUFS): // more came than the kernel keeps
			return fmt.Errorf("the addresses of this machine are not watched any more: %w", err)
		}
		changed()
	}
}

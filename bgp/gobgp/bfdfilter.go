package gobgp

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"github.com/osrg/gobgp/v4/pkg/server"
	"golang.org/x/sys/unix"
)

// Offsets at which the kernel shows a filter the network header and its protocol (SKF_NET_OFF,
// SKF_AD_OFF + SKF_AD_PROTOCOL in linux/filter.h).
const (
	networkHeader = 0xfff00000
	protocol      = 0xfffff000

	ttlOffset      = 8 // RFC 791, section 3.1
	hopLimitOffset = 7 // RFC 8200, section 3
)

// fromNeighbours passes packets with a TTL or hop limit of 255, which no router has forwarded.
// IP_MINTTL would be simpler, but Linux applies it only to TCP.
var fromNeighbours = []unix.SockFilter{
	{Code: unix.BPF_LD | unix.BPF_H | unix.BPF_ABS, K: protocol},
	{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.ETH_P_IPV6, Jt: 2},
	{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: networkHeader + ttlOffset},
	{Code: unix.BPF_JMP | unix.BPF_JA, K: 1},
	{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: networkHeader + hopLimitOffset},
	{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: gtsmTTL, Jf: 1},
	{Code: unix.BPF_RET | unix.BPF_K, K: 0xffffffff},
	{Code: unix.BPF_RET | unix.BPF_K, K: 0},
}

// takeNeighboursOnly sets the filter on this process's BFD sockets, which it finds by port among
// its descriptors.
func takeNeighboursOnly() error {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return err
	}
	found := false
	for _, entry := range entries {
		fd, err := strconv.Atoi(entry.Name())
		if err != nil || !isBFD(fd) {
			continue
		}
		found = true
		filter := unix.SockFprog{Len: uint16(len(fromNeighbours)), Filter: &fromNeighbours[0]}
		if err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &filter); err != nil {
			return fmt.Errorf("SO_ATTACH_FILTER: %w", err)
		}
		empty(fd)
	}
	if !found {
		return errors.New("this process has no socket on the BFD port")
	}
	return nil
}

// isBFD reports whether the descriptor is a UDP socket on the BFD port.
func isBFD(fd int) bool {
	kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	if err != nil || kind != unix.SOCK_DGRAM {
		return false
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		return false
	}
	switch name := name.(type) {
	case *unix.SockaddrInet4:
		return name.Port == server.BfdServerPort
	case *unix.SockaddrInet6:
		return name.Port == server.BfdServerPort
	}
	return false
}

// maxQueued exceeds what a socket can queue: a neighbour that sends without pause must not keep
// empty busy.
const maxQueued = 1 << 12

// empty drops packets that arrived before the filter was set.
func empty(fd int) {
	var packet [1]byte
	for range maxQueued {
		if _, _, err := unix.Recvfrom(fd, packet[:], unix.MSG_DONTWAIT); err != nil {
			return
		}
	}
}

// Package outbound makes the connections over which policy zones are fetched. It chooses the local addresses and
// decides which certificates are trusted.
//
// Its values are immutable, comparable and safe for concurrent use.
package outbound

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// Sources are the addresses that connections come from; the zero value leaves the choice to the system. If only one
// family is set, servers of the other cannot be reached.
type Sources struct{ V4, V6 netip.Addr }

// NewSources takes at most one address of each family.
func NewSources(addrs ...netip.Addr) (Sources, error) {
	var s Sources
	for _, a := range addrs {
		of := &s.V6
		if a = a.Unmap(); a.Is4() {
			of = &s.V4
		}
		if of.IsValid() {
			return Sources{}, fmt.Errorf("%s and %s are of the same address family; give at most one address of each family", *of, a)
		}
		*of = a
	}
	return s, nil
}

// Reaches reports whether a server at the address can be reached from one of them.
func (s Sources) Reaches(server netip.Addr) bool {
	return s == Sources{} || s.of(server).IsValid()
}

func (s Sources) of(server netip.Addr) netip.Addr {
	if server.Unmap().Is4() {
		return s.V4
	}
	return s.V6
}

// Dial connects to an address, or to a host that the system looks up, over the
// network tcp or udp.
func (s Sources) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	if s == (Sources{}) {
		return new(net.Dialer).DialContext(ctx, network, address)
	}
	if server, err := netip.ParseAddrPort(address); err == nil {
		if !s.Reaches(server.Addr()) {
			return nil, fmt.Errorf("no source address is set for the family of %s", server.Addr())
		}
		return dialFrom(ctx, s.of(server.Addr()), network, address)
	}
	return s.inTurn(ctx, func(ctx context.Context, from netip.Addr) (net.Conn, error) {
		return dialFrom(ctx, from, network, address)
	})
}

// inTurn connects from the IPv6 address, and then from the IPv4 address. If IPv6 fails, it takes half of the
// available time.
func (s Sources) inTurn(ctx context.Context, dial func(context.Context, netip.Addr) (net.Conn, error)) (net.Conn, error) {
	switch {
	case !s.V6.IsValid():
		return dial(ctx, s.V4)
	case !s.V4.IsValid():
		return dial(ctx, s.V6)
	}
	first, cancel := ctx, func() {}
	if deadline, has := ctx.Deadline(); has {
		first, cancel = context.WithTimeout(ctx, time.Until(deadline)/2)
	}
	defer cancel()
	conn, err := dial(first, s.V6)
	if err == nil {
		return conn, nil
	}
	conn, failed := dial(ctx, s.V4)
	if failed != nil {
		return nil, errors.Join(err, failed)
	}
	return conn, nil
}

// dialFrom tries only addresses of the family of from, as net.Dialer does.
func dialFrom(ctx context.Context, from netip.Addr, network, address string) (net.Conn, error) {
	d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))}
	if network == "udp" {
		d.LocalAddr = net.UDPAddrFromAddrPort(netip.AddrPortFrom(from, 0))
	}
	return d.DialContext(ctx, network, address)
}

package main

import (
	"context"
	"io"
	"net"
	"net/netip"
)

// Relay is a listener for those who cannot dial through a Path themselves: programs.
// The kernel accepts their connections at once, so that the handshake's round trip
// comes before their first byte instead; the sum is the same.
type Relay struct {
	path     Path
	target   string
	listener net.Listener
}

// Relay listens on a port of loopback, and passes on to the target.
func (p Path) Relay(target string) (*Relay, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &Relay{path: p, target: target, listener: listener}
	go r.accept()
	return r, nil
}

// Addr returns where it listens.
func (r *Relay) Addr() string { return r.listener.Addr().String() }

// Close ends it; connections end with their ends.
func (r *Relay) Close() error { return r.listener.Close() }

func (r *Relay) accept() {
	for {
		near, err := r.listener.Accept()
		if err != nil {
			return // closed
		}
		go r.pass(near)
	}
}

// pass connects both ends until one of them closes.
func (r *Relay) pass(near net.Conn) {
	defer near.Close()
	far, err := r.path.Dial(context.Background(), "tcp", netip.Addr{}, r.target)
	if err != nil {
		return
	}
	defer far.Close()
	ended := make(chan struct{}, 2)
	for _, way := range [][2]net.Conn{{near, far}, {far, near}} {
		go func() {
			_, _ = io.Copy(way[1], way[0]) // either end may go at any time
			ended <- struct{}{}
		}()
	}
	<-ended
}

package main

import (
	"context"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
)

// Path is a way between two places. It delays what is sent along it by half of the
// round trip in each direction, in user space: the kernels that this is to run on
// have no netem. It loses, reorders and limits nothing.
type Path struct{ RTT time.Duration }

// Dial connects through the path, from an address or from any. A TCP connection
// costs a round trip, as the handshake does: half before the far end is dialled, half
// before the caller knows, also of a refusal.
func (p Path) Dial(ctx context.Context, network string, from netip.Addr, to string) (net.Conn, error) {
	var dialer net.Dialer
	if network == "udp" {
		if from.IsValid() {
			dialer.LocalAddr = net.UDPAddrFromAddrPort(netip.AddrPortFrom(from, 0))
		}
		conn, err := dialer.DialContext(ctx, network, to)
		if err != nil {
			return nil, err
		}
		return p.delay(conn), nil
	}
	if from.IsValid() {
		dialer.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))
	}
	time.Sleep(p.RTT / 2)
	conn, err := dialer.DialContext(ctx, network, to)
	time.Sleep(p.RTT / 2)
	if err != nil {
		return nil, err
	}
	return p.delay(conn), nil
}

// segment is what was sent at once, and when it arrives; a datagram, for UDP.
type segment struct {
	due  time.Time
	data []byte
	err  error
}

// delayed is a connection through a path.
type delayed struct {
	net.Conn
	half time.Duration
	out  chan segment
	in   chan segment
	done chan struct{} // closed with the near end

	reading sync.Mutex
	rest    segment // of in, what Read has not returned yet

	mu       sync.Mutex
	deadline time.Time
	closed   bool
}

// queue is how many segments may be under way in one direction.
const queue = 256

func (p Path) delay(conn net.Conn) *delayed {
	d := &delayed{Conn: conn, half: p.RTT / 2, out: make(chan segment, queue), in: make(chan segment, queue), done: make(chan struct{})}
	go d.send()
	go d.receive()
	return d
}

// send passes on what was written, when it is due, and closes when all is.
func (d *delayed) send() {
	for s := range d.out {
		time.Sleep(time.Until(s.due))
		if _, err := d.Conn.Write(s.data); err != nil {
			break // the reader hears of it
		}
	}
	time.Sleep(d.half)
	d.Conn.Close()
	for range d.out { // so that nobody waits to write
	}
}

// receive stamps what arrives at the far end.
func (d *delayed) receive() {
	buffer := make([]byte, 64<<10)
	for {
		n, err := d.Conn.Read(buffer)
		select {
		case d.in <- segment{time.Now().Add(d.half), append([]byte(nil), buffer[:n]...), err}:
		case <-d.done:
			return
		}
		if err != nil {
			return
		}
	}
}

// Write implements net.Conn.
func (d *delayed) Write(data []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return 0, net.ErrClosed
	}
	d.out <- segment{due: time.Now().Add(d.half), data: append([]byte(nil), data...)}
	return len(data), nil
}

// Read implements net.Conn.
func (d *delayed) Read(data []byte) (int, error) {
	d.reading.Lock()
	defer d.reading.Unlock()
	if len(d.rest.data) == 0 && d.rest.err == nil {
		if err := d.next(); err != nil {
			return 0, err
		}
	}
	n := copy(data, d.rest.data)
	d.rest.data = d.rest.data[n:]
	if n == 0 {
		return 0, d.rest.err
	}
	return n, nil
}

// next waits for a segment.
func (d *delayed) next() error {
	d.mu.Lock()
	deadline := d.deadline
	d.mu.Unlock()
	var expired <-chan time.Time
	if !deadline.IsZero() {
		timer := time.NewTimer(time.Until(deadline))
		defer timer.Stop()
		expired = timer.C
	}
	select {
	case d.rest = <-d.in:
		time.Sleep(time.Until(d.rest.due))
		return nil
	case <-expired:
		return os.ErrDeadlineExceeded
	case <-d.done:
		return net.ErrClosed
	}
}

// Close implements net.Conn: the far end hears of it half a round trip later.
func (d *delayed) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.closed {
		d.closed = true
		close(d.out)
		close(d.done)
	}
	return nil
}

// SetDeadline implements net.Conn, for reading: writing waits for nobody.
func (d *delayed) SetDeadline(t time.Time) error { return d.SetReadDeadline(t) }

// SetReadDeadline implements net.Conn.
func (d *delayed) SetReadDeadline(t time.Time) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.deadline = t
	return nil
}

package gobgp

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"time"

	gobgp "github.com/osrg/gobgp/v4/pkg/packet/bgp"
)

const (
	attackerASN = 64500
	// waitTime is for what must happen, on a machine that does other work; it is more than the
	// longest pause between two attempts, 37.5 s.
	waitTime = time.Minute
	// quietTime is how long a peer is believed to wait when it says nothing.
	quietTime = 300 * time.Millisecond
)

// stage is the point of a session at which something malformed is sent; for an
// established one it is also the kind of session.
type stage int

const (
	opening     stage = iota // in the place of the OPEN
	confirming               // in the place of the KEEPALIVE that answers the OPEN
	established              // both have four-octet AS numbers
	twoOctet                 // the peer has no four-octet AS numbers
	extended                 // messages may be of 65535 bytes
	stages
)

// outcome is what the speaker makes of it: one of these, or "reset" with the
// code and subcode of its NOTIFICATION.
type outcome string

const (
	// kept: the session goes on, and the speaker still announces its route in it.
	kept outcome = "kept"
	// closed: without a NOTIFICATION.
	closed outcome = "closed"
	// silent: the speaker waits for more.
	silent outcome = "silent"
	// hungUp: it was the peer that closed.
	hungUp outcome = "hung up"
)

func reset(code, subcode byte) outcome { return outcome(fmt.Sprintf("reset %d/%d", code, subcode)) }

// announced is the one route of the speaker under test.
var announced = netip.MustParsePrefix("198.51.100.53/32")

func announces(body []byte) bool {
	return bytes.HasPrefix(body, []byte{0, 0}) && bytes.HasSuffix(body, octets("20 c6336435"))
}

// rawPeer is the far end of sessions, byte by byte. It has a loopback address
// of its own, as GoBGP tells its peers apart by address.
type rawPeer struct {
	listener net.Listener
	addr     netip.AddrPort
	conn     net.Conn
	reader   *bufio.Reader
	// kind is that of its established sessions, stage what the connection is at.
	kind, stage stage
}

// stages are those at which a peer plays. One that had a session of another kind
// plays nothing before OPEN: GoBGP forgets the extended messages that were agreed
// on only with the next OPEN, and then waits for the rest of a long message.
func (p *rawPeer) stages() []stage {
	if p.kind == established {
		return []stage{opening, confirming, established}
	}
	return []stage{p.kind}
}

func newRawPeer(addr netip.Addr, kind stage) (*rawPeer, error) {
	listener, err := net.Listen("tcp", netip.AddrPortFrom(addr, 0).String())
	if err != nil {
		return nil, err
	}
	return &rawPeer{kind: kind, listener: listener, addr: netip.MustParseAddrPort(listener.Addr().String())}, nil
}

// accept waits until the speaker connects and has sent its OPEN.
func (p *rawPeer) accept() error {
	if err := p.listener.(*net.TCPListener).SetDeadline(time.Now().Add(waitTime)); err != nil {
		return err
	}
	conn, err := p.listener.Accept()
	if err != nil {
		return err
	}
	p.conn, p.reader = conn, bufio.NewReader(conn)
	return p.expect(gobgp.BGP_MSG_OPEN)
}

func (p *rawPeer) hangUp() {
	if p.conn != nil {
		p.conn.Close()
	}
	p.conn = nil
}

func (p *rawPeer) close() {
	p.hangUp()
	p.listener.Close()
}

// read returns the next message, within the time given.
func (p *rawPeer) read(within time.Duration) (kind byte, body []byte, err error) {
	if err := p.conn.SetReadDeadline(time.Now().Add(within)); err != nil {
		return 0, nil, err
	}
	head := make([]byte, gobgp.BGP_HEADER_LENGTH)
	if _, err := io.ReadFull(p.reader, head); err != nil {
		return 0, nil, err
	}
	body = make([]byte, int(binary.BigEndian.Uint16(head[16:]))-len(head))
	_, err = io.ReadFull(p.reader, body)
	return head[18], body, err
}

func (p *rawPeer) expect(want byte) error {
	kind, body, err := p.read(waitTime)
	if err == nil && kind != want {
		err = fmt.Errorf("message of type %d %x, want type %d", kind, body, want)
	}
	return err
}

// send does not tell of an error: a speaker that closes early is what is tested,
// and reading shows it.
func (p *rawPeer) send(b []byte) {
	_ = p.conn.SetWriteDeadline(time.Now().Add(waitTime))
	_, _ = p.conn.Write(b)
}

// opens are the OPENs that begin each kind of session.
var opens = [stages][]byte{
	confirming:  openWith(fourOctets),
	established: openWith(fourOctets),
	twoOctet:    openWith(nil),
	extended:    openWith(join(fourOctets, capability(byte(gobgp.BGP_CAP_EXTENDED_MESSAGE), nil))),
}

// confirm exchanges OPENs; the speaker's KEEPALIVE says that it agrees.
func (p *rawPeer) confirm() error {
	p.send(opens[p.stage])
	return p.expect(gobgp.BGP_MSG_KEEPALIVE)
}

// establish goes on until the speaker has announced its route.
func (p *rawPeer) establish() error {
	if err := p.confirm(); err != nil {
		return err
	}
	p.send(message(gobgp.BGP_MSG_KEEPALIVE))
	kind, body, err := p.read(waitTime)
	if err == nil && (kind != gobgp.BGP_MSG_UPDATE || !announces(body)) {
		err = fmt.Errorf("message of type %d %x, want the speaker's route", kind, body)
	}
	return err
}

// outcome reads until the session ends, or the speaker sends what shows that it
// does not.
func (p *rawPeer) outcome(within time.Duration, goesOn func(kind byte, body []byte) bool) outcome {
	for {
		kind, body, err := p.read(within)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return silent
		case err != nil:
			return closed
		case kind == gobgp.BGP_MSG_NOTIFICATION && len(body) >= 2:
			return reset(body[0], body[1])
		case goesOn(kind, body):
			return kept
		}
	}
}

func isKeepalive(kind byte, _ []byte) bool { return kind == gobgp.BGP_MSG_KEEPALIVE }

func isRoute(kind byte, body []byte) bool { return kind == gobgp.BGP_MSG_UPDATE && announces(body) }

// garbage is always answered with a NOTIFICATION by a speaker that lives.
var garbage = make([]byte, gobgp.BGP_HEADER_LENGTH)

// play sends what is malformed and tells what came of it. An established session
// is asked for its routes afterwards: messages are handled in their order, so
// the answer also says that the malformed one is done with.
func (p *rawPeer) play(c provocation) outcome {
	p.send(c.send)
	within := waitTime
	switch {
	case c.hangsUp:
		return hungUp
	case c.wants(silent):
		within = quietTime
	case p.stage == p.kind && !c.wants(closed):
		// The speaker may read on a little while it closes.
		p.send(routeRefresh)
	}
	if p.stage == opening {
		return p.openingOutcome(within)
	}
	return p.outcome(within, isRoute)
}

// openingOutcome completes a session whose OPEN was accepted, because what was
// malformed in it may matter only then.
func (p *rawPeer) openingOutcome(within time.Duration) outcome {
	if o := p.outcome(within, isKeepalive); o != kept {
		return o
	}
	p.send(message(gobgp.BGP_MSG_KEEPALIVE))
	p.send(garbage)
	if o := p.outcome(within, func(byte, []byte) bool { return false }); o != reset(gobgp.BGP_ERROR_MESSAGE_HEADER_ERROR, gobgp.BGP_ERROR_SUB_CONNECTION_NOT_SYNCHRONIZED) {
		return "accepted, then " + o
	}
	return kept
}

package secondary

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/miekg/dns"
)

// session is one request to a primary, and the messages of its answer.
type session struct {
	conn     net.Conn
	stop     func() bool
	ctx      context.Context
	packets  bool // UDP
	id       uint16
	question dns.Question
	chain    *chain
	first    bool

	reader *bufio.Reader
	buffer []byte
	// octets is how many octets were received, and most how many may be.
	octets, most int
	idle         time.Duration
}

// ask connects to a primary and sends it the request.
func (s *Secondary) ask(ctx context.Context, network, primary string, m *dns.Msg) (*session, error) {
	question := m.Question[0]
	raw, chain, err := s.config.Key.sign(m)
	if err != nil {
		return nil, fail(BadKey, "cannot sign the request: %w", err)
	}
	dialed, cancel := context.WithTimeout(ctx, s.config.Timeouts.Dial)
	defer cancel()
	conn, err := s.connect(dialed, network, primary)
	if err != nil {
		return nil, err
	}
	a := &session{
		conn: conn, ctx: ctx, packets: network == "udp", id: m.Id, question: question, chain: chain, first: true,
		buffer: make([]byte, dns.MaxMsgSize), most: s.config.MaxBytes, idle: s.config.Timeouts.Idle,
	}
	// The next read could overwrite a deadline, but not a close.
	a.stop = context.AfterFunc(ctx, func() { conn.Close() })
	a.reader = bufio.NewReaderSize(conn, dns.MaxMsgSize)
	if !a.packets {
		raw = append(binary.BigEndian.AppendUint16(nil, uint16(len(raw))), raw...)
	}
	if err := a.conn.SetDeadline(time.Now().Add(a.idle)); err != nil {
		a.close()
		return nil, a.failed(err)
	}
	if _, err := a.conn.Write(raw); err != nil {
		a.close()
		return nil, a.failed(err)
	}
	return a, nil
}

func (a *session) close() {
	a.stop()
	a.conn.Close()
}

// failed classifies an error of the connection.
func (a *session) failed(err error) error {
	switch {
	case errors.Is(a.ctx.Err(), context.DeadlineExceeded):
		return fail(Timeout, "it did not finish in the time allowed")
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fail(Timeout, "no complete message received for %s", a.idle)
	case errors.Is(err, syscall.ECONNREFUSED): // from UDP, which reports it on a read
		return fail(Unreachable, "%w", err)
	}
	return fail(Broken, "the transfer was cut off: %w", err)
}

// next returns the next message of the answer, checked and verified. It is valid
// until the next call.
func (a *session) next() (*message, error) {
	raw, err := a.read()
	if err != nil {
		return nil, err
	}
	if a.octets += len(raw); a.octets > a.most {
		return nil, fail(TooLarge, "more than %d octets were sent", a.most)
	}
	m, err := parse(raw)
	if err != nil {
		return nil, fail(Garbage, "%w", err)
	}
	if err := a.check(m); err != nil {
		return nil, err
	}
	a.first = false
	return m, nil
}

func (a *session) read() ([]byte, error) {
	if err := a.conn.SetReadDeadline(time.Now().Add(a.idle)); err != nil {
		return nil, a.failed(err)
	}
	if a.packets {
		n, err := a.conn.Read(a.buffer)
		if err != nil {
			return nil, a.failed(err)
		}
		return a.buffer[:n], nil
	}
	var length [2]byte
	if _, err := io.ReadFull(a.reader, length[:]); err != nil {
		return nil, a.failed(err)
	}
	raw := a.buffer[:binary.BigEndian.Uint16(length[:])]
	if _, err := io.ReadFull(a.reader, raw); err != nil {
		return nil, a.failed(err)
	}
	return raw, nil
}

// check reports whether the message belongs to the answer.
func (a *session) check(m *message) error {
	switch {
	case m.id != a.id:
		return fail(Garbage, "a message has the ID %d, but the request had %d", m.id, a.id)
	case m.bits&bitQR == 0:
		return fail(Garbage, "a message is a query, not a response")
	case m.bits&maskOpcode != 0:
		return fail(Garbage, "a message has an opcode other than QUERY")
	}
	// A primary that does not know the key cannot sign. Its error is a better reason than the missing signature.
	verified := a.chain.verify(m)
	if code := m.rcode(); code != dns.RcodeSuccess && (verified == nil || m.tsig == nil) {
		return &refusal{code, fail(Refused, "the primary responded %s", dns.RcodeToString[code])}
	}
	if verified != nil {
		return verified
	}
	if m.bits&bitTC != 0 && !a.packets {
		return fail(Garbage, "a message over TCP has the TC bit set")
	}
	return a.checkQuestion(m)
}

// refusal returns an error with the code of the answer.
type refusal struct {
	rcode int
	error
}

func (r *refusal) Unwrap() error { return r.error }

// checkQuestion requires the question only in the first message (RFC 5936, section 2.2.1).
func (a *session) checkQuestion(m *message) error {
	switch {
	case len(m.question) == 0 && !a.first:
		return nil
	case len(m.question) != 1:
		return fail(Garbage, "a message has %d questions", len(m.question))
	}
	q := m.question[0]
	if !strings.EqualFold(q.Name, a.question.Name) || q.Qtype != a.question.Qtype || q.Qclass != a.question.Qclass {
		return fail(Garbage, "a message answers a different question, %s %s", q.Name, dns.Type(q.Qtype))
	}
	return nil
}

package direct

import (
	"encoding/hex"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/sys/unix"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
	"github.com/nearcast/nearcast/plugin/internal/wire"
)

// fuzzServer is what FuzzTheChainAndDirectAnswerAlike serves: functions of every kind
// behind other plugins, and a zone below in another block.
const fuzzServer = `fn.example.org:PORT {
	bind LOOPBACK
	direct
	PLUGINS
	nearcast {
		cluster mk-core
		manifests DIR/federation
		locations DIR/locations.csv
		ns ns1.fn.example.org 198.51.100.53
		SETTINGS
	}
}
sub.fn.example.org:PORT {
	bind LOOPBACK
	whoami
}
`

var fuzzSetups = []struct{ plugins, settings string }{
	{"", ""},
	{"acl {\nblock type AAAA net 0.0.0.0/0\ndrop type TXT net 0.0.0.0/0\n}", "fallthrough"},
	{"nsid here\nbufsize 700\nminimal\nany\nlocal\nchaos\nheader {\nresponse set aa\n}", ""},
	{"errors\nmetadata\ncancel 1s\ntsig {\nsecret key. " + corpusSecret + "\n}", "ecs off"},
	{"", "ecs 192.0.2.0/24\ncookies secret DIR/secrets"},
	{"", "cookies require secret DIR/secrets"},
	{"", "sign DIR/key.private"},
	{"dnssec {\nkey file DIR/key\n}", "cookies off"},
}

// FuzzTheChainAndDirectAnswerAlike checks that a server built by CoreDNS and the reader
// that answers in place give the same answer, or none, to any datagram.
func FuzzTheChainAndDirectAnswerAlike(f *testing.F) {
	var chains []*chain
	var readers []*reader
	for _, setup := range fuzzSetups {
		r := resting(f, setup.plugins, setup.settings)
		readers, chains = append(readers, r), append(chains, newChain(f, r))
	}
	for i, datagram := range corpus(400) {
		f.Add(uint8(i), datagram)
	}
	f.Fuzz(func(t *testing.T, setup uint8, datagram []byte) {
		datagram = datagram[:min(len(datagram), querySize)]
		c, r := chains[int(setup)%len(chains)], readers[int(setup)%len(chains)]
		// An answer that depends on the current second gets another chance.
		for attempt := range 3 {
			got, inPlace := serveInPlace(r, datagram)
			if !inPlace {
				return // a server that answers through the plugin chain
			}
			want := c.serve(datagram)
			if alike(want, got) {
				return
			}
			if attempt == 2 {
				m := new(dns.Msg)
				_ = m.Unpack(datagram)
				t.Fatalf("%q\n%s\n%s\nchain:  %s\ndirect: %s", fuzzSetups[int(setup)%len(chains)], hex.EncodeToString(datagram), m, hex.EncodeToString(want), hex.EncodeToString(got))
			}
		}
	})
}

// resting starts a server and returns a separate reader that reads nothing.
func resting(t testing.TB, plugins, settings string) *reader {
	t.Helper()
	dir := federated(t, world...)
	fixture.Write(t, filepath.Join(dir, "secrets"), "00112233445566778899aabbccddeeff\n")
	if strings.Contains(settings+plugins, "DIR/key") {
		fixture.Key(t, dir, "key")
	}
	port := freePort(t)
	serve(t, fill(fill(fuzzServer, "PLUGINS", plugins, "SETTINGS", settings), "PORT", port, "DIR", dir))
	ask(t, at(port), "hello.demo.fn.example.org.", dns.TypeA) // wait until it serves
	listeners.mu.Lock()
	defer listeners.mu.Unlock()
	for addr, l := range listeners.all {
		if int(addr.Port()) == port {
			r := &reader{listener: l, socket: l.readers[0].socket, batch: newBatch()}
			r.batch.from[0].Family = unix.AF_INET
			return r
		}
	}
	t.Fatal("no listener is open")
	return nil
}

// serveInPlace lets the reader answer the datagram; it returns false if the reader hands
// it over.
func serveInPlace(r *reader, datagram []byte) (reply []byte, inPlace bool) {
	r.batch.in[0].length = uint32(copy(r.batch.queries[0][:], datagram))
	if !r.inPlace(r.listener.active.Load(), 0) {
		return nil, false
	}
	if r.batch.answered == 0 {
		return nil, true
	}
	r.batch.answered = 0
	return append([]byte(nil), r.batch.room(0)[:r.batch.out[0].header.Iov.Len]...), true
}

// chain is a UDP server as CoreDNS builds it, with a net.PacketConn that takes one
// datagram at a time and knows whether it got a reply.
type chain struct {
	queries chan []byte
	replies chan []byte // nil if there is none
	from    net.UDPAddr
	local   net.Addr

	// These belong to the query that is being served.
	reply   []byte
	refused bool
}

func newChain(f *testing.F, r *reader) *chain {
	c := &chain{queries: make(chan []byte), replies: make(chan []byte, 1), local: r.socket.local}
	c.from = r.batch.sender(0, new([16]byte))
	a := r.listener.active.Load()
	// As in dnsserver.Server.ServePacket, and after the plugin tcp.
	server := &dns.Server{
		PacketConn: c, Net: "udp", TsigSecret: a.server.TsigSecret, DecorateReader: wire.Decorate, UDPSize: wire.Size,
		Handler: dns.HandlerFunc(func(w dns.ResponseWriter, r *dns.Msg) {
			a.server.ServeDNS(a.ctx, w, r)
			c.replies <- c.reply
		}),
		MsgAcceptFunc: func(h dns.Header) dns.MsgAcceptAction {
			action := wire.Accept(nil)(h)
			switch action {
			case dns.MsgIgnore:
				c.replies <- nil
			case dns.MsgReject, dns.MsgRejectNotImplemented:
				c.refused = true
			}
			return action
		},
		MsgInvalidFunc: func(_ []byte, err error) {
			c.refused = !errors.Is(err, dns.ErrShortRead)
			if !c.refused {
				c.replies <- nil
			}
		},
	}
	served := make(chan error)
	go func() { served <- server.ActivateAndServe() }()
	f.Cleanup(func() {
		close(c.queries)
		<-served
	})
	return c
}

// serve returns the reply to the datagram, or nil.
func (c *chain) serve(datagram []byte) []byte {
	c.reply, c.refused = nil, false
	c.queries <- datagram
	return <-c.replies
}

// ReadFrom implements net.PacketConn.
func (c *chain) ReadFrom(p []byte) (int, net.Addr, error) {
	datagram, ok := <-c.queries
	if !ok {
		return 0, nil, net.ErrClosed
	}
	return copy(p, datagram), &c.from, nil
}

// WriteTo implements net.PacketConn.
func (c *chain) WriteTo(p []byte, _ net.Addr) (int, error) {
	c.reply = append([]byte(nil), p...)
	if c.refused {
		c.replies <- c.reply // no handler was called
	}
	return len(p), nil
}

// Close implements net.PacketConn.
func (c *chain) Close() error { return nil }

// LocalAddr implements net.PacketConn.
func (c *chain) LocalAddr() net.Addr { return c.local }

// SetDeadline implements net.PacketConn.
func (c *chain) SetDeadline(time.Time) error { return nil }

// SetReadDeadline implements net.PacketConn.
func (c *chain) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline implements net.PacketConn.
func (c *chain) SetWriteDeadline(time.Time) error { return nil }

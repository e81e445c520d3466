package hostile

import (
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// barrage is a flood of queries at a steady rate, by turns from each of its sockets.
type barrage struct {
	conns   []net.Conn
	queries [][]byte
	rate    int // a second
}

// came is what a barrage sent, and what it was sent.
type came struct {
	sent             int
	took             time.Duration
	whole, truncated atomic.Int64
}

// newBarrage makes as many queries as can be sent in the time, from a host of each network.
func newBarrage(t *testing.T, g *ground, server string, area, networks, rate int, lasts time.Duration, next func(int) *dns.Msg) *barrage {
	t.Helper()
	b := &barrage{rate: rate}
	for network := range networks {
		b.conns = append(b.conns, dialled(t, g.client(area, network, 99), server))
	}
	for i := range int(float64(rate) * lasts.Seconds()) {
		query, err := next(i).Pack()
		if err != nil {
			t.Fatal(err)
		}
		b.queries = append(b.queries, query)
	}
	return b
}

func (b *barrage) close() {
	for _, conn := range b.conns {
		conn.Close()
	}
}

// dialled is a socket between an address and a server, which whoever has it closes.
func dialled(t *testing.T, from, server string) net.Conn {
	t.Helper()
	conn, err := net.DialUDP("udp", address(t, net.JoinHostPort(from, "0")), address(t, server))
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// run sends the queries within the time, and those that it has no time for not at all.
func (b *barrage) run(lasts time.Duration) *came {
	c := &came{}
	var readers sync.WaitGroup
	for _, conn := range b.conns {
		readers.Go(func() { c.count(conn) })
	}
	// What was missed is not sent in one go: it would be lost in the server's socket,
	// with what others ask.
	const beat, most = time.Millisecond, 4 * time.Millisecond
	start := time.Now()
	for last, credit := start, 0.0; time.Since(start) < lasts && c.sent < len(b.queries); time.Sleep(beat) {
		now := time.Now()
		credit += min(now.Sub(last), most).Seconds() * float64(b.rate)
		for last = now; credit >= 1 && c.sent < len(b.queries); credit-- {
			_, _ = b.conns[c.sent%len(b.conns)].Write(b.queries[c.sent]) // one that is lost is not answered
			c.sent++
		}
	}
	c.took = time.Since(start)
	for _, conn := range b.conns {
		_ = conn.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
	}
	readers.Wait()
	return c
}

// count counts what comes until the deadline.
func (c *came) count(conn net.Conn) {
	buf := make([]byte, 1<<12)
	for {
		switch n, err := conn.Read(buf); {
		case err != nil:
			return
		case n > 2 && buf[2]&2 != 0:
			c.truncated.Add(1)
		default:
			c.whole.Add(1)
		}
	}
}

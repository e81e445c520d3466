package interop

import (
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
)

const (
	// streamPorts is from how many ports a stream asks, in turn: enough for a router
	// that spreads by ports to use every site.
	streamPorts = 128
	// lossTime is the time after which a query counts as lost; a stub resolver waits for five
	// seconds.
	lossTime = 2 * time.Second
	// longest is how long a stream may last: the ID of a query is its number.
	longest = 2 * time.Minute
)

// stream is a client that queries a server at a steady rate. Every query is sent
// once.
type stream struct {
	t     *testing.T
	start time.Time
	ports []net.PacketConn
	done  chan struct{}
	ended sync.WaitGroup
	stop  func()

	mu      sync.Mutex
	queries []asked
}

// asked is one query.
type asked struct {
	sent, answered time.Time // answered is zero if it was not
	by             string    // the node
}

// tally is the result of a stream.
type tally struct {
	queries []asked
	// lost are the times at which those were sent that were not answered in time.
	lost []time.Time
}

// stream starts one, with so many queries a second.
func (n *node) stream(server string, rate int) *stream {
	n.t.Helper()
	s := &stream{t: n.t, start: time.Now(), done: make(chan struct{})}
	for range streamPorts {
		err := n.Do(func() error {
			// Not connected: an ICMP error would take the next query with it.
			port, err := net.ListenPacket("udp", ":0")
			if err == nil {
				s.ports = append(s.ports, port)
			}
			return err
		})
		if err != nil {
			n.t.Fatalf("%s: %v", n.name, err)
		}
	}
	for _, port := range s.ports {
		s.ended.Go(func() { s.listen(port) })
	}
	asking := make(chan struct{})
	go func() {
		defer close(asking)
		s.ask(net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(server), 53)), time.Second/time.Duration(rate))
	}()
	end := sync.OnceFunc(func() {
		close(s.done)
		<-asking
		time.Sleep(lossTime) // for the last answers
		for _, port := range s.ports {
			port.Close()
		}
		s.ended.Wait()
	})
	n.t.Cleanup(end)
	s.stop = end
	return s
}

// ask sends until the stream is stopped, and catches up after delays of the machine.
func (s *stream) ask(server net.Addr, pace time.Duration) {
	query := new(dns.Msg).SetQuestion(zone, dns.TypeSOA)
	for i := 0; time.Since(s.start) < longest; i++ {
		select {
		case <-s.done:
			return
		case <-time.After(time.Until(s.start.Add(time.Duration(i) * pace))):
		}
		query.Id = uint16(i)
		packet, err := query.Pack()
		if err != nil {
			s.t.Error(err)
			return
		}
		s.mu.Lock()
		s.queries = append(s.queries, asked{sent: time.Now()})
		s.mu.Unlock()
		// One that cannot be sent is lost, and counted so.
		_, _ = s.ports[i%len(s.ports)].WriteTo(packet, server)
	}
	s.t.Errorf("the stream lasted longer than %s", longest)
}

func (s *stream) listen(port net.PacketConn) {
	packet := make([]byte, dns.MaxMsgSize)
	for {
		n, _, err := port.ReadFrom(packet)
		if err != nil {
			return // it is closed
		}
		now := time.Now()
		var reply dns.Msg
		if reply.Unpack(packet[:n]) != nil || reply.Rcode != dns.RcodeSuccess || len(reply.Answer) != 1 {
			continue // no answer to count
		}
		s.mu.Lock()
		if soa, ok := reply.Answer[0].(*dns.SOA); ok && int(reply.Id) < len(s.queries) {
			q := &s.queries[reply.Id]
			q.answered, q.by = now, soa.Ns
		}
		s.mu.Unlock()
	}
}

// end stops the stream, and returns its result.
func (s *stream) end() tally {
	s.stop()
	t := tally{queries: s.queries}
	for _, q := range s.queries {
		if q.answered.IsZero() || q.answered.Sub(q.sent) > lossTime {
			t.lost = append(t.lost, q.sent)
		}
	}
	return t
}

// gap is the time from the first lost query to the last.
func (t tally) gap() time.Duration {
	if len(t.lost) == 0 {
		return 0
	}
	return t.lost[len(t.lost)-1].Sub(t.lost[0])
}

// by counts the answers of a node to queries sent before a time.
func (t tally) by(node string, before time.Time) (n int) {
	for _, q := range t.queries {
		if q.by == node && q.sent.Before(before) {
			n++
		}
	}
	return n
}

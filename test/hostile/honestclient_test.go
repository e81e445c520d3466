package hostile

import (
	"encoding/binary"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// honest is a client that asks for one name at a low steady rate over UDP, waits for a
// second and does not ask again.
type honest struct {
	conn  net.Conn
	query []byte

	mu   sync.Mutex
	sent []time.Time
	took []time.Duration // 0 as long as there is no answer
}

const (
	// often is how often each asks: less than the limit of its own network.
	often    = time.Second / 40
	lossTime = time.Second
)

// newHonest returns a client that asks with the cookie, if there is one.
func newHonest(t *testing.T, from, server, cookie string) *honest {
	t.Helper()
	query := asked("hello.demo.fn.example.org.", dns.TypeA)
	if cookie != "" {
		withCookie(query, cookie)
	}
	query.Id = 0
	data, err := query.Pack()
	if err != nil {
		t.Fatal(err)
	}
	h := &honest{conn: dialled(t, from, server), query: data}
	go h.listen()
	return h
}

// ask asks for as long, and returns the sample once all is answered or lost.
func (h *honest) ask(lasts time.Duration) []time.Duration {
	first := len(h.sent)
	// What was missed is not asked in one go: whoever is honest does not flood.
	ticker := time.NewTicker(often)
	defer ticker.Stop()
	for start := time.Now(); time.Since(start) < lasts; <-ticker.C {
		h.mu.Lock()
		binary.BigEndian.PutUint16(h.query, uint16(len(h.sent)))
		h.sent, h.took = append(h.sent, time.Now()), append(h.took, 0)
		h.mu.Unlock()
		_, _ = h.conn.Write(h.query) // one that is lost is not answered
	}
	for last := time.Now(); time.Since(last) < lossTime; time.Sleep(10 * time.Millisecond) {
		if !slices.Contains(h.since(first), 0) {
			break
		}
	}
	return h.since(first)
}

func (h *honest) since(first int) []time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.took[first:])
}

// listen takes whole answers in time until the socket is closed.
func (h *honest) listen() {
	buf := make([]byte, 1<<12)
	for {
		n, err := h.conn.Read(buf)
		if err != nil {
			return
		}
		const header, truncated, rcode = 12, 2, 15
		if n < header || buf[2]&truncated != 0 || buf[3]&rcode != dns.RcodeSuccess || buf[7] == 0 {
			continue
		}
		h.mu.Lock()
		if id := int(binary.BigEndian.Uint16(buf)); id < len(h.sent) {
			if took := time.Since(h.sent[id]); took < lossTime && h.took[id] == 0 {
				h.took[id] = took
			}
		}
		h.mu.Unlock()
	}
}

// crowd is honest clients of one kind.
type crowd []*honest

// ask has all of them ask, and returns what all saw.
func (c crowd) ask(lasts time.Duration) sample {
	all := make([][]time.Duration, len(c))
	var clients sync.WaitGroup
	for i, h := range c {
		clients.Go(func() {
			time.Sleep(often * time.Duration(i) / time.Duration(len(c)))
			all[i] = h.ask(lasts)
		})
	}
	clients.Wait()
	return sampled(slices.Concat(all...))
}

func (c crowd) close() {
	for _, h := range c {
		h.conn.Close()
	}
}

// sample is what clients saw for a while.
type sample struct {
	loss     float64 // of 1
	p50, p99 time.Duration
}

// sampled sums up how long answers took; 0 is one that was lost.
func sampled(all []time.Duration) sample {
	answered := slices.DeleteFunc(slices.Clone(all), func(took time.Duration) bool { return took == 0 })
	s := sample{loss: 1 - float64(len(answered))/float64(len(all))}
	if slices.Sort(answered); len(answered) > 0 {
		s.p50, s.p99 = answered[len(answered)/2], answered[len(answered)*99/100]
	}
	return s
}

// String returns the cells of a table.
func (s sample) String() string {
	return fmt.Sprintf("%5.1f %% | %8.2f | %8.2f", 100*s.loss, milliseconds(s.p50), milliseconds(s.p99))
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

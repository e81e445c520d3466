package edge

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/sys/unix"
)

const (
	// rate is how many queries each server is sent a second, whether the ones before are answered or not.
	rate = 2000
	// lost is when a query counts as unanswered; clients ask again sooner.
	lost = time.Second
	// tick is how often those that are due are sent.
	tick = time.Millisecond
	// most is how many are sent at once. A client that had no processor for longer leaves out the rest: no
	// server has room for them, and that is not the server's fault.
	most = 20
)

// answer is what became of a query.
type answer struct {
	sent time.Time
	took time.Duration // 0 if it was not answered
	addr netip.Addr
}

// load is what one server is asked.
type load struct {
	conn *net.UDPConn
	mu   sync.Mutex
	all  []answer
	// open are the indexes into all of queries that wait, by their DNS IDs.
	open map[uint16]int
}

// newLoads asks servers for the same functions at the same time until the test ends: what else the machine
// does delays their answers alike. The caller's thread has the servers' network.
func newLoads(t *testing.T, servers ...netip.AddrPort) (loads []*load) {
	t.Helper()
	for _, server := range servers {
		conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(server))
		if err != nil {
			t.Fatal(err)
		}
		l := &load{conn: conn, open: map[uint16]int{}}
		if err := l.stamped(); err != nil {
			t.Fatal(err)
		}
		loads = append(loads, l)
	}
	stop := make(chan struct{})
	var done sync.WaitGroup
	done.Go(func() { send(stop, loads) })
	for _, l := range loads {
		done.Go(l.receive)
	}
	t.Cleanup(func() {
		close(stop)
		for _, l := range loads {
			l.conn.Close()
		}
		done.Wait()
	})
	return loads
}

// stamped has the kernel say when a packet came: the test may get a processor later than that.
func (l *load) stamped() error {
	raw, err := l.conn.SyscallConn()
	if err != nil {
		return err
	}
	var set error
	err = raw.Control(func(fd uintptr) {
		set = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
	})
	return errors.Join(err, set)
}

func send(stop chan struct{}, loads []*load) {
	ticks := time.NewTicker(tick)
	defer ticks.Stop()
	begin, id := time.Now(), uint16(0)
	for sent := 0; ; {
		select {
		case <-stop:
			return
		case <-ticks.C:
		}
		due := int(time.Since(begin).Seconds() * rate)
		for sent = max(sent, due-most); sent < due; sent++ {
			id++
			question := pack(id)
			for i := range loads { // none is always the first
				loads[(sent+i)%len(loads)].ask(id, question)
			}
		}
	}
}

// pack makes a query for some function.
func pack(id uint16) []byte {
	question := new(dns.Msg).SetQuestion(nameOf(rand.IntN(functions)), dns.TypeA)
	question.Id = id
	wire, err := question.Pack()
	if err != nil {
		panic(err) // nameOf makes valid names
	}
	return wire
}

func (l *load) ask(id uint16, question []byte) {
	l.mu.Lock()
	l.open[id] = len(l.all)
	l.all = append(l.all, answer{sent: time.Now().Round(0)}) // Round: the kernel's stamps are not monotonic either
	l.mu.Unlock()
	_, _ = l.conn.Write(question) // while nobody listens it is refused, and counts as lost
}

func (l *load) receive() {
	buffer, control := make([]byte, dns.MaxMsgSize), make([]byte, 128)
	for {
		n, stamps, _, _, err := l.conn.ReadMsgUDP(buffer, control)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			l.take(buffer[:n], cameAt(control[:stamps]))
		}
	}
}

// cameAt returns when a packet came, of what the kernel says about it: seconds and nanoseconds.
func cameAt(control []byte) time.Time {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil || len(messages) != 1 || messages[0].Header.Type != unix.SO_TIMESTAMPNS {
		panic(fmt.Sprintf("control message %x, %v: no stamp", control, err)) // stamped asked for it
	}
	data := messages[0].Data
	return time.Unix(int64(binary.NativeEndian.Uint64(data)), int64(binary.NativeEndian.Uint64(data[8:])))
}

// take notes an answer. Only addresses count: a server that has no state yet answers SERVFAIL. whoami's are
// additional.
func (l *load) take(wire []byte, at time.Time) {
	m := new(dns.Msg)
	if m.Unpack(wire) != nil {
		return
	}
	records := slices.Concat(m.Answer, m.Extra)
	if len(records) == 0 {
		return
	}
	a, ok := records[0].(*dns.A)
	if !ok {
		return
	}
	addr, _ := netip.AddrFromSlice(a.A.To4())
	l.mu.Lock()
	defer l.mu.Unlock()
	i, ok := l.open[m.Id]
	if !ok {
		return
	}
	delete(l.open, m.Id)
	l.all[i].took, l.all[i].addr = at.Sub(l.all[i].sent), addr
}

// between returns what became of the queries that were sent then. It waits for the last of them.
func (l *load) between(from, to time.Time) []answer {
	time.Sleep(time.Until(to.Add(lost)))
	l.mu.Lock()
	defer l.mu.Unlock()
	first, _ := slices.BinarySearchFunc(l.all, from, func(a answer, t time.Time) int { return a.sent.Compare(t) })
	last, _ := slices.BinarySearchFunc(l.all, to, func(a answer, t time.Time) int { return a.sent.Compare(t) })
	return slices.Clone(l.all[first:last])
}

// first returns how long after a moment the first query was answered that was sent after it, if one was.
func (l *load) first(from time.Time) (time.Duration, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	first, _ := slices.BinarySearchFunc(l.all, from, func(a answer, t time.Time) int { return a.sent.Compare(t) })
	for _, a := range l.all[first:] {
		if a.took > 0 {
			return a.sent.Add(a.took).Sub(from), true
		}
	}
	return 0, false
}

// latencies sums up answers.
type latencies struct {
	p50, p99, p999, max time.Duration
	asked, lost         int
}

func sum(answers []answer) latencies {
	var took []time.Duration
	for _, a := range answers {
		if a.took > 0 && a.took < lost {
			took = append(took, a.took)
		}
	}
	l := latencies{asked: len(answers), lost: len(answers) - len(took)}
	if len(took) > 0 {
		slices.Sort(took)
		l.p50, l.p99, l.p999, l.max = took[len(took)/2], took[len(took)*99/100], took[len(took)*999/1000], took[len(took)-1]
	}
	return l
}

func (l latencies) String() string {
	return fmt.Sprintf("%d queries, %d lost, p50 %v, p99 %v, p99.9 %v, at most %v", l.asked, l.lost, l.p50, l.p99, l.p999, l.max)
}

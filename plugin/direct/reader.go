package direct

import (
	"runtime"
	"time"

	"github.com/nearcast/nearcast/plugin/internal/wire"
)

const (
	// batchSize is how many datagrams are taken at once: enough that a call into the
	// kernel costs each of them little, and few enough that the first reply is not
	// kept waiting for the last.
	batchSize = 32
	// querySize is what is read of a datagram. What is longer is cut off.
	querySize = wire.Size
	// replySize is more than what resolvers ask for (1,232 octets, as DNS flag day
	// 2020 has it); larger replies are sent one by one.
	replySize = 4096
	// pause is how long a reader rests whose kernel is out of memory: long enough that
	// the log is not flooded.
	pause = time.Second
)

// reader reads one socket and answers what can be answered without waiting.
type reader struct {
	listener *listener
	index    int
	socket   *socket
	batch    *batch
	name     [maxName]byte
	// exchange serves the next query; nil where that needs another.
	exchange *exchange
}

// run serves batch after batch until the socket is woken.
func (r *reader) run() {
	// The thread sleeps in the kernel, and is nobody else's meanwhile.
	runtime.LockOSThread()
	for {
		switch n, err := r.socket.receive(r.batch); {
		case err != nil:
			log.Errorf("%s: %v; reading again in %s", r.listener.addr, err, pause)
			time.Sleep(pause)
		case n == 0:
			return
		default:
			r.serve(n)
		}
	}
}

// serve answers the n queries of the batch, or hands them over.
func (r *reader) serve(n int) {
	a := r.listener.active.Load()
	if r.exchange != nil && r.exchange.active != a {
		r.exchange = nil // with it the configuration before this one ends
	}
	inPlace := 0
	for i := range n {
		if r.inPlace(a, i) {
			inPlace++
			continue
		}
		r.handOver(a, i)
	}
	r.socket.flush(r.batch)
	a.counters.add(inPlace, n-inPlace)
}

// inPlace serves the query on the reader's own stack, which has grown once and for
// all to what a chain of plugins needs. False where that could wait, or where the
// query is not an everyday one; nothing was done then.
func (r *reader) inPlace(a *active, i int) bool {
	query := wire.Readable(r.batch.query(i))
	name, ok := plain(query, &r.name)
	if !ok || !a.prompt(name) {
		return false
	}
	e := r.exchange
	if e == nil {
		e = newExchange(a, r.socket)
		r.exchange = e
	}
	if !e.unpack(query, len(name)) || e.query.IsTsig() != nil {
		return false
	}
	e.writer.begin(r.batch, i)
	a.server.ServeDNS(e.ctx, &e.writer, &e.query)
	if n := e.writer.collect(); n > 0 {
		r.batch.answer(i, n)
	}
	if !e.reusable() {
		r.exchange = nil
	}
	return true
}

// handOver gives the query to a server of CoreDNS's kind. One that has ended
// meanwhile has a successor.
func (r *reader) handOver(a *active, i int) {
	ip := new([16]byte)
	d := datagram{append([]byte(nil), r.batch.query(i)...), r.batch.sender(i, ip)}
	if !a.handovers[r.index].put(d) {
		r.listener.active.Load().handovers[r.index].put(d)
	}
}

package direct

import (
	"runtime"
	"time"

	"github.com/nearcast/nearcast/plugin/internal/wire"
)

const (
	// batchSize is how many datagrams are read at once: enough to spread the cost of a system call, but few enough
	// that the first reply does not wait long for the last.
	batchSize = 32
	// querySize is how much of a datagram is read. The rest is cut off.
	querySize = wire.Size
	// replySize is more than resolvers ask for (1,232 octets since DNS flag day 2020); larger replies are sent one
	// by one.
	replySize = 4096
	// pause is how long a reader waits when the kernel is out of memory, so that it does not flood the log.
	pause = time.Second
)

// reader reads one socket and answers the queries that need no waiting.
type reader struct {
	listener *listener
	index    int
	socket   *socket
	batch    *batch
	name     [maxName]byte
	// exchange serves the next query; nil if a new one is needed.
	exchange *exchange
}

// run serves batch after batch until the socket is woken.
func (r *reader) run() {
	// The thread sleeps in the kernel, and runs nothing else meanwhile.
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
		r.exchange = nil // this frees the configuration before this one
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

// inPlace serves the query on the reader's own stack, which has already grown to the size that a chain of plugins
// needs. It returns false, without having done anything, if the query is not an ordinary one or could make it wait.
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

// handOver passes the query to a server like CoreDNS's. If that has ended meanwhile, there is a successor.
func (r *reader) handOver(a *active, i int) {
	ip := new([16]byte)
	d := datagram{append([]byte(nil), r.batch.query(i)...), r.batch.sender(i, ip)}
	if !a.handovers[r.index].put(d) {
		r.listener.active.Load().handovers[r.index].put(d)
	}
}

package rpz

import (
	"context"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/plugin/internal/imputed"
)

const (
	// lookupsPerQuery is how many queries one client query may cause: enough for two zones with as many name
	// servers as the root has, in both families (BIND's max-recursion-queries is 50 for each name).
	lookupsPerQuery = 64
	// lookupTime bounds what they may add to the query in all.
	lookupTime = 2 * time.Second
	// unansweredWait is how long a query must have waited for servers before they are remembered as failing. Servers for
	// which a query had no time left may well answer the next one.
	unansweredWait = time.Second
	// lookupSize is the EDNS buffer size of look-ups, in octets, which passes unfragmented.
	lookupSize = 1232
)

// lack is why something could not be found out; "" if it was.
type lack string

const (
	// unanswered: there was no answer, or a failure (RFC 9520).
	unanswered lack = "unanswered"
	// refused: the server refuses to answer this client, as an acl before rpz does. It may answer other clients, so
	// this is not remembered.
	refused lack = "refused"
	// overQuery: the query has used up its look-ups.
	overQuery lack = "query"
	// overClient: the client's prefix has used up its look-ups.
	overClient lack = "client"
	// overServer: all clients together have used up the look-ups.
	overServer lack = "server"
	// overTime: the query's time is used up.
	overTime lack = "time"
)

// budget is what one client query may spend on look-ups, over all names of its chain. It outlives the query, and so
// keeps nothing of it.
type budget struct {
	ctx    context.Context //nolint:containedctx // for the look-ups; it does not end with the query
	until  time.Time
	left   atomic.Int32
	shares *shares
	prefix netip.Prefix
	client detached
}

func newBudget(q *query, s *shares) *budget {
	b := &budget{
		ctx:    imputed.Own(context.WithoutCancel(q.ctx)),
		until:  time.Now().Add(lookupTime),
		shares: s, prefix: prefixOf(q.client), client: detach(q.ResponseWriter),
	}
	b.left.Store(lookupsPerQuery)
	return b
}

// take takes one look-up from the budget.
func (b *budget) take() bool { return b.left.Add(-1) >= 0 }

// outcome is the result of a look-up.
type outcome struct {
	msg *dns.Msg
	lack
}

// ask looks up records on behalf of a registrable domain; the caller has taken the look-up from the budget. It
// returns in time, but the look-up keeps its slot until the server gives up.
func (b *budget) ask(ctx context.Context, domain, name string, qtype uint16) outcome {
	release, lack := b.shares.acquire(ctx, b.prefix, domain)
	if lack != "" {
		return outcome{lack: lack}
	}
	start := time.Now()
	done := make(chan outcome, 1)
	go func() {
		defer release()
		done <- b.exchange(ctx, name, qtype)
	}()
	var o outcome
	select {
	case o = <-done:
	case <-ctx.Done():
		o.lack = unanswered
	}
	if o.lack == unanswered && ctx.Err() != nil && time.Since(start) < unansweredWait {
		o.lack = overTime
	}
	return o
}

// exchange makes the server answer. The result serves other clients too, so it uses nothing of this client's query
// except the address.
func (b *budget) exchange(ctx context.Context, name string, qtype uint16) outcome {
	s, ok := serverOf(ctx)
	if !ok {
		return outcome{lack: unanswered}
	}
	m := send(ctx, s, b.client.over("udp"), name, qtype)
	if m != nil && m.Truncated {
		if !b.take() {
			return outcome{lack: overQuery}
		}
		m = send(ctx, s, b.client.over("tcp"), name, qtype)
	}
	if m == nil && ctx.Err() == nil || m != nil && m.Rcode == dns.RcodeRefused {
		return outcome{lack: refused}
	}
	if m == nil || m.Truncated || m.Rcode != dns.RcodeSuccess && m.Rcode != dns.RcodeNameError {
		return outcome{lack: unanswered}
	}
	return outcome{msg: m}
}

func send(ctx context.Context, s answerer, w *collector, name string, qtype uint16) *dns.Msg {
	m := new(dns.Msg).SetQuestion(name, qtype)
	m.SetEdns0(lookupSize, false)
	s.ServeDNS(ctx, w, m)
	return w.msg
}

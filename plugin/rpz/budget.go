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
	// lookupsPerQuery is how many queries one query of a client may cause: enough
	// for two zones with as many name servers as the root has, in both families
	// (BIND's max-recursion-queries is 50 for each name).
	lookupsPerQuery = 64
	// lookupTime bounds what all of them together may add to the query.
	lookupTime = 2 * time.Second
	// patience is how long servers must have been waited for before they are
	// remembered as failing. What a query that is out of time did not wait for may
	// well be answered to the next one.
	patience = time.Second
	// lookupSize is the EDNS buffer of look-ups, in octets: what passes unfragmented.
	lookupSize = 1232
)

// lack is why something could not be found out; "" where it could.
type lack string

const (
	// unanswered: there was no answer, or a failure (RFC 9520).
	unanswered lack = "unanswered"
	// refused: the server has no answer for this client, as an acl before rpz has it. What
	// others may ask is not known by that, and it is not remembered.
	refused lack = "refused"
	// overQuery: the query's look-ups are used up.
	overQuery lack = "query"
	// overClient: the look-ups of the client's prefix are.
	overClient lack = "client"
	// overServer: those of all clients together are.
	overServer lack = "server"
	// overTime: the query's time is.
	overTime lack = "time"
)

// budget is what one query of a client may spend on look-ups, over all names of
// its chain. It outlives the query, and so keeps nothing of it.
type budget struct {
	ctx    context.Context //nolint:containedctx // the look-ups', without the query's end
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

// take takes one look-up out of the budget.
func (b *budget) take() bool { return b.left.Add(-1) >= 0 }

// outcome is what became of a look-up.
type outcome struct {
	msg *dns.Msg
	lack
}

// ask looks up records on behalf of a registrable domain; who calls has taken the look-up
// out of the budget. It returns in time; the look-up keeps its slot until the server
// has given it up.
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
	if o.lack == unanswered && ctx.Err() != nil && time.Since(start) < patience {
		o.lack = overTime
	}
	return o
}

// exchange has the server answer. The result serves other clients too: nothing of
// this one's query but its address goes with it.
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

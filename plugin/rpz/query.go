package rpz

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"

	"github.com/coredns/coredns/plugin/metadata"
	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/plugin/internal/client"
)

// query is one query in progress. It stands between the answering plugins and the client: it holds what they write
// until they have returned, and then applies policy. So their frames and policy's are never on the stack together,
// and the stack need not grow for both.
type query struct {
	dns.ResponseWriter
	ctx     context.Context //nolint:containedctx // a query lives as long as its context
	handler *RPZ
	set     *set
	msg     *dns.Msg
	client  netip.Addr

	// passed is set if a passthru rule has ended the search.
	passed bool
	// truth is the answer of the plugins behind; nil until they have answered.
	truth *dns.Msg
	err   error

	stage stage
	// early are hits, from before the true answer was known, that changed nothing. Unless the query was settled
	// then, the search finds them again.
	early []*hit
	// budget is what its look-ups may still cost; nil before the first.
	budget *budget
	// trace is set if the query is explained: it is neither counted nor logged.
	trace *trace
	// room is for the addresses of most answers.
	room [4]netip.Addr
}

func (q *query) init() { q.client = client.Source(q.RemoteAddr()) }

// udp reports whether the client can be asked to retry over TCP.
func (q *query) udp() bool {
	_, ok := q.RemoteAddr().(*net.UDPAddr)
	return ok
}

// dnssec reports whether signed answers must be left alone.
func (q *query) dnssec() bool {
	opt := q.msg.IsEdns0()
	return opt != nil && opt.Do() && !q.handler.settings.breakDNSSEC
}

// settled answers at once if a rule decides without the true answer.
func (q *query) settled() bool {
	if q.handler.settings.waitRecurse || q.dnssec() {
		return false
	}
	st := &q.stage
	*st = stage{name: q.msg.Question[0].Name, first: true, answerless: true, last: true}
	h := q.search(q.set.policies[:q.set.early], st)
	if h == nil {
		return false
	}
	for _, e := range q.early {
		q.note(e)
	}
	if q.truthful(h) {
		q.passed = true
		q.note(h)
		return false
	}
	q.err = client.Written(q.apply(h, new(dns.Msg).SetReply(q.msg), st))
	return true
}

// errTwice is for a plugin that answers one query twice: the client gets one answer.
var errTwice = errors.New("plugin/rpz: dropped a second reply to a query")

// WriteMsg implements dns.ResponseWriter. From here on the reply belongs to the query.
func (q *query) WriteMsg(m *dns.Msg) error {
	if q.truth != nil {
		return errTwice
	}
	q.truth = m
	return nil
}

// finish answers after the plugins behind have returned.
func (q *query) finish(rcode int, err error) (int, error) {
	if q.truth == nil {
		return rcode, err
	}
	// A reply is sent or dropped, whatever the code is, and CoreDNS must not send another.
	return dns.RcodeSuccess, errors.Join(err, client.Written(q.answer()))
}

// answer sends the result of applying policy to the true reply.
func (q *query) answer() error {
	m := q.truth
	if q.passed || m.Rcode != dns.RcodeSuccess && m.Rcode != dns.RcodeNameError {
		return q.ResponseWriter.WriteMsg(m)
	}
	dnssec, skipped := q.dnssec(), true
	st := &q.stage
	*st = stage{name: q.msg.Question[0].Name, qtype: q.msg.Question[0].Qtype, addresses: q.room[:0]}
	st.look(m)
	for more := true; more; more = st.next(m) {
		st.first = skipped // signed data is left alone, also by rules on the client's address
		if dnssec && st.signed(m) {
			continue
		}
		if h := q.search(q.set.policies, st); h != nil {
			return q.apply(h, m, st)
		}
		if st.undecided != "" {
			return q.failClosed(st.undecided)
		}
		skipped = false
		if len(st.before) == mostStages && !st.last {
			return q.tooLong()
		}
	}
	return q.ResponseWriter.WriteMsg(m)
}

// mostStages bounds the length of alias chains to several times what resolvers follow. Each name of a chain is
// searched for in the whole reply.
const mostStages = 64

// tooLong answers instead of a chain that is longer: what cannot be checked must not pass.
func (q *query) tooLong() error {
	q.trace.failed("a chain of too many aliases")
	m := new(dns.Msg).SetRcode(q.msg, dns.RcodeServerFailure)
	addEDE(m, q.msg, dns.ExtendedErrorCodeOther, "a chain of too many aliases")
	return q.ResponseWriter.WriteMsg(m)
}

// ConnectionState implements dns.ConnectionStater for the plugins behind, if the connection does.
func (q *query) ConnectionState() *tls.ConnectionState {
	if c, ok := q.ResponseWriter.(dns.ConnectionStater); ok {
		return c.ConnectionState()
	}
	return nil
}

// Write implements dns.ResponseWriter.
func (q *query) Write(raw []byte) (int, error) {
	m := new(dns.Msg)
	if err := m.Unpack(raw); err != nil {
		return 0, errors.Join(errors.New("plugin/rpz: a plugin wrote an invalid reply"), err)
	}
	if err := q.WriteMsg(m); err != nil {
		return 0, err
	}
	return len(raw), nil
}

// note counts, logs and describes a hit.
func (q *query) note(h *hit) {
	if q.trace != nil {
		q.trace.note(h, q.stage.name)
		return
	}
	label := h.action
	switch {
	case h.policy.shadow:
		label = countedShadow
	case h.policy.inert():
		label = countedDisabled
	}
	h.policy.counters[h.match.Trigger()][label].Inc()
	if !h.policy.quiet && q.handler.logging.Allow() {
		question := q.msg.Question[0]
		log.Infof("hit zone=%s trigger=%s rule=%s action=%s%s name=%s type=%s client=%s", h.policy.name, h.match.Trigger(), h.match.Owner(h.policy.rules),
			h.action, h.policy.remark(), question.Name, dns.Type(question.Qtype), q.client)
	}
	if !h.policy.inert() && metadata.ValueFuncs(q.ctx) != nil {
		q.describe(h)
	}
}

// remark says why a hit changes nothing.
func (z *configuredZone) remark() string {
	switch {
	case z.shadow:
		return " (shadow)"
	case z.override.kind == overrideDisabled:
		return " (disabled)"
	}
	return ""
}

func (q *query) describe(h *hit) {
	for label, value := range map[string]string{
		"rpz/zone": h.policy.name, "rpz/trigger": h.match.Trigger().String(), "rpz/rule": h.match.Owner(h.policy.rules), "rpz/action": h.action.String(),
	} {
		metadata.SetValueFunc(q.ctx, label, func() string { return value })
	}
}

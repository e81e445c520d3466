package feed

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// notify sends a NOTIFY for the zone to the servers that the lines name.
func (s *Set) notify(z *writtenZone) {
	for i := range s.config.Lines {
		l := &s.config.Lines[i]
		if !l.covers(z.Scope) {
			continue
		}
		for _, to := range l.Notify {
			s.notifier.tell(message{to: to, zone: z.head.policy, key: l.Key, algorithm: l.Algorithm, book: z.book, head: z.head})
			if l.Region != All && !z.head.apex.Signed {
				s.notifier.tell(message{to: to, zone: z.head.apex.Zone, key: l.Key, algorithm: l.Algorithm, book: z.book, head: z.head, form: plain})
			}
		}
	}
}

// message is one NOTIFY: its target and its zone.
type message struct {
	to             netip.AddrPort
	zone           string
	key, algorithm string

	book *Book
	head *head
	form form
}

// notifier sends messages. Each zone and target has its own goroutine until it acknowledges, so that an unreachable
// one does not delay the others.
type notifier struct {
	ctx     context.Context //nolint:containedctx // of all goroutines that it starts
	running *sync.WaitGroup
	// exchange sends a message and waits for the reply.
	exchange func(msg *dns.Msg, to string) (*dns.Msg, error)

	mu sync.Mutex
	// sending are the messages in progress; true if there is a further change to announce.
	sending map[message]bool
}

func newNotifier(ctx context.Context, running *sync.WaitGroup, secrets map[string]string) *notifier {
	client := &dns.Client{Timeout: answerTime, TsigSecret: secrets}
	return &notifier{
		ctx: ctx, running: running, sending: map[message]bool{},
		exchange: func(msg *dns.Msg, to string) (*dns.Msg, error) { return exchange(ctx, client, msg, to) },
	}
}

const (
	// tries is how often a change is announced, and answerTime how long each try waits for an acknowledgement. The
	// pause between two tries doubles (RFC 1996, section 3.6, leaves both open). After half a minute in all, the
	// secondary must rely on the zone's refresh.
	tries      = 5
	answerTime = time.Second
)

// tell sends the message until it is acknowledged. A change during that time is announced by the next message.
func (n *notifier) tell(m message) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, under := n.sending[m]; under {
		n.sending[m] = true
		return
	}
	if n.ctx.Err() != nil {
		return
	}
	n.sending[m] = false
	n.running.Go(func() { n.send(m) })
}

func (n *notifier) send(m message) {
	wait := answerTime / 2
	for try := 1; ; try++ {
		result := n.try(m)
		n.mu.Lock()
		again := n.sending[m]
		if again {
			n.sending[m], try, wait = false, 0, answerTime/2
		}
		done := !again && (result != unanswered || try == tries)
		if done || n.ctx.Err() != nil {
			delete(n.sending, m)
			n.mu.Unlock()
			return
		}
		n.mu.Unlock()
		if result == unanswered {
			pause(n.ctx, wait)
			wait *= 2
		}
	}
}

// The results of a try.
const (
	acknowledged = "acknowledged"
	refused      = "refused"
	unanswered   = "unanswered"
)

// try sends the message once, with the current serial.
func (n *notifier) try(m message) string {
	h := m.book.now.Load()
	if h == nil {
		return acknowledged // there is nothing left to announce
	}
	msg := new(dns.Msg).SetNotify(m.zone)
	msg.Answer = []dns.RR{m.head.soa(m.form, h.serial)}
	if m.key != "" {
		msg.SetTsig(m.key, m.algorithm, tsigFudge, time.Now().Unix())
	}
	reply, err := n.exchange(msg, m.to.String())
	result := acknowledged
	switch {
	case err != nil || reply == nil:
		result = unanswered
	case reply.Rcode != dns.RcodeSuccess:
		result = refused
	}
	notifies.WithLabelValues(m.zone, result).Inc()
	return result
}

// exchange sends over UDP, and ends with ctx.
func exchange(ctx context.Context, client *dns.Client, msg *dns.Msg, to string) (*dns.Msg, error) {
	conn, err := client.DialContext(ctx, to)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	reply, _, err := client.ExchangeWithConnContext(ctx, msg, conn)
	return reply, err
}

// tsigFudge is what RFC 8945 recommends, in seconds.
const tsigFudge = 300

package rpz

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/plugin/rpz/internal/policyzone"
)

// Explanation is what policy does with one client query, and why.
type Explanation struct {
	// Server is where the query was sent, as CoreDNS names its servers: the first of the addresses at which the
	// same server blocks answer.
	Server string `json:"server"`
	Type   string `json:"type"`
	// Outcome is the client's answer in words, and Rcode the reply's code, absent if there is no reply.
	Outcome string `json:"outcome"`
	Rcode   string `json:"rcode,omitempty"`
	// Zones are the policy zones of the answering block, in its order, with each of their rules that matched, up to
	// the deciding one.
	Zones []Consulted `json:"zones"`
	// Text is the reply as dig prints it, and Wire the reply as sent, in hexadecimal.
	Text string `json:"text,omitempty"`
	Wire string `json:"wire,omitempty"`
}

// The verdicts on a policy zone for one query.
const (
	// VerdictApplied: its rule decides.
	VerdictApplied = "applied"
	// VerdictShadow and VerdictDisabled: a rule matches but changes nothing. VerdictDisabled: the zone is disabled
	// by the Corefile or by command; in the latter case there may be no matching rule.
	VerdictShadow   = "shadow"
	VerdictDisabled = "disabled"
	// VerdictNoMatch: no rule matches.
	VerdictNoMatch = "no match"
	// VerdictNotReached: something before it decides.
	VerdictNotReached = "not reached"
	// VerdictNotForClient: the zone's clients do not include the address.
	VerdictNotForClient = "not for this client"
	// VerdictNotLoaded: there never was a generation. VerdictExpired: there no longer is one.
	VerdictNotLoaded = "not loaded"
	VerdictExpired   = "expired"
)

// Consulted is a policy zone and its verdict on one query.
type Consulted struct {
	// Zone is its name, and From where it comes from.
	Zone    string `json:"zone"`
	From    string `json:"from"`
	Verdict string `json:"verdict"`
	// Trigger, Rule and Action describe the matching rule: what it looks at, its owner name, and what it does here;
	// absent if none matched. Name is the name that it matched: the query name, or one that an alias led to.
	Trigger string `json:"trigger,omitempty"`
	Rule    string `json:"rule,omitempty"`
	Action  string `json:"action,omitempty"`
	Name    string `json:"name,omitempty"`
	// Data are the rule's records if it has local data.
	Data []string `json:"data,omitempty"`
	// Serial is the serial of the generation in use, and Since when it was put into use.
	Serial uint32    `json:"serial,omitempty"`
	Since  time.Time `json:"since,omitzero"`
	// Reason explains the verdict, if the other fields do not.
	Reason string `json:"reason,omitempty"`
}

// explain queries the name's addresses as a client at from, at each place that answers differently.
func (i *instance) explain(ctx context.Context, name string, from netip.Addr) ([]Explanation, error) {
	i.mu.Lock()
	places := placesOf(i.blocks)
	i.mu.Unlock()
	types := []uint16{dns.TypeA, dns.TypeAAAA}
	all := make([]Explanation, len(places)*len(types))
	failures := make([]error, len(all))
	explaining.Add(1)
	var wg sync.WaitGroup
	for at, p := range places {
		s, err := p.server()
		for k, qtype := range types {
			n := at*len(types) + k
			if failures[n] = err; err == nil {
				wg.Go(func() { all[n], failures[n] = p.explain(ctx, s, new(dns.Msg).SetQuestion(name, qtype), from) })
			}
		}
	}
	done := make(chan struct{})
	go func() { wg.Wait(); explaining.Add(-1); close(done) }()
	select {
	case <-done:
		return all, errors.Join(failures...)
	case <-ctx.Done(): // the plugins bound their own waits
		return nil, fmt.Errorf("the server's plugins did not answer %s in time: %w", name, ctx.Err())
	}
}

// explain sends the server one query over UDP.
func (p *place) explain(ctx context.Context, s *dnsserver.Server, m *dns.Msg, from netip.Addr) (Explanation, error) {
	t := &trace{}
	m.SetEdns0(lookupSize, false)
	e := Explanation{Server: p.address, Type: dns.TypeToString[m.Question[0].Qtype]}
	w := &collector{ResponseWriter: &unattended{local: net.UDPAddrFromAddrPort(p.host)}, from: net.UDPAddrFromAddrPort(netip.AddrPortFrom(from, clientPort))}
	ctx = context.WithValue(context.WithValue(ctx, dnsserver.Key{}, s), dnsserver.LoopKey{}, 0) // as CoreDNS does
	s.ServeDNS(context.WithValue(ctx, traceKey{}, t), w, m)
	e.Zones, e.Outcome = t.consulted(from), t.outcome(w.msg)
	if w.msg == nil {
		return e, nil
	}
	wire, err := w.msg.Pack()
	if err != nil {
		return e, fmt.Errorf("%s %s: the reply cannot be packed: %w", m.Question[0].Name, e.Type, err)
	}
	e.Rcode, e.Text, e.Wire = rcodeText(w.msg), w.msg.String(), hex.EncodeToString(wire)
	return e, nil
}

// clientPort is an ephemeral port, which no plugin takes for a server's.
const clientPort = 49152

func rcodeText(m *dns.Msg) string { return dns.RcodeToString[m.Rcode] }

// outcome describes the client's answer in words; the reply is nil if there is none.
func (t *trace) outcome(reply *dns.Msg) string {
	answered := "no answer is sent"
	if reply != nil {
		answered = rcodeText(reply)
	}
	decided := t.decider()
	switch {
	case t.handler == nil:
		return answered + ": no policy zone was consulted: the server block has none, or a plugin before rpz answered"
	case t.set == nil || !t.set.ready && t.handler.settings.servfailUntilReady:
		return answered + ": a policy zone has not been loaded yet (servfail-until-ready)"
	case t.failure != "":
		return answered + ": " + t.failure
	case decided == nil && reply != nil && reply.Rcode != dns.RcodeSuccess && reply.Rcode != dns.RcodeNameError:
		return answered + ": the name could not be looked up, and no rule applies without its answer"
	case decided == nil:
		return answered + ": the true answer: no rule applies"
	case decided.action == policyzone.Passthru:
		return answered + ": the true answer: a rule lets it pass"
	}
	return answered + ": a rule of " + decided.policy.name + " decides"
}

// consulted returns the verdict on each zone.
func (t *trace) consulted(from netip.Addr) []Consulted {
	all := []Consulted{} // none is an empty list in JSON
	if t.handler == nil {
		return all
	}
	decided := t.decider()
	for at, z := range t.handler.zones {
		matched := false
		for n := range t.hits {
			if hit := &t.hits[n]; hit.policy.configuredZone == z {
				all, matched = append(all, hit.consulted()), true
			}
		}
		if !matched {
			after := decided != nil && at > t.place(decided)
			all = append(all, t.passedOver(z, from, after))
		}
	}
	return all
}

// place returns the index of the hit's zone.
func (t *trace) place(h *traced) int {
	for at, z := range t.handler.zones {
		if h.policy.configuredZone == z {
			return at
		}
	}
	return -1
}

// consultedOf begins with what is known of the zone.
func consultedOf(z *configuredZone) Consulted {
	c := Consulted{Zone: z.name, From: z.origin.String()}
	if rules, _ := z.source.generation(); rules != nil {
		c.Serial, c.Since = rules.Serial(), z.source.usedSince()
	}
	return c
}

// consulted describes a matching rule.
func (h *traced) consulted() Consulted {
	c := consultedOf(h.policy.configuredZone)
	c.Serial = h.policy.rules.Serial()
	c.Trigger, c.Rule, c.Name = h.match.Trigger().String(), h.match.Owner(h.policy.rules), h.name
	c.Action, c.Verdict = h.action.String(), VerdictApplied
	z := h.policy.configuredZone
	o := z.override
	spared := o.kind == overrideDisabled || o.spares(h.match)
	if spared {
		c.Data = textsOf(h.match.Local())
	}
	if o.kind == overrideAction || o.kind == overrideCNAME {
		does := "overrides"
		if spared {
			does = keepLocalData + " keeps"
		}
		c.Reason = fmt.Sprintf("policy %s %s the rule's %s", o, does, h.match.Action())
	}
	switch {
	case h.policy.off:
		c.Verdict, c.Reason = VerdictDisabled, offReason(z)
	case z.shadow:
		c.Verdict, c.Reason = VerdictShadow, "shadow: the match is counted and changes nothing"
	case z.inert():
		c.Verdict, c.Reason = VerdictDisabled, "policy disabled: the match is counted and changes nothing"
	}
	return c
}

func textsOf(records []dns.RR) (texts []string) {
	for _, rr := range records {
		texts = append(texts, rr.String())
	}
	return texts
}

// offReason says by which command the zone is disabled.
func offReason(z *configuredZone) string {
	d, off := disabled.get(z.name)
	if !off {
		return "it was disabled while the query was answered"
	}
	return d.String()
}

// passedOver describes a zone without a matching rule; after says that an earlier zone decided.
func (t *trace) passedOver(z *configuredZone, from netip.Addr, after bool) Consulted {
	c := consultedOf(z)
	rules, loaded := z.source.generation()
	_, off := disabled.get(z.name)
	switch {
	case off:
		c.Verdict, c.Reason = VerdictDisabled, offReason(z)
	case rules == nil && loaded:
		c.Verdict, c.Reason = VerdictExpired, "no primary confirmed the zone before its SOA expire time"
	case rules == nil:
		c.Verdict = VerdictNotLoaded
		if err := z.source.progress().err; err != nil {
			c.Reason = err.Error()
		}
	case !z.consults(from):
		c.Verdict, c.Reason = VerdictNotForClient, "the zone's clients do not include "+from.String()
	case after:
		c.Verdict = VerdictNotReached
	default:
		c.Verdict = VerdictNoMatch
	}
	return c
}

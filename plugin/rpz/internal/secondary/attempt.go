package secondary

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/plugin/rpz/internal/policyzone"
)

// outcome is the result of one round of the primaries.
type outcome struct {
	// zone is a new generation, and differences are the records that lead to it from the one held; nil if it came
	// as a whole.
	zone        *policyzone.Zone
	differences []dns.RR
	// current: a primary has the generation held.
	current bool
	events  []Event
	// err joins the failures, if all primaries failed.
	err error
}

// tried is the result of an attempt, and its error if it failed.
type tried struct {
	result Result
	err    error
}

// tried returns the result of the round.
func (o *outcome) tried() tried {
	t := tried{err: o.err}
	if len(o.events) > 0 {
		t.result = o.events[len(o.events)-1].Result
	}
	return t
}

// attempt tries one primary after the other until one has a newer generation, or the same. If the generation held
// has expired, any will do. It changes nothing.
func (s *Secondary) attempt(ctx context.Context, held *policyzone.Zone, expired bool, primaries []netip.AddrPort) outcome {
	var o outcome
	var errs []error
	for _, primary := range primaries {
		t := &try{s: s, primary: primary, held: held, expired: expired, o: &o}
		if t.run(ctx) {
			return o
		}
		if ctx.Err() != nil {
			return outcome{}
		}
		errs = append(errs, o.events[len(o.events)-1].Err)
	}
	o.err = errors.Join(errs...)
	return o
}

// try is the work with one primary.
type try struct {
	s       *Secondary
	primary netip.AddrPort
	held    *policyzone.Zone
	expired bool
	o       *outcome
	// unanswered is set if a transfer failed before its first record.
	unanswered bool
}

// run reports success.
func (t *try) run(ctx context.Context) bool {
	if t.held == nil {
		return t.transfer(ctx, dns.TypeAXFR) == nil
	}
	serial, err := t.s.serialOf(ctx, t.primary.String())
	switch {
	case err != nil:
		t.failed("SOA", 0, err)
		return false
	case serial == t.held.Serial():
		t.o.current = true
		t.note(Current, 0)
		return true
	case !newer(serial, t.held.Serial()) && t.expired: // so an older serial is not a step back, as for BIND
		t.held = nil
		return t.transfer(ctx, dns.TypeAXFR) == nil
	case !newer(serial, t.held.Serial()):
		t.failed("SOA", 0, older(serial, t.held.Serial()))
		return false
	}
	err = t.transfer(ctx, dns.TypeIXFR)
	if err != nil && ctx.Err() == nil && t.wholeMayHelp(err) {
		err = t.transfer(ctx, dns.TypeAXFR)
	}
	return err == nil
}

// wholeMayHelp reports whether AXFR could succeed where IXFR failed: the primary does not know IXFR, which it may
// also show with REFUSED or by closing the connection, or it sends wrong differences.
func (t *try) wholeMayHelp(err error) bool {
	switch resultOf(err) {
	case Refused, Unfit, Garbage:
		return true
	case Broken:
		return t.unanswered
	}
	return false
}

// transfer requests the zone, or its changes.
func (t *try) transfer(ctx context.Context, qtype uint16) error {
	in := &stream{zone: t.s.config.Zone, limit: t.s.config.MaxRecords, held: t.held, incremental: qtype == dns.TypeIXFR}
	err := t.receive(ctx, qtype, in)
	if err == nil && in.phase != current {
		t.o.zone, err = in.generation()
	}
	t.unanswered = in.phase == opening
	switch {
	case err != nil:
		t.failed(dns.TypeToString[qtype], in.skipped, err)
	case in.phase == current:
		t.o.current = true
		t.note(Current, in.skipped)
	case in.differences != nil:
		t.o.differences = in.differences
		t.note(IXFR, in.skipped)
	default:
		t.note(AXFR, in.skipped)
	}
	return err
}

// receive reads an answer to its end.
func (t *try) receive(ctx context.Context, qtype uint16, in *stream) error {
	ctx, cancel := context.WithTimeout(ctx, t.s.config.Timeouts.Total)
	defer cancel()
	m := t.s.request(qtype)
	if in.incremental {
		m.Ns = []dns.RR{t.held.SOA()} // is packed but not changed
	}
	a, err := t.s.ask(ctx, "tcp", t.primary.String(), m)
	if err != nil {
		return err
	}
	defer a.close()
	for n := 0; !in.done(); {
		m, err := a.next()
		if err == nil {
			err = consume(m, in, t.s.config.Trust != nil)
		}
		if err != nil {
			return after(n, a.octets, err)
		}
		n += len(m.answer)
	}
	return a.chain.end()
}

// consume passes the records of a message to the stream. Over TLS, a message without records is padding (RFC 9103,
// section 7.9.1).
func consume(m *message, in *stream, padded bool) error {
	if len(m.answer) == 0 && !padded {
		return fail(Garbage, "a message has no records")
	}
	for _, rr := range m.answer {
		if err := in.take(rr); err != nil {
			return err
		}
	}
	return nil
}

// after says how far a transfer got.
func after(records, octets int, err error) error {
	if records == 0 {
		return err
	}
	return fmt.Errorf("after %d records in %d octets: %w", records, octets, err)
}

func (t *try) note(r Result, skipped int) {
	t.o.events = append(t.o.events, Event{Primary: t.primary, Result: r, Skipped: skipped})
}

func (t *try) failed(request string, skipped int, err error) {
	r := resultOf(err)
	err = fmt.Errorf("zone %s: %s from the primary %s: %s: %w; %s", t.s.config.Zone, request, t.primary, r, err, advice[r])
	t.o.events = append(t.o.events, Event{Primary: t.primary, Result: r, Skipped: skipped, Err: err})
}

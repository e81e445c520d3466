package secondary

import (
	"context"
	"errors"
	"time"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/plugin/rpz/internal/policyzone"
)

// queries is how often to query the serial over UDP before trying TCP.
const queries = 2

// serialOf asks a primary for the zone's serial: over UDP, and over TCP if the answer is truncated or missing; only
// over TLS if transfers use it.
func (s *Secondary) serialOf(ctx context.Context, primary string) (uint32, error) {
	if s.config.Trust != nil {
		return s.query(ctx, "tcp", primary)
	}
	for range queries {
		serial, err := s.query(ctx, "udp", primary)
		switch {
		case err == nil:
			return serial, nil
		case ctx.Err() != nil:
			return 0, err
		case resultOf(err) != Timeout && resultOf(err) != Unreachable:
			if errors.Is(err, errTruncated) {
				return s.query(ctx, "tcp", primary)
			}
			return 0, err
		}
	}
	return s.query(ctx, "tcp", primary)
}

var errTruncated = fail(Garbage, "the answer is truncated")

// query sends one query. Over UDP, where anybody may send anything, it skips invalid answers, and reports one only
// if nothing better arrives in time (RFC 8945, section 5.3).
func (s *Secondary) query(ctx context.Context, network, primary string) (uint32, error) {
	ctx, cancel := context.WithTimeout(ctx, s.config.Timeouts.Query)
	defer cancel()
	a, err := s.ask(ctx, network, primary, s.request(dns.TypeSOA))
	if err != nil {
		return 0, err
	}
	defer a.close()
	var wrong error
	for start := time.Now(); ; {
		m, err := a.next()
		if err == nil {
			var soa *dns.SOA
			if soa, err = s.answered(m); err == nil {
				return soa.Serial, nil
			}
		}
		if final(err) || !a.packets {
			return 0, err
		}
		// The context ends the read; the clock ends a flood.
		if lost := resultOf(err); lost == Timeout || lost == Unreachable || lost == Broken || time.Since(start) > s.config.Timeouts.Query {
			if wrong != nil {
				return 0, wrong
			}
			return 0, err
		}
		wrong = err
	}
}

// final says that no better answer will come: this one is from the primary itself.
func final(err error) bool {
	return errors.Is(err, errTruncated) || resultOf(err) == Refused
}

// answered returns the SOA of an answer to the query.
func (s *Secondary) answered(m *message) (*dns.SOA, error) {
	if m.bits&bitTC != 0 {
		return nil, errTruncated
	}
	if m.bits&bitAA == 0 {
		return nil, fail(Refused, "its answer to the SOA query is not authoritative")
	}
	for _, rr := range m.answer {
		soa, ok := rr.(*dns.SOA)
		switch {
		case !ok:
		case policyzone.Canonical(soa.Hdr.Name) != s.config.Zone:
			return nil, fail(WrongZone, "its SOA is that of the zone %s", soa.Hdr.Name)
		case soa.Hdr.Class == dns.ClassINET && soa.Hdr.Rdlength > 0:
			return soa, nil
		}
	}
	return nil, fail(Garbage, "its answer to the SOA query has no SOA")
}

// request returns an unsigned request for the zone.
func (s *Secondary) request(qtype uint16) *dns.Msg {
	m := new(dns.Msg)
	m.SetQuestion(s.config.Zone, qtype)
	m.RecursionDesired = false
	return m
}

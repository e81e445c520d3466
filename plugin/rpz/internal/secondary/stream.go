package secondary

import (
	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/plugin/internal/masterfile"
	"github.com/nearcast/nearcast/plugin/rpz/internal/policyzone"
)

// stream turns the records of an answer to AXFR or IXFR into a generation. It receives them in order. Do not use
// its results before ended.
type stream struct {
	zone  string
	limit int
	// held is the generation that must be older; nil if none is held.
	held *policyzone.Zone
	// incremental says that differences were requested.
	incremental bool

	phase phase
	// target is the SOA of the new generation, and serial the serial that the differences have led to so far.
	target *dns.SOA
	serial uint32
	editor *policyzone.Editor
	// differences are the records of an incremental answer, from the first SOA to
	// the last; nil for a whole zone.
	differences []dns.RR
	skipped     int
}

// phase is what the next record may be.
type phase int

const (
	opening  phase = iota // the SOA of the new generation
	second                // the record that tells differences from a whole zone (RFC 1995, section 4)
	whole                 // a record of the zone, or the SOA again
	removing              // a record to be removed, or the SOA that the additions lead to
	adding                // a record to be added, the SOA of the next differences, or of the new generation
	ended                 // nothing
	current               // anything: the primary has nothing newer, and the rest is not read
)

func (s *stream) done() bool { return s.phase == ended || s.phase == current }

// generation returns the new generation, once the answer has ended.
func (s *stream) generation() (*policyzone.Zone, error) {
	zone, err := s.editor.Zone()
	if err != nil {
		return nil, fail(Garbage, "%w", err)
	}
	return zone, nil
}

// take takes the next record.
func (s *stream) take(rr dns.RR) error {
	if s.phase == current {
		return nil
	}
	if err := s.check(rr); err != nil {
		return err
	}
	soa, _ := rr.(*dns.SOA)
	switch {
	case s.phase == opening:
		return s.open(soa)
	case s.phase == ended:
		return fail(Garbage, "the transfer continues after its end, with %s", brief(rr))
	case s.phase == second:
		if err := s.tell(soa); err != nil || soa != nil {
			return err
		}
	case soa != nil:
		return s.boundary(soa)
	}
	return s.record(rr)
}

// check refuses records that cannot be in any transfer of the zone.
func (s *stream) check(rr dns.RR) error {
	h := rr.Header()
	soa := h.Rrtype == dns.TypeSOA
	switch {
	case s.phase == opening && !soa:
		return fail(Garbage, "the transfer begins with %s, not with an SOA", brief(rr))
	case h.Class != dns.ClassINET:
		return fail(Garbage, "%s has class %s, not IN", brief(rr), dns.Class(h.Class))
	case masterfile.Meta(h.Rrtype):
		return fail(Garbage, "%s has a meta-type, which cannot be in a zone", brief(rr))
	case h.Rdlength == 0 && !mayBeEmpty(h.Rrtype):
		return fail(Garbage, "%s has no data", brief(rr))
	case soa && policyzone.Canonical(h.Name) != s.zone:
		return fail(WrongZone, "it has an SOA of the zone %s", h.Name)
	}
	return nil
}

// mayBeEmpty are the types whose data may be empty: those that allow it, and unknown types.
func mayBeEmpty(t uint16) bool {
	_, known := dns.TypeToRR[t]
	return t == dns.TypeAPL || t == dns.TypeNULL || !known
}

func brief(rr dns.RR) string {
	h := rr.Header()
	return h.Name + " " + dns.Type(h.Rrtype).String()
}

// open takes the SOA of the new generation.
func (s *stream) open(soa *dns.SOA) error {
	s.target = soa
	switch {
	case s.held != nil && soa.Serial == s.held.Serial():
		s.phase = current
	case s.held != nil && !newer(soa.Serial, s.held.Serial()):
		return older(soa.Serial, s.held.Serial())
	case s.incremental && s.held != nil:
		s.phase = second
	default:
		return s.openWhole()
	}
	return nil
}

func older(theirs, ours uint32) error {
	return fail(Older, "its serial is %d, which is not newer than our %d", theirs, ours)
}

func (s *stream) openWhole() error {
	s.phase = whole
	s.editor = policyzone.Begin(s.zone)
	if err := s.editor.Add(s.target); err != nil {
		return fail(Garbage, "%w", err)
	}
	return nil
}

// tell checks the second record, a SOA or nil: the SOA of the generation held begins differences.
func (s *stream) tell(soa *dns.SOA) error {
	switch {
	case soa == nil:
		return s.openWhole()
	case soa.Serial == s.held.Serial():
		s.phase, s.serial, s.editor = removing, soa.Serial, s.held.Edit()
		s.differences = []dns.RR{s.target, soa}
		return nil
	case soa.Serial == s.target.Serial: // a whole zone without records
		if err := s.openWhole(); err != nil {
			return err
		}
		return s.boundary(soa)
	}
	return fail(Unfit, "the differences start from serial %d, but ours is %d", soa.Serial, s.held.Serial())
}

// boundary takes a SOA that follows the first records.
func (s *stream) boundary(soa *dns.SOA) error {
	switch s.phase {
	case whole:
		if soa.Serial != s.target.Serial {
			return fail(Garbage, "the transfer begins with the serial %d and ends with %d", s.target.Serial, soa.Serial)
		}
		s.phase = ended
		return nil
	case removing:
		if !newer(soa.Serial, s.serial) {
			return fail(Unfit, "the differences from %d lead to %d, which is not newer", s.serial, soa.Serial)
		}
		s.serial, s.phase = soa.Serial, adding
	case adding:
		if soa.Serial != s.serial {
			return fail(Unfit, "the differences do not chain: %d follows %d", soa.Serial, s.serial)
		}
		s.phase = removing
		if s.serial == s.target.Serial {
			s.phase = ended
		}
	}
	s.differences = append(s.differences, soa)
	if s.phase != ended {
		return nil
	}
	if err := s.editor.Add(soa); err != nil {
		return fail(Garbage, "%w", err)
	}
	return nil
}

// record adds or removes a record other than the SOA.
func (s *stream) record(rr dns.RR) error {
	if !dns.IsSubDomain(s.zone, rr.Header().Name) {
		s.skipped++
		return nil
	}
	if s.phase == removing {
		s.differences = append(s.differences, rr)
		if err := s.editor.Remove(rr); err != nil {
			return fail(Unfit, "the differences do not apply: %w", err)
		}
		return nil
	}
	if s.phase == adding {
		s.differences = append(s.differences, rr)
	}
	if err := s.editor.Add(rr); err != nil {
		return fail(Garbage, "%w", err)
	}
	if n := s.editor.Len(); n > s.limit {
		return fail(TooLarge, "the zone has more than %d records", s.limit)
	}
	return nil
}

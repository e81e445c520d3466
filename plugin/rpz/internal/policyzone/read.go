package policyzone

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/base/regular"
	"github.com/nearcast/nearcast/plugin/internal/masterfile"
)

// maxSize bounds a file, in octets: the largest zones take a few hundred MiB.
const maxSize = 1 << 30

// ReadFile is Read for a file.
func ReadFile(path, origin string) (*Zone, []Fault, error) {
	f, err := regular.Open(path, maxSize)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	return Read(f, origin, path)
}

// Origin returns the name of a file's zone: the owner of its SOA. If the file does not state it, which is allowed,
// that is "rpz.".
func Origin(path string) (string, error) {
	f, err := regular.Open(path, maxSize)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text := masterfile.NewText(masterfile.Unmarked(f), false)
	parser := dns.NewZoneParser(text, "rpz.", path)
	parser.SetDefaultTTL(defaultTTL)
	for rr, ok := parser.Next(); ok; rr, ok = parser.Next() {
		if rr.Header().Rrtype == dns.TypeSOA {
			return rr.Header().Name, nil
		}
	}
	if err := cmp.Or(text.Fault, parser.Err()); err != nil {
		return "", masterfile.Located(path, text.Line, err)
	}
	return "", fmt.Errorf("%s: %w", path, ErrNoSOA)
}

// defaultTTL is for records before any TTL is given. BIND uses the SOA's minimum; in both cases max-policy-ttl
// bounds a rule's TTL.
const defaultTTL = 3600

// maxTTL is the longest TTL, in seconds; a longer one counts as 0 (RFC 2181, section 8).
const maxTTL = 1<<31 - 1

// Read reads a zone in the text form of RFC 1035, section 5. It returns the unusable and the doubtful rules, with
// their lines; these include records outside the zone and records whose owner is too long. A syntax error is an
// error that names the file and the line: like BIND, it does not use half a zone.
func Read(r io.Reader, origin, file string) (*Zone, []Fault, error) {
	in := masterfile.Unmarked(r)
	return read(in, masterfile.NewText(in, false), origin, file, math.MaxInt)
}

// ErrTooMany is wrapped if a list has more records than are allowed.
var ErrTooMany = errors.New("the list has more records than the limit")

// ReadList is Read for a list that others publish. It bounds the number of records, including those outside the
// zone, and refuses $GENERATE, which makes many records from one line.
func ReadList(r io.Reader, origin, file string, most int) (*Zone, []Fault, error) {
	in := masterfile.Unmarked(r)
	return read(in, masterfile.NewText(in, true), origin, file, most)
}

func read(in *bufio.Reader, text *masterfile.Text, origin, file string, most int) (*Zone, []Fault, error) {
	if err := masterfile.Foreign(in); errors.Is(err, masterfile.ErrEmpty) {
		return nil, nil, fmt.Errorf("%s: %w: %w", file, err, ErrNoSOA)
	} else if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", file, err)
	}
	reading := &reading{Editor: Begin(origin), text: text, at: map[string]int{}}
	parser := dns.NewZoneParser(text, reading.zone.name, file)
	parser.SetDefaultTTL(defaultTTL)
	records := 0
	for rr, ok := parser.Next(); ok; rr, ok = parser.Next() {
		if records++; records > most {
			return nil, nil, fmt.Errorf("%s:%d: %w: %d", file, text.Line, ErrTooMany, most)
		}
		if err := reading.add(rr); err != nil {
			return nil, nil, fmt.Errorf("%s:%d: %w", file, text.Line, err)
		}
	}
	if err := cmp.Or(text.Fault, parser.Err()); err != nil {
		return nil, nil, masterfile.Located(file, text.Line, err)
	}
	z, err := reading.Zone()
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w%s", file, err, reading.elsewhere)
	}
	z.torn = text.Torn()
	for owner, r := range z.faults { // no other goroutine has the zone yet
		r.line = reading.at[owner]
		z.faults[owner] = r
	}
	return z, append(z.Faults(), z.Doubts()...), nil
}

// reading is an editor that gets its records from a parser.
type reading struct {
	*Editor
	masterfile.Prover
	text *masterfile.Text
	// at is the line of each fault, by owner.
	at map[string]int
}

// add adds a record, or notes why it is skipped. An error is a syntax error.
func (r *reading) add(rr dns.RR) error {
	h := rr.Header()
	owner := Canonical(h.Name)
	switch {
	case h.Name == "":
		return errors.New("a record has no owner name, and none precedes it")
	case masterfile.Empty(rr):
		return fmt.Errorf("%s %s has no data", h.Name, dns.Type(h.Rrtype))
	}
	if soa, ok := rr.(*dns.SOA); ok && r.zone.soa != nil && owner == r.zone.name && !dns.IsDuplicate(soa, r.zone.soa) {
		return fmt.Errorf("%s has a second SOA, with the serial %d: are two lists in one file?", h.Name, soa.Serial)
	}
	if h.Ttl > maxTTL {
		h.Ttl = 0
	}
	known := len(r.zone.faults)
	if masterfile.TooLong(owner) {
		r.setFault(owner, fmt.Errorf("its name %w", masterfile.ErrTooLong))
	} else if err := r.Prove(rr); err != nil {
		return fmt.Errorf("%s %s: %w", h.Name, dns.Type(h.Rrtype), err)
	} else if err := r.Editor.add(rr, owner); errors.Is(err, errOutside) {
		r.skip(rr, err)
	} else if err != nil {
		return err
	}
	if len(r.zone.faults) > known {
		r.at[owner] = r.text.Line
	}
	return nil
}

// skip notes a record outside the zone.
func (e *Editor) skip(rr dns.RR, err error) {
	if rr.Header().Rrtype == dns.TypeSOA {
		e.elsewhere = fmt.Sprintf("; the file has the SOA of the zone %s: configure that name", rr.Header().Name)
	}
	e.setFault(Canonical(rr.Header().Name), fmt.Errorf("%w: a name with a trailing dot is absolute; without it the name is relative to the zone", err))
}

package policyzone

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strings"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/base/regular"
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
	text := newPlainText(unmarked(f), false)
	parser := dns.NewZoneParser(text, "rpz.", path)
	parser.SetDefaultTTL(defaultTTL)
	for rr, ok := parser.Next(); ok; rr, ok = parser.Next() {
		if rr.Header().Rrtype == dns.TypeSOA {
			return rr.Header().Name, nil
		}
	}
	if err := cmp.Or(text.fault, parser.Err()); err != nil {
		return "", located(path, text.line, err)
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
	in := unmarked(r)
	return read(in, newPlainText(in, false), origin, file, math.MaxInt)
}

// ErrTooMany is wrapped if a list has more records than are allowed.
var ErrTooMany = errors.New("the list has more records than the limit")

// ReadList is Read for a list that others publish. It bounds the number of records, including those outside the
// zone, and refuses $GENERATE, which makes many records from one line.
func ReadList(r io.Reader, origin, file string, most int) (*Zone, []Fault, error) {
	in := unmarked(r)
	return read(in, newPlainText(in, true), origin, file, most)
}

func read(in *bufio.Reader, text *plainText, origin, file string, most int) (*Zone, []Fault, error) {
	if err := foreign(in); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", file, err)
	}
	reading := &reading{Editor: Begin(origin), text: text, at: map[string]int{}}
	parser := dns.NewZoneParser(text, reading.zone.name, file)
	parser.SetDefaultTTL(defaultTTL)
	records := 0
	for rr, ok := parser.Next(); ok; rr, ok = parser.Next() {
		if records++; records > most {
			return nil, nil, fmt.Errorf("%s:%d: %w: %d", file, text.line, ErrTooMany, most)
		}
		if err := reading.add(rr); err != nil {
			return nil, nil, fmt.Errorf("%s:%d: %w", file, text.line, err)
		}
	}
	if err := cmp.Or(text.fault, parser.Err()); err != nil {
		return nil, nil, located(file, text.line, err)
	}
	z, err := reading.Zone()
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w%s", file, err, reading.elsewhere)
	}
	z.torn = text.torn()
	for owner, r := range z.faults { // no other goroutine has the zone yet
		r.line = reading.at[owner]
		z.faults[owner] = r
	}
	return z, append(z.Faults(), z.Doubts()...), nil
}

// reading is an editor that gets its records from a parser.
type reading struct {
	*Editor
	prover
	text *plainText
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
	case empty(rr):
		return fmt.Errorf("%s %s has no data", h.Name, dns.Type(h.Rrtype))
	}
	if soa, ok := rr.(*dns.SOA); ok && r.zone.soa != nil && owner == r.zone.name && !dns.IsDuplicate(soa, r.zone.soa) {
		return fmt.Errorf("%s has a second SOA, with the serial %d: are two lists in one file?", h.Name, soa.Serial)
	}
	if h.Ttl > maxTTL {
		h.Ttl = 0
	}
	known := len(r.zone.faults)
	if tooLong(owner) {
		r.setFault(owner, fmt.Errorf("its name %w", errTooLong))
	} else if err := r.prove(rr); err != nil {
		return fmt.Errorf("%s %s: %w", h.Name, dns.Type(h.Rrtype), err)
	} else if err := r.Editor.add(rr, owner); errors.Is(err, errOutside) {
		r.skip(rr, err)
	} else if err != nil {
		return err
	}
	if len(r.zone.faults) > known {
		r.at[owner] = r.text.line
	}
	return nil
}

// empty reports whether the record's line ends after its type. The parser accepts that, reads the target of a CNAME
// as the root, and would so block a name.
func empty(rr dns.RR) bool {
	switch rr := rr.(type) {
	case *dns.CNAME:
		return rr.Target == ""
	case *dns.APL, *dns.NULL, *dns.RFC3597:
		return false // theirs may be
	}
	bare, known := dns.TypeToRR[rr.Header().Rrtype]
	if !known {
		return false
	}
	zero := bare()
	*zero.Header() = *rr.Header()
	return dns.IsDuplicate(rr, zero)
}

// skip notes a record outside the zone.
func (e *Editor) skip(rr dns.RR, err error) {
	if rr.Header().Rrtype == dns.TypeSOA {
		e.elsewhere = fmt.Sprintf("; the file has the SOA of the zone %s: configure that name", rr.Header().Name)
	}
	e.setFault(Canonical(rr.Header().Name), fmt.Errorf("%w: a name with a trailing dot is absolute; without it the name is relative to the zone", err))
}

// foreign says what a file is if it does not begin like a zone.
func foreign(text *bufio.Reader) error {
	head, _ := text.Peek(1 << 10) // as many as there are
	for magic, kind := range map[string]string{"\x1f\x8b": "gzip", "BZh": "bzip2", "\xfd7zXZ": "xz", "\x28\xb5\x2f\xfd": "zstd", "PK\x03\x04": "zip"} {
		if bytes.HasPrefix(head, []byte(magic)) {
			return fmt.Errorf("is compressed with %s: save it uncompressed", kind)
		}
	}
	switch trimmed := bytes.TrimSpace(head); {
	case len(trimmed) == 0 && len(head) < 1<<10:
		return fmt.Errorf("is empty: %w", ErrNoSOA)
	case bytes.HasPrefix(trimmed, []byte("<")):
		return errors.New("is a web page, not a zone: save the list itself")
	case bytes.IndexByte(head, 0) >= 0:
		return errors.New("is not text: it has NUL octets")
	}
	return nil
}

// unmarked buffers the input, without the byte order mark that some editors write.
func unmarked(r io.Reader) *bufio.Reader {
	const mark = "\ufeff"
	b := bufio.NewReaderSize(r, 1<<16)
	if head, err := b.Peek(len(mark)); err == nil && string(head) == mark {
		_, _ = b.Discard(len(mark)) // it is in the buffer
	}
	return b
}

// syntax matches the parser's message, which ends with the text that it was given, its line and its column.
var syntax = regexp.MustCompile(`(?s)^dns: (.*) at line: \d+:\d+$`)

// located returns a text's error with the file and the line in front, like other errors.
func located(file string, line int, err error) error {
	if _, parsed := errors.AsType[*dns.ParseError](err); !parsed {
		return fmt.Errorf("%s:%d: %w", file, line, err)
	}
	says := strings.TrimPrefix(err.Error(), file+": ")
	if at := syntax.FindStringSubmatch(says); at != nil {
		says = at[1]
	}
	return fmt.Errorf("%s:%d: %s", file, line, discreet(says))
}

// quoted matches what the parser repeats from a file, and harmless what a token of a zone looks like. The content
// of another file, to which a link may lead, must not appear in messages.
var (
	quoted   = regexp.MustCompile(`(?s)"(?:[^"\\]|\\.)*"`)
	harmless = regexp.MustCompile(`^"[0-9A-Za-z.:/*@_-]{0,64}"$`)
)

func discreet(text string) string {
	return quoted.ReplaceAllStringFunc(text, func(q string) string {
		if harmless.MatchString(q) {
			return q
		}
		return "a token"
	})
}

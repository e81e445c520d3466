package policyzone

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/regular"
)

// maxSize bounds a file, in octets: the largest zones have some hundred MiB.
const maxSize = 1 << 30

// ReadFile is Read of a file.
func ReadFile(path, origin string) (*Zone, []Fault, error) {
	f, err := regular.Open(path, maxSize)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	return Read(f, origin, path)
}

// Origin returns the name of the zone that a file has: the owner of its SOA. Where
// the file says it nowhere, as it need not, that is "rpz.".
func Origin(path string) (string, error) {
	f, err := regular.Open(path, maxSize)
	if err != nil {
		return "", err
	}
	defer f.Close()
	parser := dns.NewZoneParser(unmarked(f), "rpz.", path)
	parser.SetDefaultTTL(defaultTTL)
	for rr, ok := parser.Next(); ok; rr, ok = parser.Next() {
		if rr.Header().Rrtype == dns.TypeSOA {
			return rr.Header().Name, nil
		}
	}
	if err := parser.Err(); err != nil {
		return "", located(path, err)
	}
	return "", fmt.Errorf("%s: %w", path, ErrNoSOA)
}

// defaultTTL is for records before any TTL is given. BIND takes the SOA's
// minimum; a rule's TTL is bounded by max-policy-ttl either way.
const defaultTTL = 3600

// maxTTL is the longest TTL, in seconds; a longer one counts as 0 (RFC 2181, section 8).
const maxTTL = 1<<31 - 1

// Read reads a zone in the text form of RFC 1035, section 5. It returns the rules
// that cannot be used or are in doubt, with their lines; a record outside the zone is
// one of them. A fault of syntax is an error that names the file and the line: as for
// BIND, half a zone is not used.
func Read(r io.Reader, origin, file string) (*Zone, []Fault, error) {
	e := Begin(origin)
	text := unmarked(r)
	if err := foreign(text); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", file, err)
	}
	lines := &lineReader{ByteReader: text, line: 1}
	parser := dns.NewZoneParser(lines, e.zone.name, file)
	parser.SetDefaultTTL(defaultTTL)
	at := map[string]int{}
	for rr, ok := parser.Next(); ok; rr, ok = parser.Next() {
		if empty(rr) {
			return nil, nil, fmt.Errorf("%s:%d: %s %s has no data", file, lines.of(), rr.Header().Name, dns.Type(rr.Header().Rrtype))
		}
		if soa, ok := rr.(*dns.SOA); ok && e.zone.soa != nil && Canonical(soa.Hdr.Name) == e.zone.name && !dns.IsDuplicate(soa, e.zone.soa) {
			return nil, nil, fmt.Errorf("%s:%d: %s has a second SOA, with the serial %d: are two lists in one file?", file, lines.of(), soa.Hdr.Name, soa.Serial)
		}
		if rr.Header().Ttl > maxTTL {
			rr.Header().Ttl = 0
		}
		known := len(e.zone.faults)
		err := e.Add(rr)
		if errors.Is(err, errOutside) {
			e.skip(rr, err)
		} else if err != nil {
			return nil, nil, fmt.Errorf("%s:%d: %w", file, lines.of(), err)
		}
		if len(e.zone.faults) > known {
			at[Canonical(rr.Header().Name)] = lines.of()
		}
	}
	if err := parser.Err(); err != nil {
		return nil, nil, located(file, err)
	}
	z, err := e.Zone()
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w%s", file, err, e.elsewhere)
	}
	z.torn = lines.torn()
	for owner, r := range z.faults { // nobody else has the zone yet
		r.line = at[owner]
		z.faults[owner] = r
	}
	return z, append(z.Faults(), z.Doubts()...), nil
}

// empty reports whether the record's line ends after its type, which the parser lets
// pass: the target of a CNAME would be read as the root, and block a name.
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

// skip notes a record that is outside the zone.
func (e *Editor) skip(rr dns.RR, err error) {
	if rr.Header().Rrtype == dns.TypeSOA {
		e.elsewhere = fmt.Sprintf("; the file's is that of the zone %s, which is the name to configure", rr.Header().Name)
	}
	e.setFault(Canonical(rr.Header().Name), fmt.Errorf("%w: a name that ends in a dot is whole; without the dot it is below the zone", err))
}

// foreign says what a file is that begins as no zone does.
func foreign(text *bufio.Reader) error {
	head, _ := text.Peek(1 << 10) // as much as there is
	for magic, kind := range map[string]string{"\x1f\x8b": "gzip", "BZh": "bzip2", "\xfd7zXZ": "xz", "\x28\xb5\x2f\xfd": "zstd", "PK\x03\x04": "zip"} {
		if bytes.HasPrefix(head, []byte(magic)) {
			return fmt.Errorf("is compressed by %s: save it uncompressed", kind)
		}
	}
	switch trimmed := bytes.TrimSpace(head); {
	case len(trimmed) == 0 && len(head) < 1<<10:
		return fmt.Errorf("is empty: %w", ErrNoSOA)
	case bytes.HasPrefix(trimmed, []byte("<")):
		return errors.New("is a web page, and no zone: save the list itself")
	case bytes.IndexByte(head, 0) >= 0:
		return errors.New("is not text: it has NUL octets")
	}
	return nil
}

// unmarked buffers what is read, without the byte order mark that some editors write.
func unmarked(r io.Reader) *bufio.Reader {
	const mark = "\ufeff"
	b := bufio.NewReaderSize(r, 1<<16)
	if head, err := b.Peek(len(mark)); err == nil && string(head) == mark {
		_, _ = b.Discard(len(mark)) // it is in the buffer
	}
	return b
}

// syntax is what the parser says, with the line and the column at the end.
var syntax = regexp.MustCompile(`(?s)^dns: (.*) at line: (\d+):\d+$`)

// located returns the parser's error with the file and the line before it, as others have.
func located(file string, err error) error {
	text := strings.TrimPrefix(err.Error(), file+": ")
	if at := syntax.FindStringSubmatch(text); at != nil {
		return fmt.Errorf("%s:%s: %s", file, at[2], discreet(at[1]))
	}
	return fmt.Errorf("%s: %s", file, discreet(text))
}

// quoted is what the parser repeats of a file, and harmless is how a token of a zone looks.
// Another file, to which a link may lead, is not repeated in messages.
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

// lineReader knows the line that is being read. The parser takes one octet after
// the other, and has read the end of its line when it returns a record.
type lineReader struct {
	io.ByteReader
	line int
	last byte
}

func (l *lineReader) ReadByte() (byte, error) {
	b, err := l.ByteReader.ReadByte()
	if err != nil {
		return b, err
	}
	if l.last == '\n' {
		l.line++
	}
	l.last = b
	return b, nil
}

// Read is not called for a ByteReader.
func (l *lineReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func (l *lineReader) of() int { return l.line }

// torn reports whether what was read last was not the end of a line.
func (l *lineReader) torn() bool { return l.last != '\n' }

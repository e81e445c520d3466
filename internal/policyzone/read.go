package policyzone

import (
	"bufio"
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

// Read reads a zone in the text form of RFC 1035, section 5. It returns the rules
// that cannot be used, with their lines. A fault of syntax, or a record outside the
// zone, is an error that names the file and the line: half a zone is no zone.
func Read(r io.Reader, origin, file string) (*Zone, []Fault, error) {
	e := Begin(origin)
	lines := &lineReader{ByteReader: unmarked(r), line: 1}
	parser := dns.NewZoneParser(lines, e.zone.name, file)
	parser.SetDefaultTTL(defaultTTL)
	at := map[string]int{}
	for rr, ok := parser.Next(); ok; rr, ok = parser.Next() {
		known := len(e.zone.faults)
		err := e.Add(rr)
		if errors.Is(err, errOutside) {
			err = fmt.Errorf("%w: a name that ends in a dot is whole; without the dot it is below the zone", err)
		}
		if err != nil {
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
		return nil, nil, fmt.Errorf("%s: %w", file, err)
	}
	faults := z.Faults()
	for i := range faults {
		faults[i].Line = at[faults[i].Owner]
	}
	return z, faults, nil
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
	if l.last == '\n' {
		l.line++
	}
	l.last = b
	return b, err
}

// Read is not called for a ByteReader.
func (l *lineReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func (l *lineReader) of() int { return l.line }

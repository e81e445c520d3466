// Package masterfile reads the text form of zones (RFC 1035, section 5) for the parser of miekg/dns: it rewrites what
// that misreads, and refuses what no message can have.
package masterfile

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/miekg/dns"
)

// Empty reports whether the record's line ends after its type. The parser accepts that, reads the target of a CNAME
// as the root, and would so block a name.
func Empty(rr dns.RR) bool {
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

// ErrEmpty is returned for a file without anything but blanks.
var ErrEmpty = errors.New("is empty")

// Foreign says what a file is if it does not begin like a zone.
func Foreign(text *bufio.Reader) error {
	head, _ := text.Peek(1 << 10) // as many as there are
	for magic, kind := range map[string]string{"\x1f\x8b": "gzip", "BZh": "bzip2", "\xfd7zXZ": "xz", "\x28\xb5\x2f\xfd": "zstd", "PK\x03\x04": "zip"} {
		if bytes.HasPrefix(head, []byte(magic)) {
			return fmt.Errorf("is compressed with %s: save it uncompressed", kind)
		}
	}
	switch trimmed := bytes.TrimSpace(head); {
	case len(trimmed) == 0 && len(head) < 1<<10:
		return ErrEmpty
	case bytes.HasPrefix(trimmed, []byte("<")):
		return errors.New("is a web page, not a zone: save the list itself")
	case bytes.IndexByte(head, 0) >= 0:
		return errors.New("is not text: it has NUL octets")
	}
	return nil
}

// Unmarked buffers the input, without the byte order mark that some editors write.
func Unmarked(r io.Reader) *bufio.Reader {
	const mark = "\ufeff"
	b := bufio.NewReaderSize(r, 1<<16)
	if head, err := b.Peek(len(mark)); err == nil && string(head) == mark {
		_, _ = b.Discard(len(mark)) // it is in the buffer
	}
	return b
}

// syntax matches the parser's message, which ends with the text that it was given, its line and its column.
var syntax = regexp.MustCompile(`(?s)^dns: (.*) at line: \d+:\d+$`)

// Located returns a text's error with the file and the line in front, like other errors.
func Located(file string, line int, err error) error {
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

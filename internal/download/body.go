package download

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"time"
)

// limits are what a list may be.
type limits struct{ octets, lines int }

func (l *List) limits() limits { return limits{l.config.MaxBytes, l.config.MaxRecords} }

// reach gives up where nothing comes for a while.
type reach struct {
	io.Reader
	timer *time.Timer
}

var errIdle = fail(Timeout, "nothing came for %s", idleTime)

// within reads from a body whose request ends when give is called.
func within(r io.Reader, give context.CancelCauseFunc) *reach {
	return &reach{r, time.AfterFunc(idleTime, func() { give(errIdle) })}
}

func (r *reach) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.timer.Reset(idleTime)
	return n, err
}

// delimited reports whether the end of a body can be told from a connection that broke
// off: by a length or by chunks (RFC 9112, section 6.3).
func delimited(a *http.Response) bool { return a.ContentLength >= 0 || len(a.TransferEncoding) > 0 }

// decoded returns the body without its content coding, which is that asked for or none.
func decoded(a *http.Response, body io.Reader) (io.Reader, error) {
	switch c := a.Header.Get("Content-Encoding"); c {
	case "", "identity":
		return body, nil
	case "gzip":
		z, err := gzip.NewReader(body)
		if err != nil {
			return nil, fail(Broken, "the answer is not the gzip that it says it is: %w", err)
		}
		return z, nil
	default:
		return nil, fail(Refused, "the answer has the content coding %q, and none but gzip was asked for", c)
	}
}

// bounded is a list as it is read: no more octets and lines than are allowed, and none
// that makes many records of one line. It keeps what it failed with, as parsers do not.
type bounded struct {
	from  io.Reader
	left  limits
	err   error // io.EOF at the end
	last  byte
	head  []byte // the begin of the line that is read, without blanks
	begun bool   // more of the line came than head has
}

// generate makes up to 65,536 records of its line. No list that is published needs it.
var generate = []byte("$GENERATE")

func (b *bounded) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.from.Read(p)
	if fault := b.inspect(p[:n]); fault != nil {
		n, err = 0, fault
	}
	b.err = err
	return n, err
}

// inspect looks at what was read.
func (b *bounded) inspect(p []byte) error {
	if len(p) == 0 {
		return nil
	}
	if b.left.octets -= len(p); b.left.octets < 0 {
		return fail(TooLarge, "the list has more octets than are allowed")
	}
	b.last = p[len(p)-1]
	for len(p) > 0 {
		line, rest, whole := bytes.Cut(p, []byte("\n"))
		if b.directive(line) {
			return fail(Refused, "the list has the directive $GENERATE, which is not for lists that others publish")
		}
		if p = rest; !whole {
			return nil
		}
		b.head, b.begun = b.head[:0], false
		if b.left.lines--; b.left.lines < 0 {
			return fail(TooLarge, "the list has more lines than records are allowed")
		}
	}
	return nil
}

// directive takes in more of a line and reports whether it begins with $GENERATE.
func (b *bounded) directive(part []byte) bool {
	if b.begun {
		return false
	}
	for _, c := range part {
		switch {
		case c == '\r', len(b.head) == 0 && (c == ' ' || c == '\t'):
			continue // the parser passes over them
		case len(b.head) == len(generate)-1:
			b.begun = true
			return bytes.EqualFold(append(b.head, c), generate)
		}
		b.head = append(b.head, c)
	}
	return false
}

// complete reads what a parser may have left, to the end.
func (b *bounded) complete() error {
	_, err := io.Copy(io.Discard, b)
	return err
}

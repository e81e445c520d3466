package download

import (
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"strings"
	"time"
)

// reach gives up if nothing arrives for a while.
type reach struct {
	io.Reader
	timer *time.Timer
}

var errIdle = fail(Timeout, "no data received for %s", idleTime)

// within returns a reader of a body. It calls give to end the request.
func within(r io.Reader, give context.CancelCauseFunc) *reach {
	return &reach{r, time.AfterFunc(idleTime, func() { give(errIdle) })}
}

func (r *reach) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.timer.Reset(idleTime)
	return n, err
}

// delimited reports whether a body's end can be distinguished from a broken connection: by a length or by chunks (RFC 9112,
// section 6.3).
func delimited(a *http.Response) bool { return a.ContentLength >= 0 || len(a.TransferEncoding) > 0 }

// decoded returns the body without its content coding, which must be the requested one or none.
func decoded(a *http.Response, body io.Reader) (io.Reader, error) {
	switch c := a.Header.Get("Content-Encoding"); strings.ToLower(c) { // RFC 9110, section 8.4.1
	case "", "identity":
		return body, nil
	case "gzip", "x-gzip":
		z, err := gzip.NewReader(body)
		if err != nil {
			return nil, fail(Broken, "the response says gzip but is not valid gzip:  %w", err)
		}
		return z, nil
	default:
		return nil, fail(Refused, "the response has the content coding %q, but only gzip was requested", c)
	}
}

// bounded limits the octets of a list as it is read. It keeps its error, because parsers do not.
type bounded struct {
	from io.Reader
	left int   // octets
	err  error // io.EOF at the end
	last byte
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.from.Read(p)
	if b.left -= n; b.left < 0 {
		n, err = 0, fail(TooLarge, "the list is larger than its limit allows")
	}
	if n > 0 {
		b.last = p[n-1]
	}
	b.err = err
	return n, err
}

// complete reads what a parser may have left, to the end.
func (b *bounded) complete() error {
	_, err := io.Copy(io.Discard, b)
	return err
}

package download

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/nearcast/nearcast/plugin/rpz/internal/failure"
	"github.com/nearcast/nearcast/plugin/rpz/internal/outbound"
	"github.com/nearcast/nearcast/plugin/rpz/internal/policyzone"
)

// fetched is a list that was received completely, also into the spool. Without a zone, the list held is current,
// and it is in the spool if it must be saved again.
type fetched struct {
	zone  *policyzone.Zone
	mark  mark
	spool *spool
}

// fetch requests the list. If a checksum is published, it requests that first, which shows whether there is
// anything new.
func (l *List) fetch(ctx context.Context) (fetched, error) {
	ctx, cancel := context.WithTimeout(ctx, totalTime)
	defer cancel()
	client, err := l.client()
	if err != nil {
		return fetched{}, err
	}
	defer client.CloseIdleConnections()
	known := l.mark
	if l.uncopied() {
		known = mark{} // to write it to disk
	}
	if l.checksum == nil {
		return l.fetchList(ctx, client, "", known)
	}
	sum, err := l.fetchSum(ctx, client)
	switch {
	case err != nil:
		return fetched{}, fmt.Errorf("checksum %s: %w", shown(l.checksum), err)
	case l.held != nil && sum == known.Sum:
		return fetched{}, nil
	}
	return l.fetchList(ctx, client, sum, mark{}) // which differs from the one held
}

// client returns an HTTP client: HTTP/1.1 over connections for this request only.
func (l *List) client() (*http.Client, error) {
	if l.transport != nil {
		return &http.Client{Transport: l.transport, CheckRedirect: redirect}, nil
	}
	trusted, err := l.config.Trust.Config("")
	if err != nil {
		return nil, fail(BadCertificate, "cannot load the trusted certificates: %w", err)
	}
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, dialTime)
		defer cancel()
		return l.config.Sources.Dial(ctx, network, address)
	}
	return &http.Client{CheckRedirect: redirect, Transport: &http.Transport{
		Proxy: http.ProxyFromEnvironment, DialContext: dial, TLSClientConfig: trusted, TLSHandshakeTimeout: dialTime,
		ResponseHeaderTimeout: headTime, MaxResponseHeaderBytes: 64 << 10, DisableKeepAlives: true, DisableCompression: true,
	}}, nil
}

// mostRedirects is more than the publishers of lists need.
const mostRedirects = 5

// redirect decides where a request may be redirected to.
func redirect(next *http.Request, via []*http.Request) error {
	switch {
	case next.URL.Scheme != "https":
		return fail(Redirect, "it redirects to %s, which is not https", shown(next.URL))
	case len(via) > mostRedirects:
		return fail(Redirect, "it redirects more than %d times", mostRedirects)
	}
	next.Header.Del("Referer") // the URL may have a secret
	return nil
}

// ask sends a request. A caller that gets an answer calls done.
func (l *List) ask(ctx context.Context, client *http.Client, to *url.URL, known mark) (a *http.Response, body io.Reader, done func(), err error) {
	ctx, give := context.WithCancelCause(ctx)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, to.String(), http.NoBody)
	if err != nil {
		give(nil)
		return nil, nil, nil, err
	}
	r.Header.Set("User-Agent", "nearcast")
	r.Header.Set("Accept-Encoding", "gzip")
	if known.ETag != "" {
		r.Header.Set("If-None-Match", known.ETag)
	}
	if known.Modified != "" {
		r.Header.Set("If-Modified-Since", known.Modified)
	}
	a, err = client.Do(r)
	if err != nil {
		err = failed(ctx, err)
		give(nil)
		return nil, nil, nil, err
	}
	idle := within(a.Body, give)
	done = func() { idle.timer.Stop(); give(nil); a.Body.Close() }
	return a, &breaking{ctx, idle, l.config.MaxBytes}, done, nil
}

// failed classifies the error of a request.
func failed(ctx context.Context, err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err // without the URL, which may have a secret
	}
	_, known := failure.ClassOf[Result](err)
	timeout, _ := errors.AsType[net.Error](err)
	switch {
	case known:
		return err
	case outbound.Distrusted(err):
		return fail(BadCertificate, "%w", err)
	case ctx.Err() != nil, errors.Is(err, os.ErrDeadlineExceeded), timeout != nil && timeout.Timeout():
		return fail(Timeout, "no response in time: %w", err)
	}
	return fail(Unreachable, "%w", err)
}

// breaking classifies the errors of a body, and bounds what the server may send.
type breaking struct {
	ctx context.Context //nolint:containedctx // of the body's request
	io.Reader
	left int // octets
}

func (b *breaking) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if b.left -= n; b.left < 0 {
		return 0, fail(TooLarge, "the response is larger than the limit allows")
	}
	switch cause := context.Cause(b.ctx); {
	case err == nil, errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		return n, err
	case errors.Is(cause, errIdle):
		return n, errIdle
	case cause != nil:
		return n, fail(Timeout, "the response did not end in time")
	}
	return n, fail(Broken, "the transfer was cut off: %w", err)
}

// fetchList requests the list, unless it is unchanged, and requires the digest, if there is one.
func (l *List) fetchList(ctx context.Context, client *http.Client, sum string, known mark) (fetched, error) {
	if l.held == nil {
		known = mark{}
	}
	a, body, done, err := l.ask(ctx, client, l.url, known) //nolint:bodyclose // done does
	if err != nil {
		return fetched{}, err
	}
	defer done()
	switch {
	case a.StatusCode == http.StatusNotModified && known.ETag != "" && tagChanged(a.Header.Get("ETag"), known.ETag):
		return l.fetchList(ctx, client, sum, mark{}) // it was modified, whatever the server says
	case a.StatusCode == http.StatusNotModified && (known.ETag != "" || known.Modified != ""):
		return fetched{}, nil
	case a.StatusCode != http.StatusOK:
		return fetched{}, statusOf(a)
	case sum == "" && !delimited(a):
		return fetched{}, fail(Broken, "the response has neither a Content-Length nor chunks, so a cut-off list would go unnoticed; set checksum to accept it")
	}
	decompressed, err := decoded(a, body)
	if err != nil {
		return fetched{}, err
	}
	got := fetched{mark: mark{ETag: a.Header.Get("ETag"), Modified: a.Header.Get("Last-Modified")}, spool: newSpool(l.config.File)}
	if err := l.receive(&got, decompressed, sum); err != nil {
		got.spool.drop()
		return fetched{}, err
	}
	if l.held != nil && got.mark.Sum == l.mark.Sum {
		l.mark = got.mark // which may identify it the next time
		if l.uncopied() {
			return fetched{mark: got.mark, spool: got.spool}, nil
		}
		got.spool.drop()
		return fetched{}, nil
	}
	return got, nil
}

// tagChanged reports whether an answer's ETag is that of another list (RFC 9110, section 8.8.3.2). Servers that
// compress may add a suffix to theirs.
func tagChanged(now, known string) bool {
	bare := strings.NewReplacer("W/", "", "-gzip", "", ";gzip", "")
	return now != "" && bare.Replace(now) != bare.Replace(known)
}

// receive reads a list to its end.
func (l *List) receive(got *fetched, from io.Reader, sum string) error {
	digest := sha256.New()
	list := &bounded{from: io.TeeReader(from, io.MultiWriter(digest, got.spool)), left: l.config.MaxBytes}
	var err error
	if got.zone, err = l.parse(list, shown(l.url)); err != nil {
		return err
	}
	got.mark.Sum = hex.EncodeToString(digest.Sum(nil))
	switch {
	case sum != "" && sum != got.mark.Sum:
		return fail(Checksum, "the digest of the list is %s, but the published one is %s", got.mark.Sum, sum)
	case got.zone.Len() == 0:
		return fail(Refused, "the list has no record besides its SOA")
	case sum == "" && list.last != '\n' && l.held != nil && got.zone.Len() < l.held.Len():
		return fail(Broken, "the list has fewer records than before, and its last line is incomplete: it may be only half published")
	}
	return nil
}

// parse reads a list to its end, like a file.
func (l *List) parse(list *bounded, name string) (*policyzone.Zone, error) {
	z, _, err := policyzone.ReadList(list, l.config.Zone, name, l.config.MaxRecords)
	if err == nil {
		err = list.complete()
	}
	switch _, known := failure.ClassOf[Result](list.err); {
	case known: // the cause of the parser's error, or an error that it did not notice
		return nil, list.err
	case list.err != nil && list.err != io.EOF: //nolint:errorlint // an EOF wrapped by gzip is not the end
		return nil, fail(Broken, "the transfer was cut off: %w", list.err)
	case errors.Is(err, policyzone.ErrTooMany):
		return nil, fail(TooLarge, "%w", err)
	case err != nil:
		return nil, fail(Refused, "%w", err)
	}
	return z, nil
}

// statusOf returns the failure of an answer without a list.
func statusOf(a *http.Response) error {
	err := fail(Status, "the server responded %d %s", a.StatusCode, http.StatusText(a.StatusCode))
	if after := retryAfter(a.Header); after > 0 {
		return &busy{err, after}
	}
	return err
}

// maxSums bounds a file of checksums: it has room for ten thousand files.
const maxSums = 1 << 20

// fetchSum requests the digest of the list.
func (l *List) fetchSum(ctx context.Context, client *http.Client) (string, error) {
	a, body, done, err := l.ask(ctx, client, l.checksum, mark{}) //nolint:bodyclose // done does
	if err != nil {
		return "", err
	}
	defer done()
	if a.StatusCode != http.StatusOK {
		return "", statusOf(a)
	}
	if body, err = decoded(a, body); err != nil {
		return "", err
	}
	text, err := io.ReadAll(io.LimitReader(body, maxSums+1))
	switch {
	case err != nil:
		return "", err
	case len(text) > maxSums:
		return "", fail(TooLarge, "it has more than %d octets", maxSums)
	}
	return sumOf(string(text), l.url.Path)
}

package health

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/nearcast/nearcast/internal/base/regular"
	"github.com/nearcast/nearcast/internal/federation"
)

// kinds maps the names of probes in nearcast.dev/probe to their methods. To add one,
// write its method, name it here, and make annotation's parseProbe accept it.
var kinds = map[federation.ProbeKind]func(*asker, context.Context, federation.Target) (Sample, error){
	federation.ProbeTCP:   (*asker).tcp,
	federation.ProbeHTTP:  (*asker).http,
	federation.ProbeHTTPS: (*asker).http,
	federation.ProbeGRPC:  (*asker).grpc,
}

// asker runs the probes of all kinds.
type asker struct {
	files TLS
}

// Ask returns the Probe of every kind, which presents and verifies certificates as the
// files say.
func Ask(files TLS) Probe {
	return (&asker{files: files}).ask
}

func (a *asker) ask(ctx context.Context, target federation.Target) (Sample, error) {
	probe := kinds[target.Kind]
	if probe == nil {
		return Sample{}, fmt.Errorf("no probe of kind %q", target.Kind)
	}
	sample, err := probe(a, ctx, target)
	if err != nil {
		err = publicReason(err)
	}
	return sample, err
}

func (a *asker) tcp(ctx context.Context, target federation.Target) (Sample, error) {
	start := time.Now()
	deadline, _ := ctx.Deadline()
	if err := connect(ctx, target.Addr, deadline); err != nil {
		return Sample{}, err
	}
	return Sample{RTT: time.Since(start)}, nil
}

// dial connects to the target.
func dial(ctx context.Context, target federation.Target) (net.Conn, Sample, error) {
	start := time.Now()
	conn, err := open(ctx, target.Addr)
	if err != nil {
		return nil, Sample{}, err
	}
	return conn, Sample{RTT: time.Since(start)}, nil
}

// The limits, in bytes, of what a probe reads: of an answer's status and headers, of the
// body that is searched, and of everything, including handshakes. Thousands of probes may
// be in flight, and the server decides how long its answer is.
const (
	maxHead = 16 << 10
	maxBody = 64 << 10
	maxRead = 128 << 10
)

// bounded is a connection from which a limited number of bytes may be read.
type bounded struct {
	net.Conn
	left int
}

func (c *bounded) Read(p []byte) (int, error) {
	if c.left == 0 {
		return 0, failure{"the answer has more than 128 KiB", nil}
	}
	n, err := c.Conn.Read(p[:min(len(p), c.left)])
	c.left -= n
	return n, err
}

// http passes on a status from 200 to 399, as a kubelet's probe does, or on what the
// target expects. It opens a connection for each probe, because a connection kept open
// would not show that new clients are shut out, and uses no http.Transport: a transport's
// dial outlives its request, by minutes if packets are dropped. It does not follow a
// redirect, which counts as an answer: it may lead where the target's owner has no
// access.
func (a *asker) http(ctx context.Context, target federation.Target) (Sample, error) {
	conn, sample, err := dial(ctx, target)
	if err != nil {
		return sample, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	answer := readers.Get().(*bufio.Reader)
	defer func() {
		answer.Reset(nil)
		readers.Put(answer)
	}()
	resp, err := a.get(ctx, &bounded{conn, maxRead}, answer, target)
	if err == nil {
		defer resp.Body.Close()
		sample.Load = reportedLoad(resp.Header)
		err = meets(resp, target.Expect)
	}
	if ctx.Err() != nil {
		return sample, ctx.Err()
	}
	return sample, err
}

// readers and requests are buffers that probes use one after the other: there may be thousands of
// probes a second.
var (
	readers  = sync.Pool{New: func() any { return bufio.NewReader(nil) }}
	requests = sync.Pool{New: func() any { return new(bytes.Buffer) }}
)

// get sends the request over conn and returns the final answer, of which answer reads the body.
func (a *asker) get(ctx context.Context, conn net.Conn, answer *bufio.Reader, target federation.Target) (*http.Response, error) {
	req, err := http.NewRequest(http.MethodGet, string(target.Kind)+"://"+target.Addr.String()+target.Path, nil)
	if err != nil {
		return nil, failure{fmt.Sprintf("the path %q cannot be requested", target.Path), err}
	}
	req.Header.Set("User-Agent", "nearcast-probe")
	req.Close = true
	if target.Host != "" {
		req.Host = target.Host
	}
	if target.Kind == federation.ProbeHTTPS {
		config, err := a.files.config(target)
		if err != nil {
			return nil, failure{err.Error(), err} // about the operator's files
		}
		secure := tls.Client(conn, config)
		if err := secure.HandshakeContext(ctx); err != nil {
			return nil, handshakeFailed(err)
		}
		conn = secure
	}
	if err := send(conn, req); err != nil {
		return nil, failure{"the connection ended before the request was sent", err}
	}
	return readAnswer(conn, answer, req)
}

// send sends the request with one write.
func send(conn net.Conn, req *http.Request) error {
	request := requests.Get().(*bytes.Buffer)
	defer requests.Put(request)
	request.Reset()
	if err := req.Write(request); err != nil {
		return err
	}
	_, err := conn.Write(request.Bytes())
	return err
}

// readAnswer reads the final answer to the request, without its body.
func readAnswer(conn net.Conn, answer *bufio.Reader, req *http.Request) (*http.Response, error) {
	limit := &io.LimitedReader{R: conn, N: maxHead}
	answer.Reset(limit)
	for {
		resp, err := http.ReadResponse(answer, req)
		switch {
		case err != nil && limit.N == 0:
			return nil, failure{"the header of the answer has more than 16 KiB", err}
		case err != nil:
			return nil, noAnswer(err)
		case resp.StatusCode >= 200 || resp.StatusCode == http.StatusSwitchingProtocols:
			limit.N = maxRead // the connection counts from here on
			return resp, nil
		}
		// 1xx precede the answer (RFC 9110, 15.2); 101 would end HTTP and was not requested.
	}
}

// meets returns an error unless the answer is as expected. The error contains only the
// status of the answer; for the rest it names what was expected.
func meets(resp *http.Response, want federation.Expect) error {
	if !want.Status(resp.StatusCode) {
		return failure{fmt.Sprintf("HTTP status %d", resp.StatusCode), nil}
	}
	if want.Header != "" && !strings.Contains(resp.Header.Get(want.Header), want.Value) {
		return failure{fmt.Sprintf("header %s does not contain %q", want.Header, want.Value), nil}
	}
	if want.Body == "" {
		return nil
	}
	found, err := contains(io.LimitReader(resp.Body, maxBody), []byte(want.Body))
	switch {
	case found:
		return nil
	case err != nil:
		return failure{"the body ended early", err}
	}
	return failure{fmt.Sprintf("the first 64 KiB of the body do not contain %q", want.Body), nil}
}

// contains reports whether the text occurs in what is read. It stores only the part that
// it is searching.
func contains(r io.Reader, text []byte) (bool, error) {
	window := make([]byte, 0, len(text)+4<<10)
	for {
		n, err := r.Read(window[len(window):cap(window)])
		window = window[:len(window)+n]
		if bytes.Contains(window, text) {
			return true, nil
		}
		if errors.Is(err, io.EOF) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		if len(window) >= len(text) { // its end may be the beginning of the text
			window = window[:copy(window, window[len(window)-len(text)+1:])]
		}
	}
}

// TLS names the PEM files for probes over TLS. They are read for each handshake, so that
// a renewed certificate takes effect.
type TLS struct {
	// Cert and Key are presented to the server; "" for none.
	Cert, Key string
	// CA verifies the server. If it is "", nothing is verified, as with a kubelet: a
	// probe asks whether the placement is alive, not who it is.
	CA string
}

// maxCASize bounds an authority's file, in octets; a system's whole bundle has 200 kB.
const maxCASize = 16 << 20

func (f TLS) config(target federation.Target) (*tls.Config, error) {
	config := &tls.Config{InsecureSkipVerify: f.CA == "", ServerName: target.Host}
	if f.Cert != "" {
		pair, err := tls.LoadX509KeyPair(f.Cert, f.Key)
		if err != nil {
			return nil, fmt.Errorf("probe's certificate: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	if f.CA != "" {
		pem, err := regular.Read(f.CA, maxCASize)
		if err != nil {
			return nil, fmt.Errorf("probe's CA: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("probe's CA: %s has no certificate", f.CA)
		}
		if config.ServerName == "" {
			config.ServerName = target.Addr.Addr().String()
		}
	}
	return config, nil
}

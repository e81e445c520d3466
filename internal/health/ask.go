package health

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/nearcast/nearcast/internal/federation"
)

// kinds are the probes by what nearcast.dev/probe calls them. To add one, write
// its Probe, name it here, and let federation's parseProbe accept it.
var kinds = map[federation.ProbeKind]Probe{
	federation.ProbeTCP:   askTCP,
	federation.ProbeHTTP:  askHTTP,
	federation.ProbeHTTPS: askHTTP,
}

// Ask is the Probe of every kind.
func Ask(ctx context.Context, target federation.Target) (time.Duration, error) {
	probe := kinds[target.Kind]
	if probe == nil {
		return 0, fmt.Errorf("no probe of kind %q", target.Kind)
	}
	rtt, err := probe(ctx, target)
	if err != nil {
		err = brief(err)
	}
	return rtt, err
}

var dialer net.Dialer

func askTCP(ctx context.Context, target federation.Target) (time.Duration, error) {
	start := time.Now()
	conn, err := dialer.DialContext(ctx, "tcp", target.Addr.String())
	if err != nil {
		return 0, err
	}
	return time.Since(start), conn.Close()
}

// dialTime is where askHTTP's dialer leaves how long connecting took.
type dialTime struct{}

// transport opens a connection for each probe: a kept one would not notice that
// nobody new gets in. Like a kubelet it does not verify certificates; a probe
// asks whether the placement lives, not who it is.
var transport = &http.Transport{
	DisableKeepAlives: true,
	TLSClientConfig:   &tls.Config{InsecureSkipVerify: true},
	DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		start := time.Now()
		conn, err := dialer.DialContext(ctx, network, addr)
		if took, ok := ctx.Value(dialTime{}).(*atomic.Int64); ok && err == nil {
			took.Store(int64(time.Since(start)))
		}
		return conn, err
	},
}

// askHTTP passes on a status from 200 to 399, as a kubelet's probe does.
func askHTTP(ctx context.Context, target federation.Target) (time.Duration, error) {
	var took atomic.Int64
	ctx = context.WithValue(ctx, dialTime{}, &took)
	url := string(target.Kind) + "://" + target.Addr.String() + target.Path
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	t := transport
	if target.Host != "" {
		req.Host = target.Host
		if target.Kind == federation.ProbeHTTPS {
			t = transport.Clone()
			t.TLSClientConfig.ServerName = target.Host
		}
	}
	req.Header.Set("User-Agent", "nearcast-probe")
	resp, err := t.RoundTrip(req)
	rtt := time.Duration(took.Load())
	if err != nil {
		return rtt, err
	}
	defer resp.Body.Close()
	if resp.StatusCode < 200 || resp.StatusCode > 399 {
		return rtt, fmt.Errorf("HTTP status %d", resp.StatusCode)
	}
	return rtt, nil
}

// brief keeps of an error what an operator needs: the address is in the target.
func brief(err error) error {
	var errno syscall.Errno
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return errors.New("timed out")
	case errors.As(err, &errno):
		return errno
	}
	return err
}

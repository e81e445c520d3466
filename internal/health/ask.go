package health

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
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

// maxHead bounds, in bytes, what is read of an answer: its status and headers.
const maxHead = 64 << 10

// askHTTP passes on a status from 200 to 399, as a kubelet's probe does. It
// opens a connection for each probe, for a kept one would not notice that nobody
// new gets in, and uses no http.Transport: a transport's dial outlives the
// request it was made for, by minutes where packets vanish.
func askHTTP(ctx context.Context, target federation.Target) (time.Duration, error) {
	start := time.Now()
	conn, err := dialer.DialContext(ctx, "tcp", target.Addr.String())
	if err != nil {
		return 0, err
	}
	rtt := time.Since(start)
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	status, err := get(ctx, conn, target)
	switch {
	case ctx.Err() != nil:
		return rtt, ctx.Err()
	case err != nil:
		return rtt, err
	case status < 200 || status > 399:
		return rtt, fmt.Errorf("HTTP status %d", status)
	}
	return rtt, nil
}

// get asks over conn and returns the final status.
func get(ctx context.Context, conn net.Conn, target federation.Target) (int, error) {
	req, err := http.NewRequest(http.MethodGet, string(target.Kind)+"://"+target.Addr.String()+target.Path, nil)
	if err != nil {
		return 0, err
	}
	req.Header.Set("User-Agent", "nearcast-probe")
	req.Close = true
	if target.Host != "" {
		req.Host = target.Host
	}
	if target.Kind == federation.ProbeHTTPS {
		// Like a kubelet's it verifies no certificate: it asks whether the placement lives, not who it is.
		secure := tls.Client(conn, &tls.Config{InsecureSkipVerify: true, ServerName: target.Host})
		if err := secure.HandshakeContext(ctx); err != nil {
			return 0, err
		}
		conn = secure
	}
	if err := req.Write(conn); err != nil {
		return 0, err
	}
	answer := bufio.NewReader(io.LimitReader(conn, maxHead))
	for {
		resp, err := http.ReadResponse(answer, req)
		if err != nil {
			return 0, err
		}
		// 1xx precede the answer (RFC 9110, 15.2); 101 would end HTTP and was not asked for.
		if resp.StatusCode >= 200 || resp.StatusCode == http.StatusSwitchingProtocols {
			return resp.StatusCode, nil
		}
	}
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

package health

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/nearcast/nearcast/internal/base/brief"
	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// secret is in every answer of the servers below.
const secret = "s3cr3t"

// says answers every request with the text.
func says(t *testing.T, text string) (net.Listener, *atomic.Int32) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	var asked atomic.Int32
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
					asked.Add(1)
					_, _ = io.WriteString(conn, text) // the client may have gone
				}
			}()
		}
	}()
	return l, &asked
}

func TestAReasonRepeatsNothingOfAnHTTPResponse(t *testing.T) {
	head := "HTTP/1.1 200 OK\r\nX: " + secret + "\r\n"
	for text, want := range map[string]string{
		"HTTP/1.1 503 " + secret + "\r\n\r\n":                        "HTTP status 503",
		"HTTP/1.1 418 x\r\nLocation: http://" + secret + "/\r\n\r\n": "HTTP status 418",
		head + "\r\n" + secret:                                       `header X does not contain "other"`,
		head + "X-Next\x1b[31m: " + secret + "\r\n\r\n":              "the answer is not HTTP/1",
		"HTTP/1.1 " + secret + "\r\n\r\n":                            "the answer is not HTTP/1",
		secret + "\r\n\r\n":                                          "the answer is not HTTP/1",
		head:                                                         "the connection ended before an answer",
		head + "Y: " + strings.Repeat("y", maxHead):                  "the header of the answer has more than 16 KiB",
		strings.Repeat("HTTP/1.1 103 Early\r\n\r\n", maxHead/16):     "the header of the answer has more than 16 KiB",
	} {
		l, heard := says(t, text)
		expect := federation.Expect{Header: "X", Value: "other"}
		_, got := asked(t, TLS{}, federation.Target{Kind: federation.ProbeHTTP, Addr: addrOf(t, l), Path: "/", Expect: expect})
		if got != want || heard.Load() != 1 {
			t.Errorf("%.60q: %q, %d requests; want %q", text, got, heard.Load(), want)
		}
	}
}

func TestAReasonRepeatsNothingOfABody(t *testing.T) {
	expect := federation.Expect{Body: "other"}
	for text, want := range map[string]string{
		"HTTP/1.1 200 OK\r\n\r\n" + secret:                                    `the first 64 KiB of the body do not contain "other"`,
		"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n" + secret:              "the body ended early",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + secret:      "the body ended early",
		"HTTP/1.1 200 OK\r\n\r\n" + strings.Repeat(secret, maxRead) + "other": `the first 64 KiB of the body do not contain "other"`,
	} {
		l, _ := says(t, text)
		if _, got := asked(t, TLS{}, federation.Target{Kind: federation.ProbeHTTP, Addr: addrOf(t, l), Path: "/", Expect: expect}); got != want {
			t.Errorf("%.60q: %q, want %q", text, got, want)
		}
	}
}

func TestAReasonRepeatsNothingOfATLSServer(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	fixture.Certificate(t, at("server.crt"), at("server.key"), secret)
	fixture.Certificate(t, at("other.crt"), at("other.key"), "other")
	pair, err := tls.LoadX509KeyPair(at("server.crt"), at("server.key"))
	if err != nil {
		t.Fatal(err)
	}
	var heard atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { heard.Add(1) }))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	server.StartTLS()
	defer server.Close()
	plain, _ := says(t, secret)
	for _, c := range []struct {
		files TLS
		addr  net.Listener
		want  string
	}{
		{TLS{}, server.Listener, ""}, // the control
		{TLS{CA: at("other.crt")}, server.Listener, "TLS: the server's certificate does not verify for this host against the probe's ca"},
		{TLS{}, plain, "TLS: the handshake failed"},
	} {
		_, got := asked(t, c.files, federation.Target{Kind: federation.ProbeHTTPS, Addr: addrOf(t, c.addr), Path: "/", Host: "web.example"})
		if got != c.want {
			t.Errorf("%+v: %q, want %q", c.files, got, c.want)
		}
	}
	if heard.Load() != 1 {
		t.Errorf("the server heard %d requests, want the control's", heard.Load())
	}
}

// talkative answers every check with its own message.
type talkative struct {
	healthpb.UnimplementedHealthServer
	heard atomic.Int32
}

func (s *talkative) Check(context.Context, *healthpb.HealthCheckRequest) (*healthpb.HealthCheckResponse, error) {
	s.heard.Add(1)
	return nil, status.Error(codes.FailedPrecondition, "\x1b]0;"+secret+strings.Repeat("A", 10<<10))
}

func TestAReasonRepeatsNothingOfAGRPCMessage(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server, service := grpc.NewServer(), &talkative{}
	healthpb.RegisterHealthServer(server, service)
	go func() { _ = server.Serve(listener) }() // ends with Stop
	defer server.Stop()
	_, got := asked(t, TLS{}, federation.Target{Kind: federation.ProbeGRPC, Addr: addrOf(t, listener), Path: "/"})
	if got != "gRPC status FailedPrecondition" || service.heard.Load() != 1 {
		t.Errorf("%q, %d requests", got, service.heard.Load())
	}
}

func TestExpectationsAreCutAndEscapedInReasons(t *testing.T) {
	l, _ := says(t, "HTTP/1.1 200 OK\r\n\r\n")
	expect := federation.Expect{Body: strings.Repeat("\u202e", 1<<10)}
	_, got := asked(t, TLS{}, federation.Target{Kind: federation.ProbeHTTP, Addr: addrOf(t, l), Path: "/", Expect: expect})
	if len(got) > brief.Most || strings.Contains(got, "\u202e") || !strings.HasPrefix(got, "the first 64 KiB of the body do not contain ") {
		t.Errorf("%d octets: %q", len(got), got)
	}
}

// TestARedirectIsNotFollowed has a redirect to a server that counts its clients.
func TestARedirectIsNotFollowed(t *testing.T) {
	inner, came := says(t, "HTTP/1.1 200 OK\r\n\r\n")
	for _, status := range []string{"301", "302", "303", "307", "308"} {
		outer, heard := says(t, "HTTP/1.1 "+status+" x\r\nLocation: http://"+inner.Addr().String()+"/\r\n\r\n")
		target := federation.Target{Kind: federation.ProbeHTTP, Addr: addrOf(t, outer), Path: "/"}
		if _, got := asked(t, TLS{}, target); got != "" || heard.Load() != 1 {
			t.Errorf("%s: %q, %d requests", status, got, heard.Load())
		}
		target.Expect = federation.Expect{From: 200, To: 200}
		if _, got := asked(t, TLS{}, target); got != "HTTP status "+status {
			t.Errorf("%s instead of 200: %q", status, got)
		}
	}
	if came.Load() != 0 {
		t.Errorf("%d probes followed", came.Load())
	}
	// The control: it would be answered there.
	if _, got := asked(t, TLS{}, federation.Target{Kind: federation.ProbeHTTP, Addr: addrOf(t, inner), Path: "/"}); got != "" || came.Load() != 1 {
		t.Errorf("at the redirect's target: %q, %d requests", got, came.Load())
	}
}

func TestATextIsFoundAcrossReads(t *testing.T) {
	for _, length := range []int{1, 2, 100, 4 << 10, 8 << 10} {
		text := []byte(strings.Repeat("a", length-1) + "b")
		for _, before := range []int{0, 1, 4<<10 - 1, 4 << 10, 5000, 20000} {
			whole := append(bytes.Repeat([]byte("a"), before), text...)
			for name, r := range map[string]io.Reader{
				"whole": bytes.NewReader(whole), "half": iotest.HalfReader(bytes.NewReader(whole)), "last with its end": iotest.DataErrReader(bytes.NewReader(whole)),
			} {
				if found, err := contains(r, text); !found || err != nil {
					t.Errorf("%d octets after %d, read %s: %v, %v", length, before, name, found, err)
				}
			}
			if found, _ := contains(bytes.NewReader(whole[:len(whole)-1]), text); found {
				t.Errorf("%d octets after %d, less one, are found", length, before)
			}
		}
	}
	if _, err := contains(iotest.ErrReader(io.ErrUnexpectedEOF), []byte("x")); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a body that ends early: %v", err)
	}
}

// endless has as many octets as are read.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func TestTheMemoryOfAProbeDoesNotGrowWithTheBody(t *testing.T) {
	cost := func(length int64) float64 {
		return testing.AllocsPerRun(10, func() { _, _ = contains(io.LimitReader(endless{}, length), []byte("x")) })
	}
	if few, many := cost(1<<10), cost(8<<20); many > few {
		t.Errorf("%g allocations for a long body, %g for a short one", many, few)
	}
}

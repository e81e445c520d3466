package health

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unique"

	"google.golang.org/grpc"
	grpchealth "google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

func asked(t *testing.T, files TLS, target federation.Target) (Sample, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	sample, err := Ask(files)(ctx, target)
	if err != nil {
		return sample, err.Error()
	}
	return sample, ""
}

func addrOf(t *testing.T, l net.Listener) netip.AddrPort {
	t.Helper()
	addr, err := netip.ParseAddrPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return addr
}

// TestGRPCFollowsTheHealthService probes grpc-go's own server.
func TestGRPCFollowsTheHealthService(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server, service := grpc.NewServer(), grpchealth.NewServer()
	healthpb.RegisterHealthServer(server, service)
	go func() { _ = server.Serve(listener) }() // ends with Stop
	defer server.Stop()
	service.SetServingStatus("pkg.Up", healthpb.HealthCheckResponse_SERVING)
	service.SetServingStatus("pkg.Down", healthpb.HealthCheckResponse_NOT_SERVING)
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	for _, c := range []struct {
		addr netip.AddrPort
		path string
		want string
	}{
		{addrOf(t, listener), "/", ""},
		{addrOf(t, listener), "/pkg.Up", ""},
		{addrOf(t, listener), "/pkg.Down", "gRPC health is NOT_SERVING"},
		{addrOf(t, listener), "/pkg.None", "gRPC status NotFound"},
		{addrOf(t, plain.Listener), "/", "gRPC status Unavailable"},
	} {
		sample, got := asked(t, TLS{}, federation.Target{Kind: federation.ProbeGRPC, Addr: c.addr, Path: c.path})
		if !strings.HasPrefix(got, c.want) || (got == "") != (c.want == "") || sample.RTT <= 0 {
			t.Errorf("%s: %q after %s, want %q", c.path, got, sample.RTT, c.want)
		}
	}
}

func TestExpectationsAreMet(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Ready", "yes, since today")
		if r.URL.Path == "/teapot" {
			w.WriteHeader(http.StatusTeapot)
		}
		fmt.Fprint(w, strings.Repeat(".", 10000)+"all is well"+strings.Repeat(".", 100000)+"too far")
	}))
	defer server.Close()
	for _, c := range []struct {
		path   string
		expect federation.Expect
		want   string
	}{
		{"/", federation.Expect{}, ""},
		{"/teapot", federation.Expect{}, "HTTP status 418"},
		{"/teapot", federation.Expect{From: 418, To: 418}, ""},
		{"/", federation.Expect{From: 300, To: 399}, "HTTP status 200"},
		{"/", federation.Expect{Header: "X-Ready", Value: "yes"}, ""},
		{"/", federation.Expect{Header: "X-Ready", Value: "no"}, `header X-Ready does not contain "no"`},
		{"/", federation.Expect{Body: "all is well"}, ""},
		{"/", federation.Expect{Body: "too far"}, `the first 64 KiB of the body do not contain "too far"`},
	} {
		_, got := asked(t, TLS{}, federation.Target{Kind: federation.ProbeHTTP, Addr: addrOf(t, server.Listener), Path: c.path, Expect: c.expect})
		if got != c.want {
			t.Errorf("%s, %s: %q, want %q", c.path, c.expect, got, c.want)
		}
	}
}

func TestLoadIsReadFromTheResponse(t *testing.T) {
	for report, want := range map[string]float64{
		"":                         0,
		"TEXT cpu_utilization=0.7": 0.7,
		"TEXT cpu_utilization=0.7, application_utilization=0.9,rps_fractional=9": 0.9,
		`JSON {"cpu_utilization": 0.4}`:                                          0.4,
		"JSON {":                                                                 0,
		"TEXT cpu_utilization=NaN":                                               0,
		"TEXT cpu_utilization=-1":                                                0,
		"TEXT cpu_utilization=1e300":                                             maxLoad,
		"BIN AAAA":                                                               0,
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("endpoint-load-metrics", report)
		}))
		sample, failed := asked(t, TLS{}, federation.Target{Kind: federation.ProbeHTTP, Addr: addrOf(t, server.Listener), Path: "/"})
		server.Close()
		if sample.Load != want || failed != "" {
			t.Errorf("%q: load %g (%s), want %g", report, sample.Load, failed, want)
		}
	}
}

// TestProbesUseTheCertificatesOfTheFiles probes a server that requires a client
// certificate, and replaces the files between two probes.
func TestProbesUseTheCertificatesOfTheFiles(t *testing.T) {
	dir := t.TempDir()
	files := TLS{Cert: filepath.Join(dir, "tls.crt"), Key: filepath.Join(dir, "tls.key"), CA: filepath.Join(dir, "ca.crt")}
	var seen string
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		seen = r.TLS.PeerCertificates[0].Subject.CommonName
	}))
	server.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	server.StartTLS()
	defer server.Close()
	target := federation.Target{Kind: federation.ProbeHTTPS, Addr: addrOf(t, server.Listener), Path: "/", Host: "example.com"}
	if _, got := asked(t, TLS{}, target); got == "" {
		t.Errorf("without a certificate: %q", got)
	}
	fixture.PEM(t, files.CA, "CERTIFICATE", server.Certificate().Raw)
	for _, name := range []string{"first", "second"} {
		fixture.Certificate(t, files.Cert, files.Key, name)
		if _, got := asked(t, files, target); got != "" || seen != name {
			t.Errorf("%q, and the server saw %q, want %q", got, seen, name)
		}
	}
	target.Host = "other.invalid"
	if _, got := asked(t, files, target); !strings.Contains(got, "does not verify for this host") {
		t.Errorf("another name: %q", got)
	}
	if err := os.Remove(files.Cert); err != nil {
		t.Fatal(err)
	}
	if _, got := asked(t, files, target); !strings.Contains(got, "no such file") {
		t.Errorf("no file: %q", got)
	}
}

// TestATargetThatFlapsIsHeldBack lets a target fail again and again.
func TestATargetThatFlapsIsHeldBack(t *testing.T) {
	quick := Config{Interval: time.Second, Timeout: time.Second, Rise: 1, Fall: 1, InFlight: 4}
	run(t, quick, func(p *Prober, w *world) {
		declare(p, set(target(1)), nil)
		time.Sleep(500 * time.Millisecond)
		falls := func(n int) Verdict {
			for range n {
				w.set(w.dead, target(1), true)
				time.Sleep(2 * quick.Interval)
				w.set(w.dead, target(1), false)
				time.Sleep(2 * quick.Interval)
			}
			return p.Verdict(unique.Make(target(1)))
		}
		if v := falls(1); v.State != Up || v.Flapping {
			t.Errorf("after one failure: %+v", v)
		}
		if v := falls(2); v.State != Up || !v.Flapping {
			t.Errorf("after three failures: %+v", v)
		}
		time.Sleep(3 * halfLifeIntervals * quick.Interval)
		if v := p.Verdict(unique.Make(target(1))); v.Flapping {
			t.Errorf("three half-lives later: %+v", v)
		}
	})
}

func TestAVerdictIsShakyBeforeItChanges(t *testing.T) {
	run(t, config, func(p *Prober, w *world) {
		declare(p, set(target(1)), nil)
		time.Sleep(time.Second)
		<-p.Changed()
		w.set(w.dead, target(1), true)
		shaky := false
		for p.Verdict(unique.Make(target(1))).State == Up {
			if v := p.Verdict(unique.Make(target(1))); v.Shaky && !shaky {
				shaky = true
				select {
				case <-p.Changed():
				default:
					t.Error("the change was not announced")
				}
			}
			time.Sleep(100 * time.Millisecond)
		}
		if !shaky || p.Verdict(unique.Make(target(1))).Shaky {
			t.Errorf("shaky before the failure: %v; after: %v", shaky, p.Verdict(unique.Make(target(1))).Shaky)
		}
	})
}

func TestIdleTargetsAreProbedLessOftenAndAtOnceWhenNeeded(t *testing.T) {
	run(t, config, func(p *Prober, w *world) {
		asked := func() int { w.mu.Lock(); defer w.mu.Unlock(); return w.asked[target(1)] }
		declare(p, set(target(1)), nil)
		time.Sleep(time.Second)
		p.SetIdle(map[federation.SharedTarget]bool{unique.Make(target(1)): true})
		time.Sleep(config.Interval * 2) // the probe that was due
		before := asked()
		time.Sleep(12 * config.Interval)
		if n := asked() - before; n < 1 || n > 3 {
			t.Errorf("%d probes in twelve intervals, want two", n)
		}
		before = asked()
		p.SetIdle(nil)
		time.Sleep(100 * time.Millisecond)
		if asked() != before+1 {
			t.Errorf("%d probes when it was needed, want one at once", asked()-before)
		}
	})
}

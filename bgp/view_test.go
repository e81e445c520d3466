package bgp

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/nearcast/nearcast/bgp/cluster"
	"github.com/nearcast/nearcast/bgp/config"
	"github.com/nearcast/nearcast/bgp/route"
	"github.com/nearcast/nearcast/bgp/session"
	"github.com/nearcast/nearcast/bgp/vip"
)

// stuck is an Announcer whose Set does not return before it is released.
type stuck struct {
	*fakeAnnouncer
	entered, release chan struct{}
}

func (s *stuck) Set(routes []route.Route) ([]route.Route, error) {
	select {
	case s.entered <- struct{}{}:
		<-s.release
	case <-s.release: // from now on as any other
	}
	return s.fakeAnnouncer.Set(routes)
}

// TestReadersNeverWaitForTheLoop holds the loop still: status and metrics answer, and
// so they cannot hold the loop either. The control is a drain, which needs it.
func TestReadersNeverWaitForTheLoop(t *testing.T) {
	cfg, err := config.Parse([]byte("asn: 64512\nrouterID: 192.0.2.11\npeers: [{address: 192.0.2.1, asn: 64500}]\nvips: [{address: 198.51.100.53, checks: [{tcp: {address: \"127.0.0.1:1\"}}]}]\n"))
	if err != nil {
		t.Fatal(err)
	}
	announcer := &stuck{&fakeAnnouncer{t: t}, make(chan struct{}), make(chan struct{})}
	ctx, cancel := context.WithCancel(t.Context())
	s := newSpeaker(Options{Config: cfg, Announcer: announcer, Binder: announcer, Log: discard})
	done := make(chan error, 1)
	go func() { done <- s.run(ctx) }()
	<-announcer.entered
	for range 10 {
		reply := httptest.NewRecorder()
		s.handler().ServeHTTP(reply, httptest.NewRequest(http.MethodGet, "/status", nil))
		if body, _ := io.ReadAll(reply.Body); reply.Code != http.StatusOK || !strings.Contains(string(body), "198.51.100.53") {
			t.Fatalf("%d %s", reply.Code, body)
		}
		if _, err := s.metrics.registry.Gather(); err != nil {
			t.Fatal(err)
		}
	}
	if code, text := probe(s); code != http.StatusOK {
		t.Errorf("health: %d %s", code, text)
	}
	s.heart.beat(time.Now().Add(-beatMost - time.Second))
	if code, text := probe(s); code != http.StatusServiceUnavailable || !strings.Contains(text, "has not run for 16s") {
		t.Errorf("health while the loop hangs: got %d %s", code, text)
	}
	control, end := context.WithTimeout(ctx, 50*time.Millisecond)
	defer end()
	reply := httptest.NewRecorder()
	s.handler().ServeHTTP(reply, httptest.NewRequestWithContext(control, http.MethodPut, "/drains?"+url.Values{"reason": {"x"}}.Encode(), nil))
	if reply.Code != http.StatusServiceUnavailable {
		t.Errorf("control: a drain did not wait for the loop: %d", reply.Code)
	}
	close(announcer.release)
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if code, text := probe(s); code != http.StatusOK {
		t.Errorf("health at the end: got %d %s", code, text)
	}
}

// TestTheStatusIsAtMostASecondOldWhileTheLoopIsBusy: nobody may have asked for hours.
func TestTheStatusIsAtMostASecondOldWhileTheLoopIsBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t)
		m.there[given] = true
		runOn(t, m, func(s *speaker) {
			m.does(func() { m.sick = true })
			time.Sleep(time.Hour)
			release := make(chan struct{})
			go s.do(t.Context(), func() { <-release })
			synctest.Wait()
			for _, v := range s.Status().VIPs {
				if v.State != vip.Down || v.Announced {
					t.Errorf("%+v", v)
				}
			}
			close(release)
		})
	})
}

// probe asks as kubelet does.
func probe(s *speaker) (code int, text string) {
	reply := httptest.NewRecorder()
	s.healthy(reply, httptest.NewRequest(http.MethodGet, "/healthz", nil))
	return reply.Code, reply.Body.String()
}

func TestOneQueryOfTheSessionsServesAllReaders(t *testing.T) {
	var s sessions
	asked := 0
	for range 1000 {
		s.get(func() []session.Status { asked++; return nil })
	}
	if asked > 10 { // a thousand took less than a second
		t.Errorf("queried %d times", asked)
	}
}

// TestMetricsOfAVIPEndWithItsServices: a tenant that goes through the addresses of its
// pool must not fill the memory.
func TestMetricsOfAVIPEndWithItsServices(t *testing.T) {
	cfg := plainConfig()
	cfg.Pools = []config.Pool{{CIDRs: []netip.Prefix{netip.MustParsePrefix("2001:db8::/64")}, Namespaces: []string{"media"}}}
	announcer := &fakeAnnouncer{t: t}
	s := newSpeaker(Options{Config: cfg, Announcer: announcer, Binder: announcer, Log: discard})
	s.runner = newRunner(t.Context(), s.results)
	a := netip.MustParseAddr("2001:db8::1")
	for range 100 {
		s.local = cluster.Declared{Services: []cluster.Service{unprobed("x", a.String())}}
		s.declare(time.Now())
		s.apply(time.Now())
		a = a.Next()
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(s.metrics.transitions)
	families, err := registry.Gather()
	if err != nil || len(families) != 1 {
		t.Fatalf("%v, %v", families, err)
	}
	if n := len(families[0].Metric); n == 0 || n > len(vip.States()) {
		t.Errorf("got %d series for the one remaining VIP", n)
	}
}

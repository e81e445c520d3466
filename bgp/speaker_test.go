package bgp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/nearcast/nearcast/bgp/cluster"
	"github.com/nearcast/nearcast/bgp/config"
	"github.com/nearcast/nearcast/bgp/route"
	"github.com/nearcast/nearcast/bgp/session"
	"github.com/nearcast/nearcast/bgp/vip"
	"github.com/nearcast/nearcast/internal/base/admin"
	"github.com/nearcast/nearcast/internal/base/admin/hint"
)

var discard = slog.New(slog.NewTextHandler(io.Discard, nil))

// fakeAnnouncer records its calls, fails as often as configured, and
// reports calls that an Announcer must never get.
type fakeAnnouncer struct {
	t  *testing.T
	mu sync.Mutex

	peers   []config.Peer
	routes  []route.Route
	history []string // the routes as they changed
	fail    int
	closed  bool
	frozen  bool
	bound   []netip.Addr
	binds   int
	keeps   int // how often removing an address fails
	loops   int // how often discarding the first prefix fails

	discarded []netip.Prefix
	last      []string // the peers of the last route
}

func (f *fakeAnnouncer) SetPeers(peers []config.Peer, _ time.Duration) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.peers = slices.Clone(peers)
	return nil
}

func (f *fakeAnnouncer) Freeze() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.frozen = true
}

func (f *fakeAnnouncer) Set(routes []route.Route) ([]route.Route, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		f.t.Error("Set after Close")
	}
	seen := map[netip.Prefix]bool{}
	for _, r := range routes {
		if seen[r.Prefix] || !r.Prefix.IsSingleIP() && !slices.Contains(f.discarded, r.Prefix) {
			f.t.Errorf("%s is announced twice, or would cause a loop", r.Prefix)
		}
		seen[r.Prefix] = true
	}
	if f.fail > 0 { // a part of it was done
		f.fail--
		f.routes = slices.Clone(routes[:len(routes)/2])
		return f.routes, errors.New("injected failure")
	}
	f.routes = slices.Clone(routes)
	for _, r := range routes {
		f.last = r.To
	}
	f.history = append(f.history, f.text())
	return routes, nil
}

// text is called with mu held.
func (f *fakeAnnouncer) text() string {
	var parts []string
	for _, r := range f.routes {
		part := r.Prefix.String()
		if r.Prefix.IsSingleIP() {
			part = r.Prefix.Addr().String()
		}
		if slices.Contains(r.Communities.Standard, route.GracefulShutdown) {
			part += " leaving"
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ", ")
}

func (f *fakeAnnouncer) announced() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.text()
}

func (f *fakeAnnouncer) UpdatesSent() uint64     { return 0 }
func (f *fakeAnnouncer) Peers() []session.Status { return nil }

func (f *fakeAnnouncer) Close(time.Duration) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	return nil
}

// here is a machine that accepts packets to all addresses.
var here = Bound{Missing: map[netip.Addr]error{}}

// Bind makes the announcer a Binder too, so that it sees the order of both.
func (f *fakeAnnouncer) Bind(give, _ []netip.Addr) (Bound, error) {
	time.Sleep(bindTime)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.binds++
	if f.binds == 1 {
		return Bound{}, errors.New("injected: no permission")
	}
	if f.keeps > 0 && len(give) < len(f.bound) {
		f.keeps--
		return Bound{}, errors.New("injected failure")
	}
	for _, r := range f.routes {
		if slices.Contains(f.bound, r.Prefix.Addr()) && !slices.Contains(give, r.Prefix.Addr()) {
			f.t.Errorf("%s was unbound while it is announced", r.Prefix)
		}
	}
	f.bound = slices.Clone(give)
	return here, nil
}

// Discard records its argument, and fails as often as configured.
func (f *fakeAnnouncer) Discard(prefixes []netip.Prefix) map[netip.Prefix]error {
	f.mu.Lock()
	defer f.mu.Unlock()
	failed := map[netip.Prefix]error{}
	if f.loops > 0 && len(prefixes) > 0 {
		f.loops--
		failed[prefixes[0]] = errors.New("injected failure")
		prefixes = prefixes[1:]
	}
	for _, r := range f.routes {
		if !r.Prefix.IsSingleIP() && !slices.Contains(prefixes, r.Prefix) {
			f.t.Errorf("%s is announced and would cause a loop", r.Prefix)
		}
	}
	f.discarded = slices.Clone(prefixes)
	return failed
}

// Watch sees nothing change.
func (f *fakeAnnouncer) Watch(ctx context.Context, _ func()) error {
	<-ctx.Done()
	return nil
}

// bindTime is long enough that a check which does not wait would come first.
const bindTime = 5 * time.Millisecond

// wantTried reports a check that comes before its VIP is bound, or an attempt to bind it
// was made: until then another site would answer it.
func (f *fakeAnnouncer) wantTried() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.binds == 0 {
		f.t.Error("a VIP was checked before it was bound")
	}
}

// site is a running speaker, with an HTTP backend for its VIP's check.
type siteUnderTest struct {
	cluster Cluster
	*fakeAnnouncer
	sick   atomic.Bool
	file   string
	socket string
	hurry  chan struct{}
	reload chan struct{}
	cancel context.CancelFunc
	done   chan error
	text   string
}

func runSite(t *testing.T, fail int) *siteUnderTest {
	s := &siteUnderTest{fakeAnnouncer: &fakeAnnouncer{t: t, fail: fail}, done: make(chan error, 1)}
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		s.wantTried()
		if s.sick.Load() {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	t.Cleanup(backend.Close)
	dir, err := os.MkdirTemp("", "bgp") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s.file, s.socket = filepath.Join(dir, "speaker.yaml"), filepath.Join(dir, "s")
	s.text = fmt.Sprintf(`asn: 64512
routerID: 192.0.2.11
peers: [{address: 192.0.2.1, asn: 64500}]
vips:
  - address: 198.51.100.53
    bind: lo
    checks: [{http: {url: %q}, rise: 2, fall: 2, interval: 20ms}]
states: {draining: {dwell: 200ms, linger: 100ms}}
state: %s
admin: %s
`, backend.URL, filepath.Join(dir, "made", "at", "start"), s.socket)
	s.write(t, s.text)
	s.start(t)
	t.Cleanup(func() { s.stop(t) })
	return s
}

func (s *siteUnderTest) start(t *testing.T) {
	cfg, err := config.Load(s.file)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel, s.closed = cancel, false
	s.hurry, s.reload = make(chan struct{}), make(chan struct{}, 1)
	go func() {
		s.done <- Run(ctx, Options{Path: s.file, Config: cfg, Hurry: s.hurry, Reload: s.reload, Announcer: s, Binder: s, Cluster: s.cluster, Log: discard})
	}()
}

func (s *siteUnderTest) write(t *testing.T, text string) {
	t.Helper()
	if err := os.WriteFile(s.file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// stop stops the speaker and returns when it has stopped.
func (s *siteUnderTest) stop(t *testing.T) {
	t.Helper()
	if s.cancel == nil {
		return
	}
	s.cancel()
	s.cancel = nil
	select {
	case err := <-s.done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the speaker did not stop")
	}
	if got := s.announced(); got != "" || len(s.bound) > 0 || !s.closed {
		t.Errorf("at the end: got %q announced, bound %v, closed %v", got, s.bound, s.closed)
	}
}

// waits for what is announced.
func (s *siteUnderTest) wait(t *testing.T, want string) {
	t.Helper()
	var got string
	for range 1000 {
		if got = s.announced(); got == want {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("got %q after ten seconds, want %q", got, want)
}

// waitThrough waits until the last that was announced is want, in its order: what
// lasts for a dwell might be missed by who looks now and then.
func (s *siteUnderTest) waitThrough(t *testing.T, want ...string) {
	t.Helper()
	s.wait(t, want[len(want)-1])
	s.mu.Lock()
	defer s.mu.Unlock()
	if history := slices.Compact(slices.Clone(s.history)); len(history) < len(want) || !slices.Equal(history[len(history)-len(want):], want) {
		t.Fatalf("got %q announced, want %q at the end", history, want)
	}
}

func (s *siteUnderTest) call(method, path string, query url.Values) (st Status, err error) {
	err = admin.Call(context.Background(), s.socket, method, path, query, &st)
	return st, err
}

func TestRunFollowsItsChecksAndDrainsAtTheEnd(t *testing.T) {
	s := runSite(t, 1)
	s.wait(t, "198.51.100.53")
	s.sick.Store(true)
	s.wait(t, "")
	s.sick.Store(false)
	s.wait(t, "198.51.100.53")
	before := time.Now()
	s.stop(t)
	if took := time.Since(before); took < 300*time.Millisecond {
		t.Errorf("it stopped after %s, before the end of both dwells", took)
	}
	if history := slices.Compact(s.history); !slices.Equal(history[len(history)-2:], []string{"198.51.100.53 leaving", ""}) {
		t.Errorf("got %q at the end", history)
	}
}

// TestStoppingKeepsItsPromisesWhateverHappens has a reload with a longer dwell, drains, their ends and
// hints come while the speaker drains for good, and an address that is not given up at first.
func TestStoppingKeepsItsPromisesWhateverHappens(t *testing.T) {
	s := runSite(t, 1)
	s.wait(t, "198.51.100.53")
	s.mu.Lock()
	s.keeps = 2
	s.mu.Unlock()
	before := time.Now()
	s.cancel()
	s.wait(t, "198.51.100.53 leaving")
	s.mu.Lock()
	if !s.frozen {
		t.Error("a session could be reset during the drain")
	}
	s.mu.Unlock()
	s.write(t, strings.Replace(s.text, "dwell: 200ms", "dwell: 10m", 1))
	s.reload <- struct{}{}
	for range 5 {
		// The speaker may have ended before the last.
		s.call(http.MethodPut, "/drains", url.Values{"vip": {"198.51.100.53"}})
		s.call(http.MethodDelete, "/drains", url.Values{"vip": {"198.51.100.53"}})
		s.call(http.MethodDelete, "/flaps", nil)
	}
	s.stop(t)
	if took := time.Since(before); took < 300*time.Millisecond {
		t.Errorf("it stopped after %s, before the end of both dwells", took)
	}
	if _, err := os.Stat(s.socket); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("its socket remains: %v", err)
	}
}

func TestASecondSignalWithdrawsWithoutADwell(t *testing.T) {
	s := runSite(t, 1)
	s.wait(t, "198.51.100.53")
	s.text = strings.Replace(s.text, "dwell: 200ms, linger: 100ms", "dwell: 10m, linger: 10m", 1)
	s.stop(t)
	s.write(t, s.text)
	s.start(t)
	s.wait(t, "198.51.100.53")
	s.cancel()
	s.wait(t, "198.51.100.53 leaving")
	close(s.hurry)
	s.stop(t)
}

func TestAFailedSetIsRetried(t *testing.T) {
	s := runSite(t, 3)
	s.wait(t, "198.51.100.53")
}

func TestADrainOverTheSocketSurvivesARestart(t *testing.T) {
	s := runSite(t, 0)
	s.wait(t, "198.51.100.53")
	if _, err := s.call(http.MethodPut, "/drains", url.Values{"vip": {"198.51.100.99"}}); err == nil || !strings.Contains(err.Error(), "is not a VIP of this speaker") {
		t.Errorf("an unknown VIP: got %v", err)
	}
	st, err := s.call(http.MethodPut, "/drains", url.Values{"vip": {"198.51.100.53"}, "reason": {"kernel"}})
	if err != nil || st.VIPs[0].State != vip.Draining || st.VIPs[0].Reason.Text != "198.51.100.53 is drained: kernel" {
		t.Errorf("%+v %v", st, err)
	}
	s.waitThrough(t, "198.51.100.53 leaving", "")
	s.stop(t)
	s.start(t)
	for range 200 {
		if st, err = s.call(http.MethodGet, "/status", nil); err == nil && st.VIPs[0].State == vip.Down && st.VIPs[0].Reason.Code == vip.Drained {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if err != nil || len(st.Drains) != 1 || s.announced() != "" {
		t.Errorf("after a restart: %+v %v", st, err)
	}
	if _, err := s.call(http.MethodDelete, "/drains", url.Values{"vip": {"198.51.100.53"}}); err != nil {
		t.Error(err)
	}
	s.wait(t, "198.51.100.53")
	if _, err := s.call(http.MethodDelete, "/drains", nil); err == nil || err.Error() != "no drain of every VIP was started here: nothing is drained" {
		t.Errorf("%v", err)
	}
}

// declaring is a Cluster that always declares the same.
type declaring []cluster.Service

func (d declaring) Run(ctx context.Context, changed func(cluster.Declared)) {
	changed(cluster.Declared{Services: d})
	<-ctx.Done()
}

func (declaring) Assign(map[vip.ServiceRef][]netip.Addr) {}

func TestHintsOfTheResolverDrainOnlyVIPsOfServices(t *testing.T) {
	s := runSite(t, 0)
	s.stop(t)
	s.cluster = declaring{unprobed("thumbnail", "198.51.100.80", ready)}
	s.write(t, s.text+"pools: [{cidrs: [198.51.100.64/26], namespaces: [media]}]\n")
	s.start(t)
	both := "198.51.100.53, 198.51.100.80"
	s.wait(t, both)
	hints := []hint.Hint{{VIP: dnsVIP, Namespace: "media", Reason: "media/x says so"}, {VIP: netip.MustParseAddr("198.51.100.80"), Namespace: "media", Reason: "media/thumbnail is evicted from here"}}
	if err := hint.Tell(t.Context(), s.socket, hints); err != nil {
		t.Fatal(err)
	}
	s.waitThrough(t, "198.51.100.53, 198.51.100.80 leaving", "198.51.100.53")
	if st, err := s.call(http.MethodGet, "/status", nil); err != nil || !slices.Equal(st.IgnoredHints, hints[:1]) {
		t.Errorf("got ignored %v, want %v; %v", st.IgnoredHints, hints[:1], err)
	}
	if err := hint.Tell(t.Context(), s.socket, nil); err != nil {
		t.Fatal(err)
	}
	s.wait(t, both)
}

func TestAChangedFileIsAppliedAndAnInvalidOneRejected(t *testing.T) {
	s := runSite(t, 0)
	s.wait(t, "198.51.100.53")
	more := strings.Replace(s.text, "vips:", "vips:\n  - {address: 198.51.100.80, checks: [{http: {url: \"http://127.0.0.1:1/\"}, scope: local}]}", 1)
	s.write(t, more)
	status := func(what string, ok func(Status) bool) {
		t.Helper()
		var st Status
		var err error
		for range 1000 {
			if st, err = s.call(http.MethodGet, "/status", nil); err == nil && ok(st) {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Fatalf("%s: %+v %v", what, st, err)
	}
	status("one more VIP", func(st Status) bool { return len(st.VIPs) == 2 })
	s.write(t, strings.Replace(s.text, "interval", "intervall", 1))
	status("a fault", func(st Status) bool {
		return strings.Contains(st.Fault, "intervall: unknown key; did you mean interval?") && len(st.VIPs) == 2
	})
	s.write(t, strings.Replace(s.text, "asn: 64512", "asn: 64513", 1))
	status("a fixed setting", func(st Status) bool {
		return strings.Contains(st.Fault, "asn: cannot be changed while the speaker runs") && st.ASN == 64512
	})
	s.write(t, s.text)
	status("back", func(st Status) bool { return st.Fault == "" && len(st.VIPs) == 1 })
	if got := s.announced(); got != "198.51.100.53" {
		t.Errorf("%q", got)
	}
	for _, text := range s.history {
		if !strings.Contains(text, "198.51.100.53") && text != "" || strings.Contains(text, "leaving") {
			t.Errorf("the unchanged VIP was changed: %q", s.history)
		}
	}
}

func TestManySpeakersLeaveNothingBehind(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	for range 20 {
		t.Run("", func(t *testing.T) {
			s := runSite(t, 0)
			s.wait(t, "198.51.100.53")
			s.stop(t)
		})
	}
}

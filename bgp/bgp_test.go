package bgp

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
)

var dnsVIP = netip.MustParseAddr("198.51.100.53")

func controllerOf(checks int, rise, fall int) *Controller {
	v := VIP{Address: dnsVIP}
	for range checks {
		v.Checks = append(v.Checks, Check{TCP: &TCPCheck{}, Rise: rise, Fall: fall})
	}
	return NewController([]VIP{v}, time.Time{})
}

var errRefused = errors.New("refused")

func TestAVIPIsAnnouncedOnlyAfterItsPassesInARow(t *testing.T) {
	c := controllerOf(1, 3, 2)
	states := []State{c.vips[0].state}
	for _, result := range []error{nil, nil, errRefused, nil, nil, nil, errRefused, nil, errRefused, errRefused, nil} {
		c.Observe(0, 0, result, time.Time{})
		states = append(states, c.vips[0].state)
		if announced := len(c.Desired()) == 1; announced != (c.vips[0].state == Up) {
			t.Fatalf("announced %v in state %s", announced, c.vips[0].state)
		}
	}
	want := []State{Init, Rising, Rising, Down, Rising, Rising, Up, Up, Up, Up, Down, Rising}
	if !slices.Equal(states, want) {
		t.Errorf("%v\nwant %v", states, want)
	}
}

func TestEveryCheckMustPass(t *testing.T) {
	c := controllerOf(2, 1, 1)
	c.Observe(0, 0, nil, time.Time{})
	if s := c.Status()[0]; s.State != Init || s.Reason == "" {
		t.Errorf("%+v while one check has no result", s)
	}
	c.Observe(0, 1, nil, time.Time{})
	if s := c.Status()[0]; s.State != Up {
		t.Errorf("%+v, want up", s)
	}
	c.Observe(0, 1, errRefused, time.Time{})
	if s := c.Status()[0]; s.State != Down || !strings.Contains(s.Reason, "refused") {
		t.Errorf("%+v, want down with the failure", s)
	}
}

const good = `asn: 64512
routerID: 192.0.2.11
peers:
  - {address: 192.0.2.1, asn: 64500, holdTime: 9s}
vips:
  - address: 198.51.100.53
    checks:
      - {dns: {server: 127.0.0.1:53, name: fn.example.org}, scope: local, rise: 3, fall: 2, interval: 1s}
`

func TestConfigurationIsCheckedWhole(t *testing.T) {
	if _, err := Parse([]byte(good)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ old, new, want string }{
		{"holdTime", "holdtime", "line 4: field holdtime not found"},
		{"fall: 2", "fal: 2", "line 8: field fal not found"},
		{"asn: 64512", "asn: many", "line 1: cannot unmarshal"},
		{"asn: 64512", "asn: 64500", "peers[0]: asn: 64500 is not another autonomous system"},
		{"routerID: 192.0.2.11", "routerID: 2001:db8::1", "routerID: an IPv4 address is required"},
		{"holdTime: 9s", "holdTime: 2s", "peers[0]: holdTime: 2s is not"},
		{"address: 192.0.2.1,", "address: 198.51.100.53,", "198.51.100.53 is a peer or listed twice"},
		{"address: 198.51.100.53", "address: 2001:db8::53", "vips[0]: no peer carries the family of 2001:db8::53"},
		{"address: 198.51.100.53", "address: 127.0.0.1", "vips[0]: address: a unicast IP address is required"},
		{"dns: {server: 127.0.0.1:53, name: fn.example.org}", "http: {url: http://localhost/}", "the host must be an IP address"},
		{"dns: {server: 127.0.0.1:53, name: fn.example.org}", "tcp: {address: 127.0.0.1:1}, http: {url: http://127.0.0.1/}", "exactly one of dns, http and tcp"},
		{"scope: local", "scope: upstream", `scope: "upstream" is not supported`},
		{"rise: 3", "rise: -3", "are positive"},
		{"interval: 1s", "timeout: 1m", "timeout: 1m0s is more than 10s"},
		{"      - {dns", "---\n      - {dns", "more than one YAML document"},
		{"name: fn.example.org", "name: fn.example.org, type: SOAP", `"SOAP" is not a record type`},
	} {
		text := strings.Replace(good, c.old, c.new, 1)
		if _, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v\nwant %s", c.new, err, c.want)
		}
	}
	noChecks, _, _ := strings.Cut(good, "    checks:")
	if _, err := Parse([]byte(noChecks)); err == nil || !strings.Contains(err.Error(), "checks: at least one is required") {
		t.Errorf("a VIP without checks: %v", err)
	}
	if _, err := Parse(nil); err == nil {
		t.Error("an empty file is accepted")
	}
}

func TestEveryFaultIsListed(t *testing.T) {
	text := strings.NewReplacer("asn: 64512", "asn: 0", "holdTime: 9s", "holdTime: 1s", "rise: 3", "rise: -1").Replace(good)
	_, err := Parse([]byte(text))
	for _, want := range []string{"asn: is required", "holdTime", "positive"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nlacks %s", err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(good))
	f.Fuzz(func(_ *testing.T, data []byte) {
		_, _ = Parse(data) // must not panic
	})
}

// dnsServer answers over UDP and TCP on one port, as handler says.
func dnsServer(t *testing.T, handler dns.HandlerFunc, networks ...string) netip.AddrPort {
	t.Helper()
	packet, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := netip.MustParseAddrPort(packet.LocalAddr().String())
	listener, err := net.Listen("tcp", addr.String())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []*dns.Server{{PacketConn: packet, Handler: handler}, {Listener: listener, Handler: handler}} {
		if s.Listener != nil && slices.Contains(networks, "udp only") {
			listener.Close()
			continue
		}
		started := make(chan struct{})
		s.NotifyStartedFunc = func() { close(started) }
		go s.ActivateAndServe()
		<-started
		t.Cleanup(func() { s.Shutdown() })
	}
	return addr
}

func TestADNSCheckWantsAnAuthoritativeAnswerOverUDPAndTCP(t *testing.T) {
	answer := func(change func(*dns.Msg)) dns.HandlerFunc {
		return func(w dns.ResponseWriter, r *dns.Msg) {
			m := new(dns.Msg).SetReply(r)
			m.Authoritative = true
			soa, err := dns.NewRR("fn.example.org. 5 IN SOA a. b. 1 2 3 4 5")
			if err != nil {
				panic(err)
			}
			m.Answer = []dns.RR{soa}
			change(m)
			w.WriteMsg(m)
		}
	}
	for name, c := range map[string]struct {
		server netip.AddrPort
		want   string
	}{
		"right":             {dnsServer(t, answer(func(*dns.Msg) {})), ""},
		"not authoritative": {dnsServer(t, answer(func(m *dns.Msg) { m.Authoritative = false })), "over udp: the answer is not authoritative"},
		"empty":             {dnsServer(t, answer(func(m *dns.Msg) { m.Answer = nil })), "over udp: the answer has no SOA"},
		"SERVFAIL":          {dnsServer(t, answer(func(m *dns.Msg) { m.Rcode = dns.RcodeServerFailure })), "over udp: SERVFAIL"},
		"no TCP":            {dnsServer(t, answer(func(*dns.Msg) {}), "udp only"), "over tcp: "},
	} {
		check := Check{DNS: &DNSCheck{Server: c.server, Name: "fn.example.org", Type: "SOA"}, Timeout: 5 * time.Second}
		err := check.Run(t.Context())
		if (err == nil) != (c.want == "") || err != nil && !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// fakeAnnouncer keeps what it was told, and fails as often as it is told to.
type fakeAnnouncer struct {
	mu     sync.Mutex
	routes []netip.Prefix
	fail   int
	closed bool
}

func (f *fakeAnnouncer) Set(routes []netip.Prefix) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		panic("Set after Close")
	}
	if f.fail > 0 { // a part of it was done
		f.fail--
		f.routes = slices.Clone(routes[:len(routes)/2])
		return errors.New("not now")
	}
	f.routes = slices.Clone(routes)
	return nil
}

func (f *fakeAnnouncer) Peers() []PeerStatus { return nil }

func (f *fakeAnnouncer) Close(time.Duration) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.routes, f.closed = nil, true
	return nil
}

func (f *fakeAnnouncer) announced() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.routes)
}

// TestAFailedSetIsDoneAgain holds it also where what is wanted has meanwhile
// become what was announced before.
func TestAFailedSetIsDoneAgain(t *testing.T) {
	other := netip.MustParseAddr("198.51.100.54")
	check := Check{TCP: &TCPCheck{}, Rise: 1, Fall: 1}
	announcer := &fakeAnnouncer{fail: 1}
	s := &speaker{announcer: announcer, log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		config:     &Config{},
		controller: NewController([]VIP{{Address: dnsVIP, Checks: []Check{check}}, {Address: other, Checks: []Check{check}}}, time.Time{})}
	s.controller.Observe(0, 0, nil, time.Time{}) // up before the loop starts
	ctx, cancel := context.WithCancel(t.Context())
	results := make(chan result)
	done := make(chan struct{})
	go func() { s.loop(ctx, results); close(done) }()
	results <- result{1, 0, nil} // the first Set fails half-way
	results <- result{0, 0, errRefused}
	results <- result{1, 0, errRefused} // and now nothing is wanted, as before
	for range 500 {
		if announcer.announced() == 0 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if n := announcer.announced(); n != 0 {
		t.Errorf("%d routes are left of a Set that failed", n)
	}
	cancel()
	<-done
}

func TestRunAnnouncesWhileTheCheckPassesAndWithdrawsAtTheEnd(t *testing.T) {
	var sick atomic.Bool
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if sick.Load() {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	defer backend.Close()
	config := &Config{VIPs: []VIP{{Address: dnsVIP, Checks: []Check{{
		HTTP: &HTTPCheck{URL: backend.URL}, Rise: 2, Fall: 2, Interval: 20 * time.Millisecond, Timeout: time.Second,
	}}}}}
	announcer := &fakeAnnouncer{fail: 1}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- Run(ctx, config, announcer, slog.New(slog.NewTextHandler(io.Discard, nil))) }()
	wait := func(want int) {
		t.Helper()
		for range 500 {
			if announcer.announced() == want {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
		t.Fatalf("%d routes after ten seconds, want %d", announcer.announced(), want)
	}
	wait(1)
	sick.Store(true)
	wait(0)
	sick.Store(false)
	wait(1)
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if !announcer.closed || announcer.announced() != 0 {
		t.Error("not withdrawn at the end")
	}
}

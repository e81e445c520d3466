package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/nearcast/nearcast/bgp"
	"github.com/nearcast/nearcast/bgp/vip"
)

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// TestEveryEndIsAsPromised sends signals to the speaker at any moment, while its disk is full,
// read-only or damaged, while addresses are removed, and during drains and reloads. Whenever the
// speaker has settled, the router has the VIPs that work and are not drained. The speaker exits
// with status 0 in time, without leaving a route, an address or a socket; after a kill, the next
// one finds the drains that were reported as saved.
func TestEveryEndIsAsPromised(t *testing.T) {
	histories := "20"
	if testing.Short() {
		histories = "4"
	}
	if !elsewhere(t, histories) {
		return
	}
	g := newGround(t)
	rapid.Check(t, func(r *rapid.T) {
		h := &history{T: r, test: t, ground: g, disabled: map[string]bool{}}
		h.begins()
		for range rapid.IntRange(1, 5).Draw(r, "steps") {
			h.step()
			if h.n("settles", 1) == 0 {
				h.settles()
			}
		}
		h.ends()
	})
}

// history is what happens to the speakers on the ground.
type history struct {
	*rapid.T
	test *testing.T
	*ground
	p *process

	disabled   map[string]bool
	fault      bool
	wantDrains []vip.Drain
	kept       [][]vip.Drain // one of which is on disk
	damaged    bool
}

const (
	dwell  = 300 * time.Millisecond
	linger = 200 * time.Millisecond
)

func (h *history) n(label string, most int) int { return rapid.IntRange(0, most).Draw(h.T, label) }

// Errorf also logs at once: the fault may not occur again in real time, and then rapid would report
// nothing.
func (h *history) Errorf(format string, args ...any) {
	h.test.Logf(format, args...)
	h.T.Errorf(format, args...)
}

func (h *history) must(err error) {
	if err != nil {
		h.Errorf("%v", err)
		h.FailNow()
	}
}

// rewrites writes the current configuration file.
func (h *history) rewrites() {
	var b strings.Builder
	fmt.Fprintf(&b, `asn: 64512
routerID: 192.0.2.11
peers: [{address: %s, asn: 64500, port: %d, localAddress: %s, holdTime: 3s, families: [ipv4, ipv6], nextHop: "2001:db8::11"}]
states: {draining: {dwell: %s, linger: %s}}
flaps: {budget: 1000}
state: %q
admin: %q
vips:
`, routerAt, h.port, speakerAt, dwell, linger, h.state(), h.socket())
	for _, addr := range everyVIP {
		fmt.Fprintf(&b, "- {address: %q, bind: lo, disabled: %v, checks: [{http: {url: %q}, rise: 1, fall: 1, interval: 50ms}]}\n", addr, h.disabled[addr], h.backend.URL)
	}
	if h.fault {
		b.WriteString("vipps: []\n")
	}
	h.must(os.WriteFile(h.path("speaker.yaml"), []byte(b.String()), 0o600))
}

// begins empties the disk and starts a speaker.
func (h *history) begins() {
	h.must(h.remount(false))
	h.must(h.empty())
	h.must(os.RemoveAll(h.drains()))
	h.sick.Store(false)
	h.starts()
	h.settles()
}

// starts starts a speaker with the current file.
func (h *history) starts() {
	h.must(h.reroute())
	h.rewrites()
	p, err := h.run()
	h.must(err)
	h.p = p
}

// listens returns once the speaker answers.
func (h *history) listens() bgp.Status {
	var st bgp.Status
	h.must(eventually(slack, func() (err error) {
		if h.p.hasEnded() {
			return fmt.Errorf("the speaker has exited: %w: %s", h.p.awaits(0), h.p.log)
		}
		st, err = h.call(http.MethodGet, "/status", nil)
		return err
	}))
	return st
}

// restarted holds that drains of the previous run are in force, if they were reported as saved.
func (h *history) restarted() {
	st := h.listens()
	if !h.damaged && len(h.kept) > 0 && !slices.ContainsFunc(h.kept, func(all []vip.Drain) bool { return same(all, st.Drains) }) {
		h.Errorf("after a restart: drains %v, want one of %v, which were saved", st.Drains, h.kept)
	}
	h.wantDrains, h.kept, h.damaged = st.Drains, [][]vip.Drain{st.Drains}, false
	if st.DrainsUnsaved != "" {
		h.kept = append(h.kept, nil) // a damaged file was set aside
	}
}

func same(a, b []vip.Drain) bool {
	text := func(all []vip.Drain) string { return fmt.Sprint(all) }
	return text(a) == text(b)
}

// stays returns the VIPs that lo must have; the router must have the first two of these, if they
// work.
func (h *history) stays() (all []string) {
	for _, addr := range everyVIP {
		drained := slices.ContainsFunc(h.wantDrains, func(d vip.Drain) bool { return !d.VIP.IsValid() || d.VIP.String() == addr })
		if !h.disabled[addr] && !drained {
			all = append(all, addr)
		}
	}
	return all
}

// wants returns the VIPs that the router must have.
func (h *history) wants() []string {
	if h.sick.Load() {
		return nil
	}
	return slices.DeleteFunc(h.stays(), func(addr string) bool { return strings.Contains(addr, ":") })
}

// settles waits until lo, the router and the status have the VIPs that they must have.
func (h *history) settles() {
	err := eventually(slack, func() error {
		table, err := h.table()
		if err != nil {
			return err
		}
		bound, err := h.bound()
		if slices.Sort(bound); err != nil || !slices.Equal(bound, h.stays()) {
			return fmt.Errorf("lo has %v, want %v; %w", bound, h.stays(), err)
		}
		st, err := h.call(http.MethodGet, "/status", nil)
		if err != nil {
			return err
		}
		var shown []string
		for _, v := range st.VIPs {
			if v.Announced && strings.Contains(v.Address, ".") {
				shown = append(shown, v.Address)
			}
		}
		if want := h.wants(); !slices.Equal(table, want) || !slices.Equal(shown, want) {
			return fmt.Errorf("the router has %v, the status %v, want %v; %+v", table, shown, want, st)
		}
		if !same(st.Drains, h.wantDrains) {
			return fmt.Errorf("drains: got %v, want %v", st.Drains, h.wantDrains)
		}
		return h.saved(st)
	})
	h.must(err)
}

// saved holds that drains reported as saved are on disk.
func (h *history) saved(st bgp.Status) error {
	if st.DrainsUnsaved != "" || h.damaged {
		return nil
	}
	raw, err := os.ReadFile(h.drains())
	var all []vip.Drain
	if err == nil {
		err = json.Unmarshal(raw, &all)
	}
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	h.kept = [][]vip.Drain{st.Drains}
	if err != nil || !same(all, st.Drains) {
		return fmt.Errorf("drains are %v, but on disk %q: %w", st.Drains, raw, err)
	}
	return nil
}

// step makes something happen to a running speaker.
func (h *history) step() {
	switch h.n("event", 8) {
	case 0, 1:
		h.killed()
	case 2:
		h.ends()
		h.starts()
		h.restarted()
	default:
		h.happens()
	}
}

// happens makes something happen other than an exit.
func (h *history) happens() {
	switch h.n("what", 7) {
	case 0, 1:
		h.drained(http.MethodPut)
	case 2:
		h.drained(http.MethodDelete)
	case 3:
		h.diskChanges()
	case 4:
		h.sick.Store(!h.sick.Load())
	case 5:
		h.must(h.flush())
	case 6:
		addr := everyVIP[h.n("vip", 2)]
		h.disabled[addr] = !h.disabled[addr]
		h.rewrites()
	case 7:
		h.must(h.p.cmd.Process.Signal(syscall.SIGHUP))
	}
}

func (h *history) drained(method string) {
	query := url.Values{"reason": {"kernel"}}
	if h.n("all", 2) > 0 {
		query.Set("vip", netip.MustParseAddr(everyVIP[h.n("vip", 2)]).String())
	}
	st, err := h.call(method, "/drains", query)
	if err != nil {
		return // no such drain, or the speaker is exiting
	}
	h.wantDrains = st.Drains
	if h.kept = append(h.kept, st.Drains); st.DrainsUnsaved == "" {
		h.kept, h.damaged = h.kept[len(h.kept)-1:], false
	}
}

func (h *history) diskChanges() {
	switch h.n("disk", 4) {
	case 0:
		_ = h.fill() // a read-only disk is full enough
	case 1:
		h.must(h.remount(true))
	case 2, 3:
		h.must(h.remount(false))
		h.must(h.empty())
	case 4:
		if raw, err := os.ReadFile(h.drains()); err == nil && len(raw) > 2 && os.WriteFile(h.drains(), raw[:len(raw)-2], 0o600) == nil {
			h.damaged = true
		}
	}
}

// killed kills the speaker, whose routes disappear, and starts another one.
func (h *history) killed() {
	h.must(h.p.cmd.Process.Kill())
	_ = h.p.awaits(slack) // of a signal
	h.must(eventually(slack, h.noRoutes))
	h.starts()
	if h.n("at once", 2) == 0 {
		time.Sleep(time.Duration(h.n("moment", 100)) * time.Millisecond)
		h.ends()
		h.starts()
	}
	h.restarted()
}

func (h *history) noRoutes() error {
	table, err := h.table()
	if err == nil && len(table) > 0 {
		err = fmt.Errorf("the router has %v", table)
	}
	return err
}

// ends stops the speaker with SIGTERM or SIGINT, while other things happen.
func (h *history) ends() {
	signals := []syscall.Signal{syscall.SIGTERM, syscall.SIGINT}
	listened := false
	if _, err := os.Stat(h.socket()); err == nil {
		_, err = h.call(http.MethodGet, "/status", nil)
		listened = err == nil
	}
	h.must(h.p.cmd.Process.Signal(signals[h.n("signal", 1)]))
	hurried := false
	for range h.n("meanwhile", 3) {
		time.Sleep(time.Duration([]int{0, 20, 150, 400}[h.n("pause", 3)]) * time.Millisecond)
		if h.p.hasEnded() {
			break
		}
		if !hurried && h.n("second", 3) == 0 {
			hurried = true
			_ = h.p.cmd.Process.Signal(signals[h.n("signal", 1)]) // it may have exited
			continue
		}
		h.happensWhileItEnds()
	}
	err := h.p.awaits(dwell + linger + slack)
	if err != nil && !listened && early(err) {
		return // the next speaker cleans up
	}
	if err != nil {
		h.Errorf("it ends with %v\n%s", err, h.p.log)
	}
	h.leavesNothing()
}

// happensWhileItEnds makes something happen, whose signal may arrive too late.
func (h *history) happensWhileItEnds() {
	if h.n("file", 2) == 0 {
		h.rewrites()
		_ = h.p.cmd.Process.Signal(syscall.SIGHUP)
		return
	}
	switch h.n("what", 3) {
	case 0:
		h.drained(http.MethodPut)
	case 1:
		h.drained(http.MethodDelete)
	case 2:
		h.diskChanges()
	case 3:
		h.must(h.flush())
	}
}

// early reports whether a signal ended a process that did not handle signals yet.
func early(err error) bool { return strings.HasPrefix(err.Error(), "signal: ") }

func (h *history) leavesNothing() {
	bound, err := h.bound()
	if err != nil || len(bound) > 0 {
		h.Errorf("after the exit lo has %v, %v\n%s", bound, err, h.p.log)
	}
	if _, err := os.Stat(h.socket()); !errors.Is(err, os.ErrNotExist) {
		h.Errorf("after the exit the socket exists: %v", err)
	}
	if err := eventually(time.Second, h.noRoutes); err != nil {
		h.Errorf("after the exit: %v", err)
	}
}

package feed

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"
	"go.uber.org/goleak"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/federation/staging"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// begin starts a Set over the world, in a bubble; secondaries answers the messages that
// it sends.
func begin(t *testing.T, w *world, dir string, secondaries func(*dns.Msg, string) (*dns.Msg, error), lines ...Line) (*Set, *memo) {
	t.Helper()
	config, log := configure(t, dir, lines...)
	config.Settle = 7 * time.Second
	config.Source = "test"
	return start(config, w, secondaries), log
}

const ofA = "f1.ns.fn.example.org.a._rpz.fn.example.org. 10 IN A 10.0.0.1\n"

func TestChangesAreCoalescedAndEachServedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.declare(1, nil, 0, 1)
		w.publish()
		s, _ := begin(t, w, "", nil, to("a"))
		defer s.Close()
		synctest.Wait()
		first := s.history(t, "a")
		if got := first.text(policy); got != ofA {
			t.Fatalf("%q", got)
		}
		serial := first.serial
		// The interval of five changes, but not in step with them.
		for i := range 34 {
			w.down[address(1, 0)] = i%2 == 0
			w.judge()
			time.Sleep(30 * time.Millisecond)
		}
		time.Sleep(time.Second)
		last := s.history(t, "a")
		if n := len(last.steps); n < 1 || n > 6 {
			t.Errorf("%d changes of serial in a second", n)
		}
		if got := last.text(policy); got != ofA {
			t.Errorf("finally %q", got)
		}
		if !later(last.serial, serial) {
			t.Errorf("serial %d after %d", last.serial, serial)
		}
		before := s.history(t, "a")
		w.judge() // nothing changed
		time.Sleep(time.Second)
		if s.history(t, "a").serial != before.serial {
			t.Error("the serial changed without the content")
		}
	})
}

func TestAChangeIsPublishedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.declare(1, nil, 0, 1)
		w.publish()
		s, _ := begin(t, w, "", nil, to("a"))
		defer s.Close()
		time.Sleep(time.Minute)
		w.down[address(1, 0)] = true
		w.judge()
		synctest.Wait() // no time passes
		if got := s.history(t, "a").text(policy); got != strings.Replace(ofA, "10.0.0.1", "11.0.0.1", 1) {
			t.Errorf("%q", got)
		}
	})
}

// TestTheJournalIsServedUntilTheFirstProbesAreDone checks that a restarted server shows
// its secondaries no content that is not based on probes yet.
func TestTheJournalIsServedUntilTheFirstProbesAreDone(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.declare(1, nil, 0, 1)
		w.down[address(1, 0)] = true
		w.publish()
		s, _ := begin(t, w, dir, nil, to("a"))
		synctest.Wait()
		kept := s.history(t, "a")
		s.Close()

		clear(w.down)
		w.judge()
		w.settle(false)
		s, _ = begin(t, w, dir, nil, to(All)) // whose regions are not known yet
		time.Sleep(time.Second)
		if now := s.history(t, "a"); now.serial != kept.serial || now.text(policy) != kept.text(policy) {
			t.Errorf("serial %d, want %d:\n%s", now.serial, kept.serial, now.text(policy))
		}
		w.down[address(1, 0)] = true
		w.judge()
		w.settle(true)
		time.Sleep(time.Second)
		if now := s.history(t, "a"); now.serial != kept.serial {
			t.Errorf("serial %d for the content of %d", now.serial, kept.serial)
		}
		clear(w.down)
		w.settle(false)
		w.judge()
		s.Close()
		s, _ = begin(t, w, dir, nil, to("a"))
		defer s.Close()
		time.Sleep(8 * time.Second) // a target that never answers must not block forever
		if now := s.history(t, "a"); now.text(policy) != ofA || len(now.steps) != 1 {
			t.Errorf("%d steps to\n%s", len(now.steps), now.text(policy))
		}
	})
}

// secondary acknowledges NOTIFYs after losing some.
type secondary struct {
	mu    sync.Mutex
	lose  int
	times []time.Time
	sent  []*dns.Msg
}

func (s *secondary) exchange(m *dns.Msg, _ string) (*dns.Msg, error) {
	s.mu.Lock()
	s.times, s.sent = append(s.times, time.Now()), append(s.sent, m)
	lost := s.lose != 0
	s.lose--
	s.mu.Unlock()
	if lost {
		time.Sleep(answerTime)
		return nil, errors.New("timeout")
	}
	return new(dns.Msg).SetReply(m), nil
}

// messages returns the messages that were sent, and when.
func (s *secondary) messages() ([]*dns.Msg, []time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sent, s.times
}

func notifying(region string) Line {
	l := to(region)
	l.Key, l.Algorithm = "carrier.", dns.HmacSHA256
	l.Notify = []netip.AddrPort{netip.MustParseAddrPort("[2001:db8::53]:53")}
	return l
}

func TestNotifyIsRepeatedUntilItIsAcknowledged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.declare(1, nil, 0, 1)
		away := &secondary{lose: -1}
		config, _ := configure(t, "", notifying("a"))
		config.Apexes[0].Signed = true // only the policy zone
		s := start(config, w, away.exchange)
		defer s.Close()
		w.publish()
		time.Sleep(time.Minute)
		sent, times := away.messages()
		if len(sent) != tries {
			t.Fatalf("%d tries, want %d", len(sent), tries)
		}
		for i := 2; i < len(times); i++ {
			if wait, before := times[i].Sub(times[i-1]), times[i-1].Sub(times[i-2]); wait <= before {
				t.Errorf("try %d after %s, the one before after %s", i, wait, before)
			}
		}
		m := sent[0]
		soa, _ := m.Answer[0].(*dns.SOA)
		if m.Opcode != dns.OpcodeNotify || m.Question[0].Name != "a._rpz."+apexName || soa == nil || m.IsTsig() == nil || m.IsTsig().Hdr.Name != "carrier." {
			t.Errorf("not a signed NOTIFY:\n%s", m)
		}
		// It is back: the changes in between are announced once, with the current serial.
		away.mu.Lock()
		away.lose, away.sent = 1, nil
		away.mu.Unlock()
		for i := range 4 {
			w.down[address(1, 0)] = i%2 == 0
			w.judge()
			time.Sleep(210 * time.Millisecond)
		}
		time.Sleep(time.Minute)
		if sent, _ = away.messages(); len(sent) != 2 {
			t.Fatalf("%d messages for changes within one try", len(sent))
		}
		last := sent[1].Answer[0].(*dns.SOA)
		if want := s.history(t, "a").serial; last.Serial != want {
			t.Errorf("notified of serial %d, want %d", last.Serial, want)
		}
	})
}

// TestARestartNotifiesOnlyOfNewContent checks that equal content causes no NOTIFY, and
// that one that a stop may have lost is sent.
func TestARestartNotifiesOnlyOfNewContent(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.declare(1, nil, 0, 1)
		w.publish()
		run := func(d time.Duration) int {
			heard := &secondary{}
			config, _ := configure(t, dir, notifying("a"))
			config.Source = "test"
			config.Apexes[0].Signed = true
			s := start(config, w, heard.exchange)
			time.Sleep(d)
			s.Close()
			sent, _ := heard.messages()
			return len(sent)
		}
		for i, want := range []int{1, 1, 0} {
			if got := run(time.Minute + time.Second); got != want {
				t.Errorf("run %d: %d messages, want %d", i, got, want)
			}
		}
	})
}

// TestTheNewestSetWrites checks that of two Sets of one feed, as during a reload, the
// newer one writes, and the older one again once the newer is gone.
func TestTheNewestSetWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, other := newWorld(), newWorld()
		w.declare(1, nil, 0, 1)
		w.publish()
		other.declare(1, nil, 2)
		other.publish()
		s, _ := begin(t, w, "", nil, to("a"))
		defer s.Close()
		synctest.Wait()
		first := s.history(t, "a")
		time.Sleep(time.Second)
		newer, _ := begin(t, other, "", nil, to("a"))
		synctest.Wait()
		moved := strings.Replace(ofA, "10.0.0.1", "12.0.0.1", 1)
		if got := s.history(t, "a"); got.text(policy) != moved || !later(got.serial, first.serial) || len(got.steps) != 1 {
			t.Errorf("the newer Set does not write: %d steps to\n%s", len(got.steps), got.text(policy))
		}
		w.declare(2, nil, 0)
		w.publish()
		time.Sleep(time.Second)
		if got := s.history(t, "a").text(policy); got != moved {
			t.Errorf("both Sets write:\n%s", got)
		}
		newer.Close()
		time.Sleep(time.Second)
		if got := s.history(t, "a").text(policy); got != ofA+strings.Replace(strings.Replace(ofA, "0.1\n", "0.2\n", 1), "f1", "f2", 1) {
			t.Errorf("the older Set does not write again:\n%s", got)
		}
	})
	if n := inUse(); n != 0 {
		t.Errorf("%d Books are left", n)
	}
}

func TestAllMeansEveryRegion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.declare(1, nil, 0, 1, 2)
		w.publish()
		s, log := begin(t, w, "", nil, to(All), to("nowhere"))
		defer s.Close()
		synctest.Wait()
		for i, region := range regions {
			if got := s.history(t, region).text(policy); !strings.Contains(got, address(1, i).String()) {
				t.Errorf("%s: %q", region, got)
			}
		}
		if h := s.history(t, "nowhere"); h != nil {
			t.Errorf("a region that does not exist has %q", h.text(policy))
		}
		if !strings.Contains(log.String(), "no cluster and no location has the region nowhere") {
			t.Errorf("%q", log)
		}
		w.store.Put(staging.Whole(&federation.Cluster{Meta: federation.NewMeta(federation.Ref{Group: "cluster.karmada.io", Kind: "Cluster", Name: "n"}), Region: "nowhere"}))
		w.publish()
		time.Sleep(time.Second)
		if h := s.history(t, "nowhere"); h == nil || h.text(policy) == "" {
			t.Error("a new region has no content")
		}
	})
}

// TestNamesMoveBetweenFunctions gives a function's name to another one, and a service's
// name to a function.
func TestNamesMoveBetweenFunctions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		named := func(hostnames ...string) func(*federation.Template) {
			return func(f *federation.Template) {
				f.Hostnames = hostnames
				f.Ports = []federation.Port{{Name: "x", Number: 80, Protocol: "tcp"}}
			}
		}
		w.declare(1, named("one.fn.example.org."), 0)
		w.declare(2, named("two.fn.example.org."), 0)
		w.publish()
		s, _ := begin(t, w, "", nil, to("a"))
		defer s.Close()
		synctest.Wait()
		for i, hostnames := range [][2]string{
			{"two.fn.example.org.", "one.fn.example.org."},
			{"one.fn.example.org.", "_x._tcp.one.fn.example.org."},
			{"one.fn.example.org.", "*.fn.example.org."},
			{"ns.fn.example.org.", "a._rpz.fn.example.org."}, // the zone's own
			{"one.fn.example.org.", "two.fn.example.org."},
		} {
			before := s.history(t, "a")
			zone := before.set(plain)
			w.declare(1, named(hostnames[0]), 0)
			w.declare(2, named(hostnames[1]), 0)
			fresh := newWorld()
			fresh.declare(1, named(hostnames[0]), 0)
			fresh.declare(2, named(hostnames[1]), 0)
			fresh.publish()
			w.publish()
			time.Sleep(time.Second)
			alone := Start(func() Config { c, _ := configure(t, "", to("a")); return c }(), fresh)
			synctest.Wait()
			want, got := alone.history(t, "a").text(plain), s.history(t, "a")
			alone.Close()
			if got.text(plain) != want {
				t.Errorf("change %d:\n%s\nwant, as from scratch,\n%s", i, got.text(plain), want)
			}
			z, _ := s.Plain(apexName, anybody)
			w := &tcp{}
			if _, err := z.Serve(w, ask(apexName, dns.TypeIXFR, before.serial)); err != nil {
				t.Fatal(err)
			}
			if incrementally(t, zone, w.records()); !sameSet(zone, got.set(plain)) {
				t.Errorf("change %d: a secondary has\n%v", i, zone)
			}
		}
	})
}

func sameSet(a, b map[string]bool) bool {
	if len(a) != len(b) {
		return false
	}
	for k := range a {
		if !b[k] {
			return false
		}
	}
	return true
}

// TestADamagedJournalIsRefusedByName damages every part of a file in turn; the feed then
// starts with new, complete content.
func TestADamagedJournalIsRefusedByName(t *testing.T) {
	dir := t.TempDir()
	one := func() *world {
		w := newWorld()
		w.declare(1, nil, 0, 1)
		w.publish()
		return w
	}
	var good []byte
	var path string
	synctest.Test(t, func(t *testing.T) {
		w := one()
		s, _ := begin(t, w, dir, nil, to("a"))
		for i := range 4 {
			w.down[address(1, 0)] = i%2 == 0
			w.judge()
			time.Sleep(time.Second)
		}
		s.Close()
		files, err := filepath.Glob(filepath.Join(dir, "feed-*.journal"))
		if err != nil || len(files) != 1 {
			t.Fatal(files, err)
		}
		path = files[0]
		if good, err = os.ReadFile(path); err != nil {
			t.Fatal(err)
		}
	})
	for at := 0; at < len(good); at += 7 {
		for _, cut := range []bool{true, false} {
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(time.Hour)
				bad := append([]byte{}, good...)
				if bad[at] ^= 0x20; cut {
					bad = good[:at]
				}
				if err := os.WriteFile(path, bad, 0o600); err != nil {
					t.Fatal(err)
				}
				s, log := begin(t, one(), dir, nil, to("a"))
				defer s.Close()
				time.Sleep(time.Second)
				h := s.history(t, "a")
				if h == nil || h.text(policy) != ofA {
					t.Fatalf("octet %d, cut %v: no content", at, cut)
				}
				refused := strings.Contains(log.String(), "refused: feed journal "+path)
				if !refused && !cut && later(h.serial, sinceEpoch(time.Now().Unix()-1800)) && len(h.steps) == 0 {
					t.Errorf("octet %d: started a new history without a message", at)
				}
			})
		}
	}
}

// inUse returns the number of Books that are not yet released.
func inUse() int {
	pool.Lock()
	defer pool.Unlock()
	return len(pool.books)
}

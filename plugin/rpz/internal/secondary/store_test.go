package secondary

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/plugin/rpz/internal/policyzone"
)

// kept returns a Secondary that holds generations 1 to 3, the last two as differences,
// and saves them in the file.
func kept(t *testing.T, path string) {
	f, w := begin(t, nil, func(c *Config) { c.File = path })
	defer w.stop()
	third := generation(3, "c", "d")
	f.set(serves(nil, held, next))
	w.Notify(one.Addr(), 0, false)
	time.Sleep(2 * time.Second)
	f.set(serves(nil, held, next, third))
	w.Notify(one.Addr(), 0, false)
	time.Sleep(2 * time.Second)
	if got, err := w.results(); !slices.Equal(got, []Result{IXFR, IXFR}) || w.served().Serial() != 3 {
		t.Fatalf("%v, %v", got, err)
	}
}

// states are all generations that a file may yield.
func states(t *testing.T) map[string]bool {
	return map[string]bool{text(zoneOf(t, held)): true, text(zoneOf(t, next)): true, text(zoneOf(t, generation(3, "c", "d"))): true}
}

func TestTheCopyIsServedAtTheStartWithoutAPrimary(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "made", "zone")
		kept(t, path)
		w := follow(t, &fake{t: t}, func(c *Config) { c.File = path })
		defer w.stop()
		synctest.Wait()
		if got, want := text(w.served()), text(zoneOf(t, generation(3, "c", "d"))); got != want {
			t.Errorf("served:\n%s\nwant\n%s", got, want)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("the file: %v, %v", info, err)
		}
	})
}

// A process may be killed while it writes any octet: a cut file always yields a
// generation that was complete, and from it the primary is followed.
func TestAFileCutAnywhereYieldsAWholeGenerationOrNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "zone")
		kept(t, path)
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		full := &store{path: path, zone: zoneName, limit: 100}
		if _, _, err := full.load(); err != nil {
			t.Fatal(err)
		}
		serial, good := uint32(0), states(t)
		for cut := range len(whole) + 1 {
			if err := os.WriteFile(path, whole[:cut], 0o600); err != nil {
				t.Fatal(err)
			}
			s := &store{path: path, zone: zoneName, limit: 100}
			zone, _, err := s.load()
			if int64(cut) < full.copySize {
				if zone != nil || err == nil || !strings.Contains(err.Error(), path) {
					t.Fatalf("cut at %d of %d, inside the copy: %s, %v", cut, len(whole), text(zone), err)
				}
				if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
					t.Fatalf("cut at %d: the damaged copy is not set aside", cut)
				}
				continue
			}
			if zone == nil || !good[text(zone)] || zone.Serial() < serial {
				t.Fatalf("cut at %d of %d: %s, %v", cut, len(whole), text(zone), err)
			}
			serial = zone.Serial()
			if (int64(cut) > s.size) != (err != nil) {
				t.Fatalf("cut at %d, good up to %d: %v", cut, s.size, err)
			}
			// An entry appended after a torn end is read again.
			if _, err := s.confirm(zone, time.Unix(77, 0)); err != nil {
				t.Fatal(err)
			}
			again, confirmed, err := (&store{path: path, zone: zoneName, limit: 100}).load()
			if err != nil || text(again) != text(zone) || confirmed.Unix() != 77 {
				t.Fatalf("cut at %d, then appended to: %s at %s, %v", cut, text(again), confirmed, err)
			}
		}
		if serial != 3 {
			t.Errorf("the whole file yields serial %d", serial)
		}
	})
}

func TestAFileWithAnyOctetChangedYieldsAWholeGenerationOrNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "zone")
		kept(t, path)
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		good := states(t)
		for i := range whole {
			spoiled := bytes.Clone(whole)
			spoiled[i] ^= 1 << (i % 8)
			if err := os.WriteFile(path, spoiled, 0o600); err != nil {
				t.Fatal(err)
			}
			zone, _, err := (&store{path: path, zone: zoneName, limit: 100}).load()
			if err == nil || zone != nil && !good[text(zone)] {
				t.Fatalf("octet %d changed to %#x: %s, %v", i, spoiled[i], text(zone), err)
			}
		}
	})
}

func TestADamagedCopyIsNamedSetAsideAndReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "zone")
		if err := os.WriteFile(path, []byte("anything"), 0o600); err != nil {
			t.Fatal(err)
		}
		_, w := begin(t, nil, func(c *Config) { c.File = path })
		w.stop()
		if first := w.all[0]; first.Result != CopyDamaged || !strings.Contains(first.Err.Error(), path+".damaged") {
			t.Errorf("the first event is %+v", first)
		}
		if old, err := os.ReadFile(path + ".damaged"); string(old) != "anything" {
			t.Errorf("the damaged copy is %q, %v", old, err)
		}
		if zone, _, err := (&store{path: path, zone: zoneName, limit: 100}).load(); zone == nil || err != nil {
			t.Errorf("the copy is not replaced: %v", err)
		}
	})
}

func TestACopyOfAnotherZoneOrWithTooManyRecordsIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "zone")
		for word, s := range map[string]*store{
			"other.example.": {path: path, zone: "other.example.", limit: 100},
			"more records":   {path: path, zone: zoneName, limit: 1},
		} {
			kept(t, path)
			if zone, _, err := s.load(); zone != nil || err == nil || !strings.Contains(err.Error(), word) {
				t.Errorf("%s: %v", word, err)
			}
		}
	})
}

func TestAnExpiredCopyIsNotServedButItsDifferencesAreRequested(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "zone")
		kept(t, path)
		time.Sleep(1001 * time.Second)
		f := &fake{t: t}
		w := follow(t, f, func(c *Config) { c.File = path })
		defer w.stop()
		synctest.Wait()
		if got, _ := w.results(); w.served() != nil || !w.Status().Expired || got[0] != Expired {
			t.Fatalf("an expired copy: %+v, %v", w.Status(), got)
		}
		f.set(serves(nil, held, next, generation(3, "c", "d"), generation(4, "e")))
		time.Sleep(11 * time.Second)
		if got, err := w.results(); got[len(got)-1] != IXFR || w.served() == nil || w.Status().Expired {
			t.Errorf("got %v, %v", got, err)
		}
	})
}

func TestExpiryIsCountedFromTheLastConfirmationAlsoAfterARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "zone")
		f, w := begin(t, nil, func(c *Config) { c.File = path })
		size := func() int64 {
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			return info.Size()
		}
		time.Sleep(110 * time.Second)
		first := size()
		time.Sleep(5000 * time.Second) // EXPIRE is 1000
		if size() != first {
			t.Errorf("confirmations made the file grow from %d to %d", first, size())
		}
		f.set(nil)
		last := w.Status().Confirmed
		w.stop()
		w = follow(t, f, func(c *Config) { c.File = path })
		defer w.stop()
		synctest.Wait()
		if got := w.Status().Confirmed; got.Unix() != last.Unix() || w.served() == nil {
			t.Fatalf("confirmed at %s, want %s", got, last)
		}
		time.Sleep(time.Until(last.Add(999 * time.Second)))
		if w.served() == nil {
			t.Error("it was withdrawn before EXPIRE")
		}
		time.Sleep(2 * time.Second)
		if w.served() != nil {
			t.Error("it was not withdrawn after EXPIRE")
		}
	})
}

func TestAClockThatWasSetBackDoesNotProlongACopy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "zone")
		s := &store{path: path, zone: zoneName, limit: 100}
		if _, err := s.write(zoneOf(t, held), time.Now().Add(1000*time.Hour)); err != nil {
			t.Fatal(err)
		}
		w := follow(t, &fake{t: t}, func(c *Config) { c.File = path })
		defer w.stop()
		time.Sleep(1001 * time.Second)
		if !w.Status().Expired {
			t.Error("a copy from the future is served after EXPIRE")
		}
	})
}

func TestADiskFailureIsReportedAndTheZoneIsServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(file, "zone") // which nobody can create, not even root
		f, w := begin(t, nil, func(c *Config) { c.File = path })
		defer w.stop()
		if e := w.find(CopyFailed); e.Err == nil || !strings.Contains(e.Err.Error(), zoneName) {
			t.Error("the failure is not reported")
		}
		f.set(serves(nil, held, next))
		w.Notify(one.Addr(), 0, false)
		time.Sleep(2 * time.Second)
		if w.served().Serial() != 2 {
			t.Error("a zone that cannot be saved is not served")
		}
		// The disk is repaired: a confirmation is enough to save the zone.
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		time.Sleep(200 * time.Second)
		if zone, _, err := (&store{path: path, zone: zoneName, limit: 100}).load(); err != nil || zone == nil || zone.Serial() != 2 {
			t.Errorf("after the disk was repaired: %s, %v", text(zone), err)
		}
		said, recovered := 0, 0
		for _, e := range w.ofCopy() {
			if e.Err != nil {
				said++
			}
			if e.Recovered {
				recovered++
			}
		}
		if said != 1 || recovered != 1 {
			t.Errorf("%d disk failures and %d recoveries reported, want one each", said, recovered)
		}
	})
}

// ofCopy returns the events about the copy on disk.
func (w *follower) ofCopy() (all []Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range w.all {
		if e.Result == CopyFailed || e.Result == CopyWritten || e.Result == CopyExtended {
			all = append(all, e)
		}
	}
	return all
}

// TestAFailedWriteIsRetriedBeforeTheNextRefresh because a refresh may be a day away.
func TestAFailedWriteIsRetriedBeforeTheNextRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(file, "zone")
		_, w := begin(t, nil, func(c *Config) { c.File = path })
		defer w.stop()
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		time.Sleep(failedDiskPause + time.Second)
		if zone, _, err := (&store{path: path, zone: zoneName, limit: 100}).load(); err != nil || zone == nil {
			t.Errorf("got %s, %v", text(zone), err)
		}
	})
}

// full limits the size of the process's files to so many octets, like a full disk, until
// the test ends or the returned function is called.
func full(t *testing.T, octets uint64) (freed func()) {
	t.Helper()
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
		t.Fatal(err)
	}
	signal.Ignore(syscall.SIGXFSZ)
	limited := old
	limited.Cur = octets
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limited); err != nil {
		t.Skipf("SKIPPED: the size of files cannot be limited: %v", err)
	}
	freed = sync.OnceFunc(func() {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
			t.Error(err)
		}
		signal.Reset(syscall.SIGXFSZ)
	})
	t.Cleanup(freed)
	return freed
}

// inAProcessOfItsOwn runs the test again in a child, and reports whether this is that
// child. What a test does to its process would break the files of others, such as go
// test's own.
func inAProcessOfItsOwn(t *testing.T) bool {
	t.Helper()
	const env = "NEARCAST_TEST_ALONE"
	if os.Getenv(env) != "" {
		return true
	}
	child := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	child.Env = append(os.Environ(), env+"=1")
	if out, err := child.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	return false
}

func TestAFullDiskKeepsItsCopyAndCatchesUpLater(t *testing.T) {
	if !inAProcessOfItsOwn(t) {
		return
	}
	path := filepath.Join(t.TempDir(), "zone")
	load := func(want []dns.RR) {
		t.Helper()
		if zone, _, err := (&store{path: path, zone: zoneName, limit: 100}).load(); text(zone) != text(zoneOf(t, want)) {
			t.Fatalf("the file yields %s, %v", text(zone), err)
		}
	}
	s := &store{path: path, zone: zoneName, limit: 100}
	larger, last := generation(2, "a", "b", "c", "d", "e", "f"), generation(3, "f")
	first, second := zoneOf(t, held), zoneOf(t, larger)
	if _, err := s.save(nil, first, nil, time.Now()); err != nil {
		t.Fatal(err)
	}
	differences := incremental(1, [][]dns.RR{held, larger})
	// The disk is full at each octet of the differences, and inside the copy that is
	// tried then.
	seen := map[Result]int{}
	for room := int64(0); room < 900; room += 3 {
		freed := full(t, uint64(s.size-10+room))
		one := *s
		r, err := one.save(first, second, differences, time.Now())
		freed()
		if seen[r]++; r == CopyFailed {
			if err == nil {
				t.Fatal("the failure has no reason")
			}
			load(held)
			// Later differences cannot be appended to missing ones.
			if r, err := one.save(second, zoneOf(t, last), incremental(2, [][]dns.RR{larger, last}), time.Now()); r != CopyWritten || err != nil {
				t.Fatal(r, err)
			}
			load(last)
		} else {
			load(larger)
		}
		if _, err := s.write(first, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	for _, r := range []Result{CopyFailed, CopyWritten, CopyExtended} {
		if seen[r] < 5 {
			t.Errorf("seen: got %v", seen)
		}
	}
	if r, err := s.save(first, second, differences, time.Now()); r != CopyExtended || err != nil {
		t.Fatal(r, err)
	}
	load(larger)
}

// A file that somebody else changed is not appended to.
func TestAFileThatSomebodyChangedIsWrittenWhole(t *testing.T) {
	var many []string
	for i := range 500 {
		many = append(many, fmt.Sprint("n", i))
	}
	for name, spoil := range map[string]func(string) error{
		"gone": os.Remove,
		"cut":  func(path string) error { return os.Truncate(path, 10) },
		"that of another server": func(path string) error {
			_, err := (&store{path: path, zone: zoneName, limit: 1000}).write(zoneOf(t, generation(1, many...)), time.Now())
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "zone")
				f, w := begin(t, nil, func(c *Config) { c.File = path })
				defer w.stop()
				if err := spoil(path); err != nil {
					t.Fatal(err)
				}
				f.set(serves(nil, held, next))
				w.Notify(one.Addr(), 0, false)
				time.Sleep(2 * time.Second)
				zone, _, err := (&store{path: path, zone: zoneName, limit: 100}).load()
				if err != nil || text(zone) != text(zoneOf(t, next)) {
					t.Errorf("got %s, %v", text(zone), err)
				}
			})
		})
	}
}

func TestDifferencesAreAppendedAndCompacted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "zone")
		s := &store{path: path, zone: zoneName, limit: 1_000_000}
		zone := zoneOf(t, generation(1))
		if r, err := s.save(nil, zone, nil, time.Now()); r != CopyWritten || err != nil {
			t.Fatal(r, err)
		}
		compacted := false
		for serial := uint32(2); serial < 60; serial++ {
			in := &stream{zone: zoneName, limit: 1_000_000, held: zone, incremental: true}
			take := func(all ...string) {
				for _, l := range all {
					if err := in.take(rr(l)); err != nil {
						t.Fatal(err)
					}
				}
			}
			soa := func(n uint32) string {
				return fmt.Sprintf("%s 60 IN SOA ns.%[1]s host.%[1]s %d 100 10 1000 60", zoneName, n)
			}
			take(soa(serial), soa(serial-1), soa(serial))
			for i := range 1000 {
				take(fmt.Sprintf("a-long-name-%d-%d.example.%s 60 IN CNAME .", serial, i, zoneName))
			}
			take(soa(serial))
			after, err := in.generation()
			if err != nil {
				t.Fatal(err)
			}
			if r, err := s.save(zone, after, in.differences, time.Now()); r != CopyExtended || err != nil {
				t.Fatal(r, err)
			}
			zone = after
			r, err := s.compact(zone, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			compacted = compacted || r == CopyWritten
			if s.size-s.copySize > max(compactLeast, s.copySize/2)+100_000 {
				t.Fatalf("%d octets of entries follow a copy of %d octets", s.size-s.copySize, s.copySize)
			}
		}
		if !compacted {
			t.Error("nothing was compacted")
		}
		if again, _, err := (&store{path: path, zone: zoneName, limit: 1_000_000}).load(); err != nil || text(again) != text(zone) {
			t.Errorf("the loaded zone differs from the saved one: %v", err)
		}
	})
}

func TestALeftoverOfAKilledProcessIsReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "zone")
	if err := os.WriteFile(path+".new", bytes.Repeat([]byte("x"), 99999), 0o600); err != nil {
		t.Fatal(err)
	}
	s := &store{path: path, zone: zoneName, limit: 100}
	zone := zoneOf(t, held)
	if _, err := s.write(zone, time.Now()); err != nil {
		t.Fatal(err)
	}
	if again, _, err := (&store{path: path, zone: zoneName, limit: 100}).load(); err != nil || text(again) != text(zone) {
		t.Error(err)
	}
	if left, _ := filepath.Glob(path + ".*"); len(left) > 0 {
		t.Errorf("files left: %v", left)
	}
}

// million is a zone of a million records, most of them rules as vendors sell them.
func million(t testing.TB, n int) *policyzone.Zone {
	e := policyzone.Begin(zoneName)
	for _, r := range generation(1) {
		if err := e.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	for i := range n - 1 {
		name := fmt.Sprintf("host-%x.bad%d.example.%s", uint32(i)*2654435761, i%7919, zoneName)
		if err := e.Add(&dns.CNAME{Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeCNAME, Class: dns.ClassINET, Ttl: 60, Rdlength: 1}, Target: "."}); err != nil {
			t.Fatal(err)
		}
	}
	z, err := e.Zone()
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func BenchmarkCopyOfAMillion(b *testing.B) {
	path := filepath.Join(b.TempDir(), "zone")
	zone := million(b, 1_000_000)
	s := &store{path: path, zone: zoneName, limit: 2_000_000}
	b.Run("write", func(b *testing.B) {
		for b.Loop() {
			if _, err := s.write(zone, time.Now()); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(s.size)/1e6, "MB")
	})
	b.Run("load", func(b *testing.B) {
		if _, err := s.write(zone, time.Now()); err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			if again, _, err := s.load(); err != nil || again.Len() != zone.Len() {
				b.Fatal(err)
			}
		}
	})
}

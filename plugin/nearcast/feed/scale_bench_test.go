package feed

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// large is a Set of three regions with many functions, published once.
func large(tb testing.TB, functions int, dir string) (*Set, *world) {
	tb.Helper()
	w := newWorld()
	for i := range functions {
		w.declare(i, nil, 0, 1, 2)
	}
	w.publish()
	config, _ := configure(tb, dir, to(All))
	s := Start(config, w)
	tb.Cleanup(s.Close)
	written := func(region string) bool {
		z, ok := s.Policy(region+"._rpz."+apexName, anybody)
		return ok && z.z.book.now.Load() != nil
	}
	for range 6000 {
		if written("a") && written("b") && written("c") {
			return s, w
		}
		time.Sleep(10 * time.Millisecond)
	}
	tb.Fatal("no content within a minute")
	return nil, nil
}

// BenchmarkAVerdict measures what a failed placement costs three feeds of 100,000
// functions, including the journal.
func BenchmarkAVerdict(b *testing.B) {
	s, w := large(b, 100000, b.TempDir())
	s.stop()
	s.running.Wait() // we write
	down := false
	for b.Loop() {
		b.StopTimer()
		down = !down
		w.down[address(4711, 0)] = down
		v := w.judge()
		b.StartTimer()
		s.write(v)
	}
}

// BenchmarkADeclaration measures the same for a change of one function's template.
func BenchmarkADeclaration(b *testing.B) {
	s, w := large(b, 100000, b.TempDir())
	s.stop()
	s.running.Wait()
	both := []int{0, 1, 2}
	for i := 0; b.Loop(); i++ {
		b.StopTimer()
		w.declare(4711, nil, both[:1+i%2]...)
		v := w.publish()
		b.StartTimer()
		s.write(v)
	}
}

// BenchmarkACluster measures the same for a cluster that fails with all its placements.
func BenchmarkACluster(b *testing.B) {
	const functions = 100000
	s, w := large(b, functions, b.TempDir())
	s.stop()
	s.running.Wait()
	down := false
	for b.Loop() {
		b.StopTimer()
		down = !down
		for i := range functions {
			w.down[address(i, 0)] = down
		}
		v := w.judge()
		b.StartTimer()
		s.write(v)
	}
}

// TestAChangeOfOneAmongManyIsSmall checks that a change of one function in a feed of
// 100,000 takes hundreds of octets to a secondary and on disk.
func TestAChangeOfOneAmongManyIsSmall(t *testing.T) {
	if testing.Short() {
		t.Skip("makes 100,000 functions")
	}
	dir := t.TempDir()
	s, w := large(t, 100000, dir)
	before := s.history(t, "a")
	files, err := filepath.Glob(filepath.Join(dir, "*.journal"))
	if err != nil || len(files) != 3 {
		t.Fatal(files, err)
	}
	w.down[address(4711, 0)] = true
	w.judge()
	for range 1000 {
		if s.history(t, "a") != before {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	z, _ := s.Policy("a._rpz."+apexName, anybody)
	ixfr, axfr := &tcp{}, &tcp{}
	if _, err := z.Serve(ixfr, ask("a._rpz."+apexName, dns.TypeIXFR, before.serial)); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	if _, err := z.Serve(axfr, ask("a._rpz."+apexName, dns.TypeAXFR, 0)); err != nil {
		t.Fatal(err)
	}
	took := time.Since(start)
	if ixfr.octets > 999 || axfr.octets < 1<<20 || !axfr.timers {
		t.Errorf("IXFR of %d octets, AXFR of %d", ixfr.octets, axfr.octets)
	}
	var size int64
	for _, file := range files {
		if info, err := os.Stat(file); err == nil {
			size = max(size, info.Size())
		}
	}
	t.Logf("IXFR of %d octets, AXFR of %d in %d messages (%s), journal of %d, %d names",
		ixfr.octets, axfr.octets, len(axfr.messages), took.Round(time.Millisecond), size, len(before.nodes))
	zone := before.set(policy)
	if kind := incrementally(t, zone, ixfr.records()); kind != "IXFR" {
		t.Errorf("%s", kind)
	}
}

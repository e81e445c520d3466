package usage

import (
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

func TestStatIsReadWhateverTheNameIs(t *testing.T) {
	for _, name := range []string{"coredns", "a b", "a) S 1 (b", "))"} {
		got, err := parseStat("42 (" + name + ") S 7 1 1 0 -1 4194560 100 0 0 0 12 34 5 6 20 0 8 0 100 1 2\n")
		if err != nil {
			t.Fatal(err)
		}
		if want := (process{pid: 42, parent: 7, cpu: 460 * time.Millisecond}); got != want {
			t.Errorf("%q: %+v, want %+v", name, got, want)
		}
	}
	for _, bad := range []string{"", "42", "42 (x) S 7", "x (y) S 7 1 1 0 -1 4194560 100 0 0 0 12 34 5 6", "42 (y) S 7 1 1 0 -1 4194560 100 0 0 0 12 b 5 6"} {
		if p, err := parseStat(bad); err == nil {
			t.Errorf("%q is taken for %+v", bad, p)
		}
	}
}

func TestMemoryIsInBytes(t *testing.T) {
	const rollup = "00400000-7ffd0000 ---p 00000000 00:00 0  [rollup]\nRss:    2000 kB\nPss:    1234 kB\nPss_Dirty:  99 kB\nAnonymous:  700 kB\nAnonHugePages: 0 kB\n"
	got, err := parseRollup(rollup)
	if want := (Bytes{1234 << 10, 2000 << 10, 700 << 10}); err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	for _, bad := range []string{"", "Rss: 1 kB\n", strings.Replace(rollup, "1234", "many", 1)} {
		if got, err := parseRollup(bad); err == nil {
			t.Errorf("%q: got %+v", bad, got)
		}
	}
}

func TestWhatAProcessStartedCountsToo(t *testing.T) {
	child := exec.Command("sleep", "60")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = child.Process.Kill()
		_ = child.Wait()
	}()
	all, err := family(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 2 || all[0].pid != os.Getpid() || all[1].pid != child.Process.Pid {
		t.Errorf("%+v are not %d and %d", all, os.Getpid(), child.Process.Pid)
	}
	if bytes, err := Memory(os.Getpid()); err != nil || bytes.Proportional < 1<<20 || bytes.Resident < bytes.Anonymous {
		t.Errorf("memory is %+v, %v", bytes, err)
	}
	if _, err := CPU(1 << 30); err == nil {
		t.Error("a process that is not there has a time")
	}
}

// TestThreadsAreCountedWhenTheySleep sleeps and works in turn.
func TestThreadsAreCountedWhenTheySleep(t *testing.T) {
	before, err := ThreadsOf(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	cpu, err := CPU(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	const turns = 20
	for range turns {
		time.Sleep(5 * time.Millisecond)
		for end := time.Now().Add(5 * time.Millisecond); time.Now().Before(end); {
		}
	}
	after, err := ThreadsOf(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	rough, err := CPU(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if n := after.Sleeps - before.Sleeps; n < turns/2 {
		t.Errorf("%d sleeps in %d turns", n, turns)
	}
	if exact, rough := after.CPU-before.CPU, rough-cpu; exact <= 0 || (exact-rough).Abs() > 30*time.Millisecond {
		t.Errorf("the threads ran %s, the process %s", exact, rough)
	}
	if _, err := ThreadsOf(1 << 30); err == nil {
		t.Error("a process that is not there has threads")
	}
}

func TestLoopbackIsCounted(t *testing.T) {
	const sent = 100_000
	before, err := LoopbackOctets(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	to, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	for range 100 {
		if _, err := to.WriteTo(make([]byte, sent/100), to.LocalAddr()); err != nil {
			t.Fatal(err)
		}
	}
	after, err := LoopbackOctets(os.Getpid())
	if err != nil || after-before < sent {
		t.Errorf("%d octets were counted, %v, want at least %d", after-before, err, sent)
	}
}

package health

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/nearcast/nearcast/internal/federation"
)

// serving, in the environment, makes the test binary the probed server, so that its
// processor time is separate from the prober's.
const serving = "NEARCAST_TEST_SERVES_PROBES"

func TestMain(m *testing.M) {
	if os.Getenv(serving) != "" {
		if err := serveProbes(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// serveProbes answers on all of 127.0.0.0/8, prints its ports (TCP, HTTP, and one that
// drops packets, 0 for none), and ends with its standard input.
func serveProbes() error {
	plain, err := net.Listen("tcp4", "0.0.0.0:0")
	if err != nil {
		return err
	}
	web, err := net.Listen("tcp4", "0.0.0.0:0")
	if err != nil {
		return err
	}
	go each(plain, func(conn net.Conn) { _ = conn.Close() })
	go each(web, func(conn net.Conn) {
		_, _ = conn.Read(make([]byte, 1024))
		_, _ = io.WriteString(conn, "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
		_ = conn.Close()
	})
	hole, release, err := blackHole()
	if err == nil {
		defer release()
	}
	fmt.Println(portOf(plain), portOf(web), hole)
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

func each(l net.Listener, serve func(net.Conn)) {
	for {
		conn, err := l.Accept()
		if err != nil {
			continue
		}
		go serve(conn)
	}
}

func portOf(l net.Listener) uint16 { return l.Addr().(*net.TCPAddr).AddrPort().Port() }

// blackHole returns a port at which SYNs are not answered, because the backlog of its
// listener is full, until release is called.
func blackHole() (port int, release func(), err error) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err == nil {
		err = syscall.Bind(fd, &syscall.SockaddrInet4{})
	}
	if err == nil {
		err = syscall.Listen(fd, 0)
	}
	if err != nil {
		return 0, nil, err
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		return 0, nil, err
	}
	port = name.(*syscall.SockaddrInet4).Port
	var held []net.Conn
	release = func() {
		for _, conn := range held {
			_ = conn.Close()
		}
		_ = syscall.Close(fd)
	}
	for range 4 {
		conn, _ := net.DialTimeout("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), 100*time.Millisecond)
		if conn == nil { // it timed out
			return port, release, nil
		}
		held = append(held, conn)
	}
	release()
	return 0, nil, errors.New("this kernel answers beyond a full backlog")
}

// probed returns targets on loopback addresses: one in ten is probed over HTTP, and the
// requested number lies in the black hole.
type probed struct{ plain, web, hole uint16 }

func startProbed(t testing.TB) probed {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), serving+"=1")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	})
	var p probed
	if _, err := fmt.Fscan(bufio.NewReader(out), &p.plain, &p.web, &p.hole); err != nil {
		t.Fatal(err)
	}
	if p.hole == 0 {
		t.Skip("skipped: this kernel does not drop the packets")
	}
	return p
}

func (p probed) targets(n, inTheHole int) map[federation.Target]bool {
	all := make(map[federation.Target]bool, n)
	for i := range n {
		addr := netip.AddrFrom4([4]byte{127, byte(1 + i>>16), byte(i >> 8), byte(i)})
		target := federation.Target{Kind: federation.ProbeTCP, Addr: netip.AddrPortFrom(addr, p.plain)}
		switch {
		case i < inTheHole:
			target.Addr = netip.AddrPortFrom(addr, p.hole)
		case i%10 == 9:
			target.Kind, target.Path, target.Addr = federation.ProbeHTTP, "/", netip.AddrPortFrom(addr, p.web)
		}
		all[target] = true
	}
	return all
}

// starts counts the probes that start, in steps of ten milliseconds.
type starts struct {
	began   time.Time
	steps   [1 << 16]atomic.Int32
	open    atomic.Int64
	highest atomic.Int64
}

const step = 10 * time.Millisecond

func (s *starts) counting(probe Probe) Probe {
	return func(ctx context.Context, target federation.Target) (Sample, error) {
		s.steps[min(int(time.Since(s.began)/step), len(s.steps)-1)].Add(1)
		open := s.open.Add(1)
		for highest := s.highest.Load(); open > highest && !s.highest.CompareAndSwap(highest, open); {
			highest = s.highest.Load()
		}
		defer s.open.Add(-1)
		return probe(ctx, target)
	}
}

// between returns how many probes started, and the maximum in one step.
func (s *starts) between(from, to time.Time) (all, most int) {
	for i := from.Sub(s.began) / step; i < to.Sub(s.began)/step; i++ {
		n := int(s.steps[i].Load())
		all, most = all+n, max(most, n)
	}
	return all, most
}

func processorTime() (user, kernel time.Duration) {
	var use syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &use) // the arguments are good
	return time.Duration(use.Utime.Nano()), time.Duration(use.Stime.Nano())
}

// bare connects with system calls and nothing else, and returns the cost of each
// connection: over loopback this includes the server's half of the handshake.
func (p probed) bare(t *testing.T) time.Duration {
	const n = 20_000
	user, kernel := processorTime()
	for i := range n {
		fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
		if err == nil {
			err = syscall.Connect(fd, &syscall.SockaddrInet4{Port: int(p.plain), Addr: [4]byte{127, 100, byte(i >> 8), byte(i)}})
		}
		if err == nil {
			err = syscall.SetsockoptLinger(fd, syscall.SOL_SOCKET, syscall.SO_LINGER, &syscall.Linger{Onoff: 1})
		}
		if err == nil {
			err = syscall.Close(fd)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	userNow, kernelNow := processorTime()
	return (userNow - user + kernelNow - kernel) / n
}

// TestProbingAtScale probes real sockets: a few hundred, or NEARCAST_TARGETS of them at
// the default interval. With -v it prints what that costs.
func TestProbingAtScale(t *testing.T) {
	config := Default
	config.Interval, config.Timeout = 400*time.Millisecond, time.Second
	n, whole := 300, os.Getenv("NEARCAST_TARGETS")
	if whole != "" {
		var err error
		if n, err = strconv.Atoi(whole); err != nil {
			t.Fatal(err)
		}
		config = Default
	}
	s := &starts{began: time.Now()}
	at := startProbed(t)
	if whole != "" {
		t.Logf("a connection with system calls only costs %s", at.bare(t))
	}
	p := New(config, s.counting(Ask(TLS{})))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { p.Run(ctx); close(done) }()
	defer func() { cancel(); <-done }()
	var before runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for _, holes := range []int{0, n / 10} {
		targets := at.targets(n, holes)
		set := time.Now()
		declare(p, targets, nil)
		setting := time.Since(set)
		for deadline := set.Add(time.Minute); !p.Settled() && time.Now().Before(deadline); {
			time.Sleep(step)
		}
		settled := time.Now()
		time.Sleep(2 * config.Interval)
		from := time.Now()
		user, kernel := processorTime()
		s.highest.Store(s.open.Load())
		time.Sleep(3 * config.Interval)
		to := time.Now()
		userNow, kernelNow := processorTime()
		used, inKernel := userNow-user+kernelNow-kernel, kernelNow-kernel
		first, burst := s.between(set, settled)
		all, most := s.between(from, to)
		var now runtime.MemStats
		runtime.ReadMemStats(&now)
		mean := float64(all) * step.Seconds() / to.Sub(from).Seconds()
		t.Logf("%d targets, %d of them black holes: declaring them took %s; the first round %s with %d probes, %d of them in one step of %s;",
			n, holes, setting.Round(time.Microsecond), settled.Sub(set).Round(step), first, burst, step)
		t.Logf("  then %.2f probes of each per interval, %.0f%% of a core (%s a probe, %s of it in the kernel), mean %.1f and most %d in a step, at most %d open, %d goroutines, %d bytes of heap a target, lag %s",
			float64(all)/float64(n)*config.Interval.Seconds()/to.Sub(from).Seconds(), 100*used.Seconds()/to.Sub(from).Seconds(),
			(used / time.Duration(max(all, 1))).Round(100*time.Nanosecond), (inKernel / time.Duration(max(all, 1))).Round(100*time.Nanosecond), mean, most, s.highest.Load(), runtime.NumGoroutine(), (int64(now.HeapInuse)-int64(before.HeapInuse))/int64(n), p.Lag().Round(time.Millisecond))
		states := map[State]int{}
		for _, v := range p.Verdicts() {
			states[v.State]++
		}
		if states[Up] != n-holes || states[Down] != holes {
			t.Errorf("%d are up and %d down, want %d and %d", states[Up], states[Down], n-holes, holes)
		}
		t.Logf("  Verdicts took %s", timed(func() { p.Verdicts() }))
	}
	if whole != "" {
		sockets, _ := os.ReadFile("/proc/net/sockstat")
		lines := strings.Split(string(sockets), "\n")
		t.Log(lines[slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, "TCP:") })])
	}
}

func timed(f func()) time.Duration {
	start := time.Now()
	f()
	return time.Since(start).Round(time.Microsecond)
}

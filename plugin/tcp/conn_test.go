package tcp

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coredns/caddy"
)

// TestAMessageThatTheClientDoesNotReadEndsItsConnection checks that a message that is
// read slowly does not.
func TestAMessageThatTheClientDoesNotReadEndsItsConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		defer theirs.Close()
		c := newConn(ours, &server{dns: true})
		go func() {
			_, _ = io.CopyN(io.Discard, theirs, 100)
			time.Sleep(takeWithin - time.Second)
			_, _ = io.CopyN(io.Discard, theirs, 100)
		}()
		for range 2 {
			if _, err := c.Write(make([]byte, 100)); err != nil {
				t.Fatalf("a message that is read was refused: %v", err)
			}
		}
		start := time.Now()
		if _, err := c.Write(make([]byte, 100)); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != takeWithin {
			t.Errorf("%v after %s", err, time.Since(start))
		}
	})
}

// TestAnIdleConnectionKeepsItsIdleTimeAcrossAReload checks that the next server does not
// treat it as a new connection that is about to send a query.
func TestAnIdleConnectionKeepsItsIdleTimeAcrossAReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		defer theirs.Close()
		c := newConn(ours, &server{})
		start := time.Now()
		idle := start.Add(10 * time.Second)
		if err := c.SetReadDeadline(idle); err != nil {
			t.Fatal(err)
		}
		c = c.resume(&server{})
		if err := c.SetReadDeadline(start.Add(3 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) || !time.Now().Equal(idle) {
			t.Errorf("%v after %s", err, time.Since(start))
		}
		if err := c.SetReadDeadline(time.Now().Add(time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(idle) != time.Second {
			t.Errorf("%v %s later: the time counts only for the first query", err, time.Since(idle))
		}
	})
}

// TestAThirdOfTheOpenFilesStaysFree covers a Corefile that wants more, and a limit that
// is lowered later.
func TestAThirdOfTheOpenFilesStaysFree(t *testing.T) {
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &before); err != nil {
			t.Error(err)
		}
	}()
	all := newTable()
	all.limit(bounds{all: mostConnections, network: mostConnections})
	lower := syscall.Rlimit{Cur: 300, Max: before.Max}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &lower); err != nil {
		t.Fatal(err)
	}
	for i := range 400 {
		all.admit(numbered(i))
	}
	if len(all.open) != 200 || all.open[0].answered.Load() < 200 {
		t.Errorf("%d connections, of 300 files", len(all.open))
	}
}

// without is a listener of a process that may open no more files.
type without struct {
	net.Listener
	tried, closed atomic.Int32
}

func (w *without) Accept() (net.Conn, error) {
	if w.closed.Load() > 0 {
		return nil, net.ErrClosed
	}
	w.tried.Add(1)
	return nil, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
}

func (w *without) Close() error {
	w.closed.Add(1)
	return nil
}

func TestWithoutFilesAcceptPausesAndTheIdlestConnectionIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := numbered(1)
		connections.admit(c)
		w := &without{}
		l := newListener(w, newServer(fake{}, bounds{}))
		ended := make(chan error)
		go func() {
			_, err := l.Accept()
			ended <- err
		}()
		time.Sleep(10*rest - rest/2)
		if n := w.tried.Load(); n != 10 {
			t.Errorf("tried %d times in %s", n, 10*rest)
		}
		if _, err := c.Conn.Write(nil); err == nil || c.at >= 0 {
			t.Error("the connection that has been idle longest is still open")
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		if err := <-ended; !errors.Is(err, net.ErrClosed) {
			t.Errorf("accept ended with %v", err)
		}
	})
}

// fake is a server that does nothing.
type fake struct{ caddy.GracefulServer }

func (fake) Address() string { return "dns://fake" }

// numbered is a connection from its own network, idle since the time of its number.
func numbered(i int) *conn {
	ours, _ := net.Pipe()
	c := newConn(ours, &server{})
	c.network = netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 0}), 24)
	c.answered.Store(int64(i))
	return c
}

func BenchmarkAdmit(b *testing.B) {
	for _, n := range []int{100, mostByDefault} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			t := newTable()
			t.bounds = bounds{all: n, network: n}
			for i := range n {
				t.admit(numbered(i))
			}
			var fresh []*conn
			for i := range b.N {
				fresh = append(fresh, numbered(n+i))
			}
			for b.ResetTimer(); len(fresh) > 0; fresh = fresh[1:] {
				t.admit(fresh[0])
			}
		})
	}
}

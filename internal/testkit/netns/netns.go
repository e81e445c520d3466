// Package netns makes network namespaces: machines of a test's or a benchmark's own. It needs root
// and iproute2.
package netns

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/vishvananda/netns"
)

// Namespace is a machine with a network of its own.
type Namespace struct {
	// Name is what iproute2 calls it; "" for the one of a thread.
	Name string
	// Handle is open until Close.
	Handle netns.NsHandle
}

// New makes a namespace with nothing but lo, which is up. Close removes it.
func New(name string) (n *Namespace, err error) {
	if err := IP("netns", "add", name); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, IP("netns", "del", name))
		}
	}()
	handle, err := netns.GetFromName(name)
	if err != nil {
		return nil, fmt.Errorf("network namespace %s: %w", name, err)
	}
	n = &Namespace{name, handle}
	return n, n.IP("link", "set", "lo", "up")
}

// Close removes the namespace, which lasts until the last process in it ends.
func (n *Namespace) Close() error {
	return errors.Join(n.Handle.Close(), IP("netns", "del", n.Name))
}

// IP runs iproute2's command in the namespace.
func (n *Namespace) IP(args ...string) error { return IP(append([]string{"-n", n.Name}, args...)...) }

// Command returns the command that runs a program in the namespace. It replaces itself by the
// program, which signals then reach.
func (n *Namespace) Command(program ...string) []string {
	return append([]string{"ip", "netns", "exec", n.Name}, program...)
}

// Do calls f in the namespace. Sockets that f itself makes stay there; a goroutine that f starts
// does not run there.
func (n *Namespace) Do(f func() error) (err error) {
	runtime.LockOSThread()
	home, err := netns.Get()
	if err != nil {
		runtime.UnlockOSThread()
		return err
	}
	defer func() { _ = home.Close() }()
	if err := netns.Set(n.Handle); err != nil {
		runtime.UnlockOSThread()
		return err
	}
	defer func() {
		back := netns.Set(home)
		if back == nil {
			// Otherwise the thread is lost with its goroutine. It may not end in any other case: the
			// kernel would kill the programs that it started.
			runtime.UnlockOSThread()
		}
		err = errors.Join(err, back)
	}()
	return f()
}

// Enter gives the test a network of its own, with nothing but lo, which is up, or skips it. The
// test's thread is not used again.
func Enter(t testing.TB) *Namespace {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: a network namespace needs root")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skipf("SKIPPED: %v", err)
	}
	runtime.LockOSThread() // and never unlocked: the thread ends with the test
	handle, err := netns.New()
	if err != nil {
		t.Skipf("SKIPPED: no network namespace can be made: %v", err)
	}
	t.Cleanup(func() { _ = handle.Close() })
	n := &Namespace{Handle: handle}
	if err := IP("link", "set", "lo", "up"); err != nil {
		t.Fatal(err)
	}
	return n
}

// IP runs iproute2's command, in the namespace of the calling thread.
func IP(args ...string) error {
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return nil
}

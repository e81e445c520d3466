package hostile

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/vishvananda/netns"
)

// namespace is a machine of its own: a network namespace that ends with its test.
type namespace struct {
	name   string
	handle netns.NsHandle
}

var namespaces atomic.Int32

// newNamespace returns a machine with nothing but loopback, or skips the test.
func newNamespace(t *testing.T) *namespace {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: network namespaces need root")
	}
	name := fmt.Sprintf("hostile-%d-%d", os.Getpid(), namespaces.Add(1))
	if err := ip("netns", "add", name); err != nil {
		t.Skipf("SKIPPED: %v", err)
	}
	t.Cleanup(func() {
		if err := ip("netns", "del", name); err != nil {
			t.Error(err)
		}
	})
	handle, err := netns.GetFromName(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { handle.Close() })
	n := &namespace{name, handle}
	n.ip(t, "link", "set", "lo", "up")
	return n
}

// link joins two machines by a cable, with the addresses at either end.
func link(t *testing.T, a, b *namespace, ofA, ofB []string) {
	t.Helper()
	a.ip(t, "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", b.name)
	for end, addresses := range map[*namespace][]string{a: ofA, b: ofB} {
		end.ip(t, "link", "set", "eth0", "up")
		for _, address := range addresses {
			end.ip(t, "address", "add", address, "dev", "eth0", "nodad") // or IPv6 waits for a second
		}
	}
}

func (n *namespace) ip(t *testing.T, args ...string) {
	t.Helper()
	if err := ip(append([]string{"-n", n.name}, args...)...); err != nil {
		t.Fatal(err)
	}
}

func ip(args ...string) error {
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return nil
}

// do calls f on the machine: the sockets that f itself makes are there.
func (n *namespace) do(t *testing.T, f func() error) {
	t.Helper()
	runtime.LockOSThread()
	home, err := netns.Get()
	if err != nil {
		t.Fatal(err)
	}
	defer home.Close()
	defer func() {
		if err := netns.Set(home); err != nil {
			t.Error(err) // the thread stays locked, and ends with the goroutine
			return
		}
		runtime.UnlockOSThread()
	}()
	if err := netns.Set(n.handle); err != nil {
		t.Fatal(err)
	}
	if err := f(); err != nil {
		t.Fatal(err)
	}
}

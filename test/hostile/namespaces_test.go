package hostile

import (
	"fmt"
	"os"
	"sync/atomic"
	"testing"

	"github.com/nearcast/nearcast/internal/testkit/netns"
)

// namespace is a machine of its own: a network namespace that ends with its test.
type namespace struct{ *netns.Namespace }

var namespaces atomic.Int32

// newNamespace returns a machine with nothing but loopback, or skips the test.
func newNamespace(t *testing.T) *namespace {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: network namespaces need root")
	}
	made, err := netns.New(fmt.Sprintf("hostile-%d-%d", os.Getpid(), namespaces.Add(1)))
	if err != nil {
		t.Skipf("SKIPPED: %v", err)
	}
	t.Cleanup(func() {
		if err := made.Close(); err != nil {
			t.Error(err)
		}
	})
	return &namespace{made}
}

// link joins two machines by a cable, with the addresses at either end.
func link(t *testing.T, a, b *namespace, ofA, ofB []string) {
	t.Helper()
	a.ip(t, "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", b.Name)
	for end, addresses := range map[*namespace][]string{a: ofA, b: ofB} {
		end.ip(t, "link", "set", "eth0", "up")
		for _, address := range addresses {
			end.ip(t, "address", "add", address, "dev", "eth0", "nodad") // or IPv6 waits for a second
		}
	}
}

func (n *namespace) ip(t *testing.T, args ...string) {
	t.Helper()
	if err := n.IP(args...); err != nil {
		t.Fatal(err)
	}
}

// do calls f on the machine: the sockets that f itself makes are there.
func (n *namespace) do(t *testing.T, f func() error) {
	t.Helper()
	if err := n.Do(f); err != nil {
		t.Fatal(err)
	}
}

package interop

import (
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/nearcast/nearcast/internal/testkit/netns"
)

// network is a set of namespaces, removed at the end of the test.
type network struct {
	t      *testing.T
	prefix string // of the namespaces' names
	dir    string // of all files; short, for the sockets in it
}

// networks counts, so that every network has its own names.
var networks atomic.Int32

// newNetwork returns an empty network, or skips the test.
func newNetwork(t *testing.T) *network {
	t.Helper()
	if err := prepare(); err != nil {
		t.Skipf("SKIPPED: %v", err)
	}
	dir, err := os.MkdirTemp("", "nc")
	if err != nil {
		t.Fatal(err)
	}
	n := &network{t: t, dir: dir, prefix: fmt.Sprintf("nc-%d-%d-", os.Getpid(), networks.Add(1))}
	t.Cleanup(func() {
		if t.Failed() {
			n.printLogs()
		}
		os.RemoveAll(dir)
	})
	return n
}

// tail is how much of a log helps to understand a failure.
const tail = 2000

func (n *network) printLogs() {
	logs, _ := filepath.Glob(filepath.Join(n.dir, "*.log")) // the pattern is well formed
	for _, path := range logs {
		log, err := os.ReadFile(path)
		if err != nil {
			n.t.Error(err)
		}
		n.t.Logf("%s:\n%s", filepath.Base(path), log[max(0, len(log)-tail):])
	}
}

// machine is a node or a switch.
type machine struct {
	*network
	*netns.Namespace
}

// machine makes a namespace, which ends with the test.
func (n *network) machine(name string) machine {
	n.t.Helper()
	made, err := netns.New(n.prefix + name)
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() {
		if err := made.Close(); err != nil {
			n.t.Error(err)
		}
	})
	return machine{n, made}
}

// ip runs iproute2's command there, which must succeed.
func (n machine) ip(args ...string) {
	n.t.Helper()
	if err := n.IP(args...); err != nil {
		n.t.Fatal(err)
	}
}

// sysctl sets a key below net.
func (n machine) sysctl(key, value string) {
	n.t.Helper()
	err := n.Do(func() error { return os.WriteFile(filepath.Join("/proc/sys/net", key), []byte(value), 0) })
	if err != nil {
		n.t.Fatalf("%s: %v", n.Name, err)
	}
}

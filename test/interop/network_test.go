package interop

import (
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/vishvananda/netns"
)

// network is a set of namespaces, which is removed with the test.
type network struct {
	t      *testing.T
	prefix string // of the namespaces' names
	dir    string // of all files; short, for the sockets in it
}

// networks counts, so that every one has names of its own.
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

// namespace makes a namespace, which ends with the test.
func (n *network) namespace(name string) (string, netns.NsHandle) {
	n.t.Helper()
	full := n.prefix + name
	n.ip("netns", "add", full)
	n.t.Cleanup(func() { n.ip("netns", "del", full) })
	handle, err := netns.GetFromName(full)
	if err != nil {
		n.t.Fatalf("namespace %s: %v", full, err)
	}
	n.t.Cleanup(func() { handle.Close() })
	return full, handle
}

// ip runs iproute2's command, which must succeed.
func (n *network) ip(args ...string) {
	n.t.Helper()
	if err := ip(args...); err != nil {
		n.t.Fatal(err)
	}
}

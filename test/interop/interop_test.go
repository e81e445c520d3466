// Package interop runs the speaker against routers that are not ours: FRR and
// BIRD of Debian, each in a network namespace. The test reads what a router does from
// the kernel's table there, not from the router's own output.
//
// A test makes a network of nodes and switches, starts a router and sites in
// it, and watches the router's routes:
//
//	n := newNetwork(t)
//	l := n.lan("lan")
//	r := n.node("r1")
//	l.join(r, "192.0.2.1/24")
//	...
//
// Everything it creates has the process ID in its name, and ends with the test.
package interop

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// bin holds the programs, built once.
var bin string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "nearcast-interop")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		bin = dir
		if err := fixture.Build(bin, "nearcast-speaker"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return m.Run()
	}())
}

// slack is what a loaded machine may add to any bound.
const slack = 20 * time.Second

// eventually tries until try returns nil.
func eventually(t *testing.T, what string, bound time.Duration, try func() error) {
	t.Helper()
	start := time.Now()
	for {
		err := try()
		if err == nil {
			return
		}
		if time.Since(start) > bound {
			t.Fatalf("%s: not within %s: %v", what, bound, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

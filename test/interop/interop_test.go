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
	"testing"
	"time"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// bin holds the programs, built once.
var bin string

func TestMain(m *testing.M) {
	fixture.Main(m, func(dir string) error {
		bin = dir
		return fixture.Build(bin, "nearcast-speaker")
	})
}

// slack is what a loaded machine may add to any bound.
const slack = 20 * time.Second

var eventually = fixture.Eventually

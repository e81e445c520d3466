// Package dnssec_test has delv and Unbound validate the answers of zones that
// plugin/nearcast signs, and compares them with Knot DNS, which signs the same zone on
// line too.
package dnssec_test

import (
	"testing"
	"time"

	"github.com/nearcast/nearcast/internal/testkit/coredns"
	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

func TestMain(m *testing.M) { coredns.Main(m) }

// loopback is the address on which everything that a test starts listens.
const loopback = "127.0.0.1"

// startTime is how long a program may take to start on a loaded machine.
const startTime = 60 * time.Second

var freePort = fixture.LocalPort

// eventually retries until try returns nil.
func eventually(t testing.TB, what string, try func() error) {
	t.Helper()
	fixture.Eventually(t, what, startTime, try)
}

// Package dnssec_test has delv and Unbound validate the answers of zones that
// plugin/nearcast signs, and compares them with Knot DNS, which signs the same zone on
// line too.
package dnssec_test

import (
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	clog "github.com/coredns/coredns/plugin/pkg/log"

	"github.com/nearcast/nearcast/internal/base/directives"
	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

func TestMain(m *testing.M) {
	caddy.Quiet, dnsserver.Quiet = true, true
	clog.Discard()
	if err := directives.Install(); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// loopback is the address on which everything that a test starts listens.
const loopback = "127.0.0.1"

// startTime is how long a program may take to start on a loaded machine.
const startTime = 60 * time.Second

// freePort returns a port of 127.0.0.1 that no other test got.
func freePort(t testing.TB) string {
	t.Helper()
	return strconv.Itoa(fixture.FreePort(t, loopback))
}

// eventually retries until try returns nil.
func eventually(t testing.TB, what string, try func() error) {
	t.Helper()
	fixture.Eventually(t, what, startTime, try)
}

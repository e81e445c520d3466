// Package rpz_test compares plugin/rpz with BIND 9 and Unbound: the same policy zones,
// the same upstream, the same questions.
package rpz_test

import (
	"errors"
	"os"
	"strconv"
	"strings"
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

// freePort returns a port of 127.0.0.1 that no other test got.
func freePort(t testing.TB) string {
	t.Helper()
	return strconv.Itoa(fixture.FreePort(t, "127.0.0.1"))
}

var eventually = fixture.Eventually

// says waits until a program has printed the text.
func says(t testing.TB, log *fixture.Output, text string, bound time.Duration) {
	t.Helper()
	eventually(t, "printed "+text, bound, func() error {
		if !strings.Contains(log.String(), text) {
			return errors.New("not yet")
		}
		return nil
	})
}

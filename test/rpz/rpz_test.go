// Package rpz_test compares plugin/rpz with BIND 9 and Unbound: the same policy zones,
// the same upstream, the same questions.
package rpz_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nearcast/nearcast/internal/testkit/coredns"
	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

func TestMain(m *testing.M) { coredns.Main(m) }

var freePort = fixture.LocalPort

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

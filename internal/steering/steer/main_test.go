package steer

import (
	"os"
	"testing"
)

// TestMain has the small federations of the tests compiled and judged as large ones are, by
// keeping the results of functions that are alike.
func TestMain(m *testing.M) {
	few = 1
	os.Exit(m.Run())
}

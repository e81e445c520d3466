package build

import (
	"os"
	"testing"
)

// TestMain has the small federations of the tests decided as large ones are, by looking for
// functions that are alike.
func TestMain(m *testing.M) {
	few = 2
	os.Exit(m.Run())
}

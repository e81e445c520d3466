package manifest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// TestALinkOutsideReachesALimitedNumberOfDirectories has a link to a tree that is too
// large and, after it, one to a tree that is not, which is the control.
func TestALinkOutsideReachesALimitedNumberOfDirectories(t *testing.T) {
	large, small := t.TempDir(), t.TempDir()
	for i := range maxOutside + 5 {
		if err := os.Mkdir(filepath.Join(large, fmt.Sprint(i)), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(small, "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	fixture.Write(t, filepath.Join(small, "sub", "f.yaml"), fixture.ThreeWith(hello))
	dir := t.TempDir()
	for name, target := range map[string]string{"a": large, "b": small} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	d := New(dir)
	listing, err := d.Load()
	if err != nil || len(listing.Faults) != 1 || !strings.Contains(listing.Faults[0].Error(), "more than 10000 directories") || len(listing.Objects()) != 5 {
		t.Errorf("%v, %d objects, %v", err, len(listing.Objects()), listing.Faults)
	}
	if n := len(d.there.folders); n > maxOutside+10 {
		t.Errorf("%d directories are read", n)
	}
}

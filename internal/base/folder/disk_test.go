package folder

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestADiskIsLoggedWhenItChanges has tries that fail in one way under names that differ, in
// another, and not any more.
func TestADiskIsLoggedWhenItChanges(t *testing.T) {
	full := func(name string) error { return &fs.PathError{Op: "write", Path: name, Err: syscall.ENOSPC} }
	readOnly := &fs.PathError{Op: "open", Path: "c", Err: syscall.EROFS}
	var d Disk
	for i, try := range []struct {
		err, said error
		recovered bool
	}{
		{nil, nil, false},
		{full("a"), syscall.ENOSPC, false},
		{full("b"), nil, false},
		{readOnly, syscall.EROFS, false},
		{nil, nil, true},
		{nil, nil, false},
		{full("a"), syscall.ENOSPC, false},
	} {
		failed, recovered := d.Tried(try.err)
		if !errors.Is(failed, try.said) || (failed == nil) != (try.said == nil) || recovered != try.recovered || !errors.Is(d.Failing(), try.err) {
			t.Errorf("try %d: %v, %v", i, failed, recovered)
		}
	}
}

// TestAFileIsReplacedWholeOrNotAtAll has a writer that fails, and what another left that was
// killed long ago.
func TestAFileIsReplacedWholeOrNotAtAll(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "state.json")
	text := func(s string, err error) func(io.Writer) error {
		return func(w io.Writer) error { _, _ = io.WriteString(w, s); return err }
	}
	if err := Replace(path, text("good", nil)); err != nil {
		t.Fatal(err)
	}
	for name, age := range map[string]time.Duration{".state.json123": 2 * tornAfter, ".state.json456": 0} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if at := time.Now().Add(-age); os.Chtimes(filepath.Join(dir, name), at, at) != nil {
			t.Fatal(name)
		}
	}
	if err := Replace(path, text("half", syscall.ENOSPC)); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("%v", err)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != "good" {
		t.Errorf("%q, %v", got, err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if got := strings.Join(names, " "); got != ".state.json456 state.json" {
		t.Errorf("left are %s, want the file and what another may be writing now", got)
	}
}

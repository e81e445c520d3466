package rpz

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nearcast/nearcast/internal/base/folder"
	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// TestADiskFailurePreventsNoSwitch fills the disk, frees it after a while, and expects
// the state to be written as soon as that is possible.
func TestADiskFailurePreventsNoSwitch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, i := newSwitches(), &instance{}
		dir := t.TempDir()
		s.enter(i, dir)
		defer s.leave(i)
		r := s.records[filepath.Join(dir, recordName)]
		var full atomic.Bool
		full.Store(true)
		r.replace = func(path string, write func(io.Writer) error) error {
			if full.Load() {
				return &os.PathError{Op: "write", Path: path, Err: syscall.ENOSPC}
			}
			return folder.Replace(path, write)
		}
		s.set(Disabled{Zone: "x.", Since: time.Now()})
		if _, off := s.get("x."); !off || !strings.Contains(s.unkept(), "no space left on device") || !strings.HasPrefix(s.unkept(), "this is kept in memory only") {
			t.Errorf("got %v, %s", off, s.unkept())
		}
		time.Sleep(3 * writeAgain)
		full.Store(false)
		time.Sleep(2 * writeAgain)
		synctest.Wait()
		if kept, err := r.read(); err != nil || len(kept) != 1 || kept[0].Zone != "x." || s.unkept() != "" {
			t.Errorf("got %v, %v, %s", kept, err, s.unkept())
		}
		if info, err := os.Stat(r.path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("got %v, %v", info, err)
		}
	})
}

// TestTheSavedStateIsLoadedOnce has a second configuration, which keeps the state in
// memory, and a restarted process, which loads it.
func TestTheSavedStateIsLoadedOnce(t *testing.T) {
	s, dir := newSwitches(), t.TempDir()
	one, two := &instance{}, &instance{}
	fixture.Write(t, filepath.Join(dir, recordName), `[{"zone":"X","since":"2026-01-02T03:04:05Z","reason":"r"}]`)
	s.enter(one, "")
	s.enter(one, dir)
	if d, off := s.get("x."); !off || d.String() != "x. has been disabled since 2026-01-02T03:04:05Z: r" {
		t.Errorf("got %v, %s", off, d)
	}
	s.set(Disabled{Zone: "x.", Since: time.Now(), Reason: "other"}) // which it was already
	if d, _ := s.get("x."); d.Since.Year() != 2026 || d.Since.Month() != 1 || d.Reason != "other" {
		t.Errorf("got %s", d)
	}
	s.enter(two, dir)
	s.leave(one)
	if !s.reset("x.") || s.reset("x.") {
		t.Error("it was not disabled")
	}
	s.leave(two)
	s.enter(one, dir)
	defer s.leave(one)
	if all := s.list(); len(all) != 0 {
		t.Errorf("got %v", all)
	}
}

func TestAnInvalidRecordDisablesNothing(t *testing.T) {
	for name, text := range map[string]string{
		"not JSON":       `[{"zone":`,
		"no zone":        `[{"zone":"a.","since":"2026-01-02T03:04:05Z"},{"reason":"r"}]`,
		"a bad name":     `[{"zone":"a..b"}]`,
		"another layout": `{"zone":"a."}`,
		"a bad time":     `[{"zone":"a.","since":"yesterday"}]`,
	} {
		s, i, dir := newSwitches(), &instance{}, t.TempDir()
		path := filepath.Join(dir, recordName)
		fixture.Write(t, path, text)
		r := newRecord(path, s.list)
		if _, err := r.read(); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", name, err)
		}
		s.enter(i, dir)
		if all := s.list(); len(all) != 0 {
			t.Errorf("%s: got %v", name, all)
		}
		s.leave(i)
		if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: the file is gone", name)
		}
	}
}

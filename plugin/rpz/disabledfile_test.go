package rpz

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// TestADiskFailurePreventsNoSwitch has a disk that fails for a minute, and expects the state
// to be written as soon as that is possible.
func TestADiskFailurePreventsNoSwitch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, i := newSwitches(), &instance{}
		dir := filepath.Join(t.TempDir(), "state")
		s.enter(i, dir)
		defer s.leave(i)
		fixture.Write(t, dir, "") // a file in the place of the folder, as root can write to every folder
		s.set(Disabled{Zone: "x.", Since: time.Now()})
		s.save(t.Context())
		if _, off := s.get("x."); !off || !strings.HasPrefix(s.unkept(), "this is kept in memory only") || !strings.Contains(s.unkept(), dir) {
			t.Errorf("got %v, %s", off, s.unkept())
		}
		time.Sleep(time.Minute)
		if err := os.Remove(dir); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		path := filepath.Join(dir, disabledName)
		if kept := newDisabledFile(path).load(); len(kept) != 1 || kept[0].Zone != "x." || s.unkept() != "" {
			t.Errorf("got %v, %s", kept, s.unkept())
		}
	})
}

// TestTheSavedStateIsLoadedOnce has a second configuration, which keeps the state in
// memory, and a restarted process, which loads it.
func TestTheSavedStateIsLoadedOnce(t *testing.T) {
	s, dir := newSwitches(), t.TempDir()
	one, two := &instance{}, &instance{}
	fixture.Write(t, filepath.Join(dir, disabledName), `[{"zone":"X","since":"2026-01-02T03:04:05Z","reason":"r"}]`)
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

// TestADamagedFileLosesItsInvalidEntriesOnly expects the file to be renamed and the valid
// entries to be written again.
func TestADamagedFileLosesItsInvalidEntriesOnly(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"not JSON":       {`[{"zone":`, ""},
		"cut off":        {`[{"zone":"A."},{"zone":`, "a."},
		"no zone":        {`[{"zone":"a.","since":"2026-01-02T03:04:05Z"},{"reason":"r"},{"zone":"b."}]`, "a. b."},
		"a bad name":     {`[{"zone":"a..b"}]`, ""},
		"another layout": {`{"zone":"a."}`, ""},
		"a bad time":     {`[{"zone":"a.","since":"yesterday"},{"zone":"b"}]`, "b."},
	} {
		s, i, dir := newSwitches(), &instance{}, t.TempDir()
		path := filepath.Join(dir, disabledName)
		fixture.Write(t, path, c.text)
		s.enter(i, dir)
		var zones []string
		for _, d := range s.list() {
			zones = append(zones, d.Zone)
		}
		if got := strings.Join(zones, " "); got != c.want {
			t.Errorf("%s: %s are disabled, want %s", name, got, c.want)
		}
		s.leave(i)
		if aside, err := os.ReadFile(path + ".damaged"); err != nil || string(aside) != c.text {
			t.Errorf("%s: set aside is %q, %v", name, aside, err)
		}
		s.enter(i, dir)
		if again := len(s.list()); again != len(zones) {
			t.Errorf("%s: after a restart %d are disabled, want %d", name, again, len(zones))
		}
		s.leave(i)
	}
}

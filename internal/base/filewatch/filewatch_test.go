package filewatch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// watched counts the changes of one directory.
type watched struct {
	dir  string
	seen atomic.Int64
}

func watchIn(ctx context.Context, t *testing.T, running *sync.WaitGroup, dir string) *watched {
	w := &watched{dir: dir}
	running.Go(func() {
		list := func() ([]string, error) { return []string{dir}, nil }
		if err := Folders(ctx, list, func() { w.seen.Add(1) }, func(err error) { t.Error(err) }); err != nil {
			t.Error(err)
		}
	})
	return w
}

func (w *watched) waitFor(t *testing.T, n int64) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); w.seen.Load() < n; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: %d changes were seen, want %d", w.dir, w.seen.Load(), n)
		}
	}
}

func TestManyWatchesShareOneInotifyAndHearOfTheirOwnPaths(t *testing.T) {
	const many = 300 // more than the limit of inotify instances per user
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	var all []*watched
	for range many {
		all = append(all, watchIn(ctx, t, &running, t.TempDir()))
	}
	for _, w := range all {
		w.waitFor(t, 1)
	}
	two := watchIn(ctx, t, &running, all[7].dir)
	two.waitFor(t, 1)
	if err := os.WriteFile(filepath.Join(all[7].dir, "f"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	all[7].waitFor(t, 2)
	two.waitFor(t, 2)
	if n := all[8].seen.Load(); n != 1 {
		t.Errorf("the watch of another directory saw %d changes", n)
	}
	cancel()
	running.Wait()
	hub.Lock()
	defer hub.Unlock()
	if hub.watcher != nil || len(hub.folders) != 0 {
		t.Error("the watcher still exists")
	}
}

func TestAReplacedDirectoryIsWatchedAgain(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	parent := t.TempDir()
	dir := filepath.Join(parent, "d")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	w := &watched{dir: dir}
	running.Go(func() {
		list := func() ([]string, error) { return []string{parent, dir}, nil }
		if err := Folders(ctx, list, func() { w.seen.Add(1) }, func(error) {}); err != nil {
			t.Error(err)
		}
	})
	w.waitFor(t, 1)
	if err := os.Rename(dir, dir+".old"); err != nil {
		t.Fatal(err)
	}
	w.waitFor(t, 2)
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	w.waitFor(t, 3)
	if err := os.WriteFile(filepath.Join(dir, "f"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	w.waitFor(t, 4)
}

// TestADirectoryWithTwoNamesIsWatchedUnderBoth: to the kernel they are one.
func TestADirectoryWithTwoNamesIsWatchedUnderBoth(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	parent := t.TempDir()
	dir, link := filepath.Join(parent, "d"), filepath.Join(parent, "l")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("d", link); err != nil {
		t.Fatal(err)
	}
	one := watchIn(ctx, t, &running, dir)
	one.waitFor(t, 1)
	two := watchIn(ctx, t, &running, link)
	two.waitFor(t, 1)
	if err := os.WriteFile(filepath.Join(dir, "f"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	one.waitFor(t, 2)
	two.waitFor(t, 2)
}

// TestADirectoryThatALinkLeftIsNoLongerWatched: otherwise each of many releases would
// keep a watch.
func TestADirectoryThatALinkLeftIsNoLongerWatched(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	parent := t.TempDir()
	link := filepath.Join(parent, "current")
	w := &watched{dir: link}
	for i, release := range []string{"r1", "r2", "r3"} {
		if err := os.Mkdir(filepath.Join(parent, release), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(release, link+".new"); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(link+".new", link); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			w = watchIn(ctx, t, &running, link)
		}
		w.waitFor(t, int64(i+1))
	}
	hub.Lock()
	defer hub.Unlock()
	if len(hub.folders) != 2 || hub.folders[filepath.Join(parent, "r3")] == nil {
		t.Errorf("watched: %v, want the directory of the link and r3", hub.folders)
	}
}

// TestAPathThatCannotBeWatchedKeepsNoOtherFromBeingRead: one link into an unlistable
// directory once kept a server from ever having a state.
func TestAPathThatCannotBeWatchedKeepsNoOtherFromBeingRead(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	w := &watched{dir: t.TempDir()}
	gone := filepath.Join(w.dir, "gone")
	said := make(chan string, 10)
	running.Go(func() {
		list := func() ([]string, error) { return []string{gone, w.dir}, nil }
		if err := Folders(ctx, list, func() { w.seen.Add(1) }, func(err error) { said <- err.Error() }); err != nil {
			t.Error(err)
		}
	})
	w.waitFor(t, 1)
	for i := range int64(2) {
		if err := os.WriteFile(filepath.Join(w.dir, "f"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		w.waitFor(t, i+2)
	}
	if first := <-said; !strings.Contains(first, "cannot watch "+gone) || len(said) > 0 {
		t.Errorf("reported %q, and %d more, want one error about %s", first, len(said), gone)
	}
}

func TestWithoutAListNothingIsWatched(t *testing.T) {
	want := errors.New("no list")
	err := Folders(t.Context(), func() ([]string, error) { return nil, want }, func() { t.Error("read") }, func(err error) { t.Error(err) })
	if !errors.Is(err, want) {
		t.Errorf("%v, want %v", err, want)
	}
}

func TestWaysEndsForCircularLinks(t *testing.T) {
	parent := t.TempDir()
	for link, target := range map[string]string{"a": "b", "b": "a", "nowhere": "x/y"} {
		if err := os.Symlink(target, filepath.Join(parent, link)); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{"a", "a/b", "nowhere", "none"} {
		if folders, err := ways(filepath.Join(parent, path)); err == nil {
			t.Errorf("%s: %v", path, folders)
		}
	}
}

// TestARecreatedDirectoryIsFollowedSoon removes the only directory of the list: no watch
// is left that would report its return.
func TestARecreatedDirectoryIsFollowedSoon(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	list := func() ([]string, error) {
		_, err := os.Stat(dir)
		return []string{dir}, err
	}
	var there atomic.Bool // a file was seen in it
	running.Go(func() {
		look := func() {
			_, err := os.Stat(filepath.Join(dir, "f"))
			there.Store(err == nil)
		}
		if err := Folders(ctx, list, look, func(error) {}); err != nil {
			t.Error(err)
		}
	})
	for range 2 {
		if err := os.WriteFile(filepath.Join(dir, "f"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(10 * time.Second); !there.Load(); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("not seen")
			}
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		time.Sleep(200 * time.Millisecond) // its removal is seen
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

// TestOnlyChangedPathsAreReported has a burst of few changes, and one of more than are
// kept.
func TestOnlyChangedPathsAreReported(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	reported, whole := make(chan []string, 100), make(chan bool, 100)
	list := func() ([]string, error) { return []string{dir}, nil }
	some := func(paths []string) bool {
		reported <- paths
		return filepath.Base(paths[0]) != "not-enough"
	}
	running.Go(func() {
		if err := Paths(ctx, list, some, func() { whole <- true }, func(err error) { t.Error(err) }); err != nil {
			t.Error(err)
		}
	})
	<-whole
	write := func(name string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for seen, want := map[string]bool{}, []string{write("a"), write("b")}; !seen[want[0]] || !seen[want[1]]; {
		for _, path := range <-reported {
			seen[path] = true
		}
	}
	if len(whole) > 0 {
		t.Error("everything is read, although only two paths changed")
	}
	write("not-enough")
	<-whole
	for i := range 2 * mostPaths {
		write(fmt.Sprint(i))
	}
	<-whole
}

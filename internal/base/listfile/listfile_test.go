package listfile

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nearcast/nearcast/internal/base/folder"
)

// reports keeps what a Run reports.
type reports struct {
	mu  sync.Mutex
	all []string
}

func (r *reports) add(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	text := "recovered"
	if err != nil {
		text = err.Error()
	}
	r.all = append(r.all, text)
}

func (r *reports) read() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.all)
}

// run runs the File, and returns a function that ends it.
func run(t *testing.T, f *File[int]) (*reports, func()) {
	r := &reports{}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		f.Run(ctx, r.add)
	}()
	return r, func() { cancel(); <-ended }
}

// wantRestart checks what a restart would have.
func wantRestart(t *testing.T, path string, want ...int) {
	t.Helper()
	if got, err := New(path, odd).Load(); err != nil || !slices.Equal(got, want) {
		t.Errorf("a restart has %v, %v, want %v", got, err, want)
	}
}

// full is a disk that takes nothing while it is true.
type full struct{ atomic.Bool }

func (d *full) replace(path string, write func(io.Writer) error) error {
	if d.Load() {
		return &os.PathError{Op: "write", Path: path, Err: syscall.ENOSPC}
	}
	return folder.Replace(path, write)
}

func TestAListSurvivesARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "a", "list.json")
		f := New(path, odd)
		if all, err := f.Load(); all != nil || err != nil || f.Unsaved() != nil {
			t.Fatalf("a missing file: %v, %v, %v", all, err, f.Unsaved())
		}
		r, end := run(t, f)
		defer end()
		synctest.Wait()
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("a file is written before there is a list: %v", err)
		}
		for _, all := range [][]int{{1}, {1, 3}, nil, {5}} {
			f.Set(all)
			if f.Unsaved() == nil {
				t.Errorf("%v is saved before it is written", all)
			}
			if f.Save(t.Context()); f.Unsaved() != nil {
				t.Errorf("%v: %v", all, f.Unsaved())
			}
			wantRestart(t, path, all...)
		}
		if got := r.read(); len(got) > 0 {
			t.Errorf("successes are reported: %q", got)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%v, %v", info, err)
		}
	})
}

func TestAListHoldsWhateverTheDiskDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "list.json")
		f, disk := New(path, odd), &full{}
		f.Replace = disk.replace
		disk.Store(true)
		r, end := run(t, f)
		for n := range 3 {
			f.Set([]int{2*n + 1})
			if f.Save(t.Context()); !errors.Is(f.Unsaved(), syscall.ENOSPC) || !strings.Contains(f.Unsaved().Error(), "cannot write "+path+": ") {
				t.Errorf("%v", f.Unsaved())
			}
		}
		time.Sleep(time.Hour)
		if got := r.read(); len(got) != 1 || !strings.Contains(got[0], path) || !strings.Contains(got[0], "no space left") {
			t.Errorf("an hour of a full disk is reported as %q, want one report", got)
		}
		disk.Store(false)
		time.Sleep(retryEvery + 1)
		synctest.Wait()
		if got := r.read(); f.Unsaved() != nil || len(got) != 2 || got[1] != "recovered" {
			t.Errorf("%v, reported %q", f.Unsaved(), got)
		}
		wantRestart(t, path, 5)
		disk.Store(true)
		f.Set([]int{7})
		f.Save(t.Context())
		disk.Store(false)
		end() // the last chance
		wantRestart(t, path, 7)
	})
}

// TestAFolderThatWentIsMadeAgain has a file in its place for a while.
func TestAFolderThatWentIsMadeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "state")
		path := filepath.Join(dir, "list.json")
		if err := os.WriteFile(dir, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		f := New(path, odd)
		_, end := run(t, f)
		defer end()
		f.Set([]int{1})
		if f.Save(t.Context()); f.Unsaved() == nil {
			t.Error("the control: a file in the place of the folder is not a fault")
		}
		if err := os.Remove(dir); err != nil {
			t.Fatal(err)
		}
		if f.Save(t.Context()); f.Unsaved() != nil {
			t.Error(f.Unsaved())
		}
		wantRestart(t, path, 1)
	})
}

// TestTheGoodPartOfADamagedFileIsWrittenAgain without a command: a second restart must find it.
func TestTheGoodPartOfADamagedFileIsWrittenAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "list.json")
		if err := os.WriteFile(path, []byte("[1, 2, 3, "), 0o600); err != nil {
			t.Fatal(err)
		}
		f := New(path, odd)
		if all, err := f.Load(); err == nil || !slices.Equal(all, []int{1, 3}) || f.Unsaved() == nil {
			t.Fatalf("%v, %v, %v", all, err, f.Unsaved())
		}
		r, end := run(t, f)
		synctest.Wait()
		if got := r.read(); f.Unsaved() != nil || !slices.Equal(got, []string{"recovered"}) {
			t.Errorf("%v, reported %q", f.Unsaved(), got)
		}
		wantRestart(t, path, 1, 3)
		end()
	})
}

// TestADiskThatHangsHoldsNobodyForLong has several commands, whose last change is what the file
// has in the end, and two Runs, as at a reload.
func TestADiskThatHangsHoldsNobodyForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "list.json")
		f := New(path, odd)
		answers := make(chan struct{})
		f.Replace = func(path string, write func(io.Writer) error) error {
			<-answers
			return folder.Replace(path, write)
		}
		_, endFirst := run(t, f)
		_, endSecond := run(t, f)
		for n := range 4 {
			f.Set([]int{2*n + 1})
			start := time.Now()
			f.Save(t.Context())
			if took := time.Since(start); took != saveWait || f.Unsaved() == nil || !strings.Contains(f.Unsaved().Error(), path+" has not been written yet") {
				t.Errorf("after %s: %v", took, f.Unsaved())
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		start := time.Now()
		if f.Save(ctx); time.Since(start) > 0 {
			t.Errorf("a command that was given up waited %s", time.Since(start))
		}
		close(answers)
		endFirst()
		endSecond()
		if f.Unsaved() != nil {
			t.Error(f.Unsaved())
		}
		wantRestart(t, path, 7)
	})
}

func TestWithoutAPathNothingIsKept(t *testing.T) {
	f := New("", odd)
	if all, err := f.Load(); all != nil || err != nil {
		t.Errorf("%v, %v", all, err)
	}
	f.Set([]int{1})
	f.Run(t.Context(), func(err error) { t.Error(err) })
	if f.Save(t.Context()); f.Unsaved() != nil {
		t.Error(f.Unsaved())
	}
}

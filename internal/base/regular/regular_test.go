package regular

import (
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

const most = 1 << 20

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestARegularFileIsReadWhole(t *testing.T) {
	dir := t.TempDir()
	for _, size := range []int{0, 1, 511, 512, most - 1, most} {
		path, want := filepath.Join(dir, "f"), strings.Repeat("x", size)
		write(t, path, want)
		if err := os.Remove(path + ".link"); err != nil && size > 0 {
			t.Fatal(err)
		}
		if err := os.Symlink("f", path+".link"); err != nil {
			t.Fatal(err)
		}
		for _, p := range []string{path, path + ".link"} {
			if got, err := Read(p, most); err != nil || string(got) != want {
				t.Errorf("%d octets: %d, %v", size, len(got), err)
			}
		}
	}
}

// TestWhatIsNotARegularFileIsRefusedByName has objects that others may put in place of a
// file, and links to them; the first of each is the control.
func TestWhatIsNotARegularFileIsRefusedByName(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "file"), "good")
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", filepath.Join(dir, "socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := os.Symlink("loop", filepath.Join(dir, "loop")); err != nil {
		t.Fatal(err)
	}
	for target, want := range map[string]string{
		filepath.Join(dir, "file"): "", filepath.Join(dir, "pipe"): "is a pipe", filepath.Join(dir, "socket"): "is a socket",
		"/dev/zero": "is a device", "/dev/full": "is a device", dir: "is a directory", filepath.Join(dir, "loop"): "too many levels",
	} {
		link := filepath.Join(dir, "link")
		if err := os.Symlink(target, link); err != nil {
			t.Fatal(err)
		}
		_, err := Read(link, most)
		switch {
		case want == "" && err != nil, want != "" && (err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), link)):
			t.Errorf("%s: %v, want %q", target, err, want)
		case strings.HasPrefix(want, "is a") && !errors.Is(err, ErrNot):
			t.Errorf("%s: %v is not ErrNot", target, err)
		}
		if err := os.Remove(link); err != nil {
			t.Fatal(err)
		}
	}
}

// TestNoMoreThanTheLimitIsRead covers files with more, and files whose reported size is
// 0, such as the kernel's own.
func TestNoMoreThanTheLimitIsRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	write(t, path, "")
	if err := os.Truncate(path, 1<<40); err != nil {
		t.Skipf("cannot create a file of a tebibyte here: %v", err)
	}
	if _, err := Read(path, most); !errors.Is(err, ErrLarge) || !strings.Contains(err.Error(), path) {
		t.Errorf("%v, want ErrLarge", err)
	}
	const lies = "/proc/self/status" // its size is 0
	if got, err := Read(lies, most); err != nil || len(got) == 0 {
		t.Fatalf("%s: %d, %v: the control fails", lies, len(got), err)
	}
	if _, err := Read(lies, 100); !errors.Is(err, ErrLarge) {
		t.Errorf("%s: %v, want ErrLarge", lies, err)
	}
	f, err := Open(lies, 100)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := io.Copy(io.Discard, f); !errors.Is(err, ErrLarge) {
		t.Errorf("%s, as a stream: %v, want ErrLarge", lies, err)
	}
}

// TestAFileThatIsReplacedByAPipeIsNotWaitedFor swaps the two under a reader, which
// encounters both.
func TestAFileThatIsReplacedByAPipeIsNotWaitedFor(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	var stop atomic.Bool
	swapped := make(chan error, 1)
	go func() {
		var err error
		for i := 0; !stop.Load() && err == nil; i++ {
			beside := filepath.Join(dir, "beside")
			if i%2 == 0 {
				err = os.WriteFile(beside, []byte("good"), 0o600)
			} else {
				err = syscall.Mkfifo(beside, 0o600)
			}
			if err == nil {
				err = os.Rename(beside, path)
			}
			runtime.Gosched()
		}
		swapped <- err
	}()
	good, refused := 0, 0
	for deadline := time.Now().Add(30 * time.Second); good < 1000 || refused < 1000; {
		got, err := Read(path, most)
		switch {
		case err == nil && string(got) == "good":
			good++
		case errors.Is(err, ErrNot):
			refused++
		case err != nil && !errors.Is(err, os.ErrNotExist):
			t.Fatal(err)
		}
		if time.Now().After(deadline) {
			break
		}
	}
	stop.Store(true)
	if err := <-swapped; err != nil {
		t.Fatal(err)
	}
	if good == 0 || refused == 0 {
		t.Errorf("%d reads succeeded and %d were refused: the control fails", good, refused)
	}
}

// TestAReadThatWouldBlockIsRefused reads the kernel's log, which claims to be a regular
// file, and ends only while something is written.
func TestAReadThatWouldBlockIsRefused(t *testing.T) {
	const log = "/proc/kmsg"
	if f, err := os.OpenFile(log, os.O_RDONLY|syscall.O_NONBLOCK, 0); err != nil {
		t.Skip(err)
	} else {
		f.Close()
	}
	done := make(chan error, 1)
	go func() {
		_, err := Read(log, 64<<20)
		done <- err
	}()
	select {
	case err := <-done:
		if err == nil {
			t.Error("a file without an end was read to its end")
		}
	case <-time.After(30 * time.Second):
		t.Fatal("the read blocked")
	}
}

func TestAnIdentityChangesWithWhatIsWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	write(t, path, "one")
	before, ok := Identify(path)
	if same, _ := Identify(path); !ok || before != same {
		t.Fatalf("%v and %v of one file", before, same)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(20 * time.Millisecond) // the granularity of a file system's time is up to 10 ms
	write(t, path, "two")
	if err := os.Chtimes(path, info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
	if after, _ := Identify(path); after == before {
		t.Error("the content changed without its size and modification time, and it counts as unchanged")
	}
	if _, there := Identify(filepath.Dir(path)); there {
		t.Error("a directory has an identity")
	}
}

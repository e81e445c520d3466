package edge

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// cgroups is where the kernel has them, of either version.
const cgroups = "/sys/fs/cgroup"

// period is the one in which a cgroup's processes may use their share of a processor: the kernel's own.
const period = 100 * time.Millisecond

// files are the names by which a version of cgroups has what the suite reads and writes.
type files struct {
	limit, current string
	anon, mapped   string // of memory.stat
	events, killed string // a file, and a key of it
	throttled      string // of cpu.stat
	unit           time.Duration
}

var (
	v1 = files{"memory.limit_in_bytes", "memory.usage_in_bytes", "rss", "mapped_file", "memory.oom_control", "oom_kill", "throttled_time", time.Nanosecond}
	v2 = files{"memory.max", "memory.current", "anon", "file_mapped", "memory.events", "oom_kill", "throttled_usec", time.Microsecond}
)

// cgroup bounds the memory and the processor time of processes.
type cgroup struct {
	files
	memory, cpu string // its directories: one with version 2
}

// newCgroup makes a cgroup of so many octets and so much of a processor, or skips the test. It is removed
// with the test, after its processes.
func newCgroup(t *testing.T, name string, limit int64, processor float64) *cgroup {
	t.Helper()
	c, err := makeCgroup(fmt.Sprintf("nearcast-edge-%d-%s", os.Getpid(), name), limit, time.Duration(processor*float64(period)))
	if err != nil {
		t.Skipf("SKIPPED: no cgroup can be made: %v", err)
	}
	t.Cleanup(func() {
		if err := c.remove(); err != nil {
			t.Errorf("cgroup: %v", err)
		}
	})
	return c
}

func makeCgroup(name string, limit int64, quota time.Duration) (*cgroup, error) {
	if _, err := os.Stat(filepath.Join(cgroups, "cgroup.controllers")); err == nil {
		if err := write(cgroups, "cgroup.subtree_control", "+memory +cpu"); err != nil {
			return nil, err
		}
		c := &cgroup{v2, filepath.Join(cgroups, name), filepath.Join(cgroups, name)}
		return c, c.fill(limit, "cpu.max", fmt.Sprintf("%d %d", quota.Microseconds(), period.Microseconds()))
	}
	c := &cgroup{v1, filepath.Join(cgroups, "memory", name), filepath.Join(cgroups, "cpu", name)}
	return c, c.fill(limit, "cpu.cfs_quota_us", strconv.FormatInt(quota.Microseconds(), 10))
}

// fill makes the directories and sets the bounds. It removes what it made if it fails.
func (c *cgroup) fill(limit int64, quotaFile, quota string) (err error) {
	defer func() {
		if err != nil {
			_ = c.remove() // the error stands
		}
	}()
	for _, dir := range []string{c.memory, c.cpu} {
		if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
	}
	return errors.Join(write(c.memory, c.limit, strconv.FormatInt(limit, 10)), write(c.cpu, quotaFile, quota))
}

// remove waits for the kernel, which is late to forget processes that ended.
func (c *cgroup) remove() (err error) {
	for range 100 {
		if err = errors.Join(gone(os.Remove(c.memory)), gone(os.Remove(c.cpu))); err == nil {
			return nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return err
}

func gone(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

func write(dir, file, text string) error {
	return os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644)
}

// command returns one that runs a program in the cgroup. The shell is replaced by the program.
func (c *cgroup) command(program ...string) []string {
	const enter = `echo $$ >"$0/cgroup.procs" && echo $$ >"$1/cgroup.procs" && shift && exec "$@"`
	return append([]string{"sh", "-c", enter, c.memory, c.cpu}, program...)
}

// use is what a cgroup has and had.
type use struct {
	current, anon, mapped int64         // octets: all, of what no file has, and of what is mapped: the program
	waits                 int64         // for pages of files that had to be read
	killed                int64         // processes that the kernel ended for lack of memory
	throttled             time.Duration // in which processes waited for the next period
}

func (c *cgroup) use() (u use, err error) {
	var throttled int64
	for _, n := range []struct {
		dir, file, key string
		to             *int64
	}{
		{c.memory, c.current, "", &u.current},
		{c.memory, "memory.stat", c.anon, &u.anon},
		{c.memory, "memory.stat", c.mapped, &u.mapped},
		{c.memory, "memory.stat", "pgmajfault", &u.waits},
		{c.memory, c.events, c.killed, &u.killed},
		{c.cpu, "cpu.stat", c.throttled, &throttled},
	} {
		if *n.to, err = number(filepath.Join(n.dir, n.file), n.key); err != nil {
			return use{}, err
		}
	}
	u.throttled = time.Duration(throttled) * c.unit
	return u, nil
}

// number reads a file with one number or, with a key, with lines of keys and numbers.
func number(path, key string) (int64, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if key == "" || len(fields) == 2 && fields[0] == key {
			return strconv.ParseInt(fields[len(fields)-1], 10, 64)
		}
	}
	return 0, fmt.Errorf("%s has no %s", path, key)
}

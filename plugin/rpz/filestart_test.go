package rpz

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nearcast/nearcast/internal/base/regular"
	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// again returns the file as the next process opens it, after its content was changed.
func again(t *testing.T, f *file, change func(path string)) *file {
	t.Helper()
	f.keep()
	change(f.path)
	next := newFile(&source{origin: f.origin, users: map[*RPZ]bool{}, named: map[string]bool{}})
	if err := next.begin(false); err != nil {
		t.Fatal(err)
	}
	return next
}

// TestAListThatWasHalfWrittenAtStartIsReplacedByItsCopy has a server that exits while its
// list is being downloaded, and checks how many records are in use at the next start, and
// much later.
func TestAListThatWasHalfWrittenAtStartIsReplacedByItsCopy(t *testing.T) {
	const all = 101
	long := time.Now().Add(-time.Hour)
	whole := func(n int) string { return withSOA(listed(0, n)) }
	half := strings.TrimSuffix(whole(50), "\n")
	aged := func(path string) { // long enough ago to be noticed
		if err := os.Chtimes(path, long, long); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		change      func(path string)
		start, late int
	}{
		"half, incomplete line":     {func(path string) { over(t, path, half) }, all, all},
		"the same, long ago":        {func(path string) { over(t, path, half); aged(path) }, all, all},
		"half, a moment ago":        {func(path string) { over(t, path, whole(50)) }, all, 51},
		"half, renamed":             {func(path string) { over(t, path, whole(50)); aged(path) }, 51, 51},
		"more, a moment ago":        {func(path string) { over(t, path, whole(150)) }, 151, 151},
		"slightly less, incomplete": {func(path string) { over(t, path, strings.TrimSuffix(whole(95), "\n")) }, 96, 96},
		"as many, but others":       {func(path string) { over(t, path, strings.ReplaceAll(whole(100), "CNAME .", "CNAME *.")) }, all, all},
		"emptied":                   {func(path string) { over(t, path, "") }, all, all},
		"cut in the middle of all":  {func(path string) { over(t, path, whole(50)+"n50.te") }, all, all},
	} {
		t.Run(name, func(t *testing.T) {
			first := arriving(t)
			first.origin.state = filepath.Join(filepath.Dir(first.path), "state")
			first = newFile(first.source)
			if err := first.begin(false); err != nil {
				t.Fatal(err)
			}
			f := again(t, first, c.change)
			if got := f.zone.Load().Len(); got != c.start {
				t.Errorf("at start %d records are in use, want %d", got, c.start)
			}
			if f = again(t, f, func(string) {}); f.zone.Load().Len() != c.start {
				t.Errorf("at the start after that: %d records", f.zone.Load().Len())
			}
			f.look(time.Now())
			f.look(time.Now().Add(stalled + 2*time.Second))
			if got := f.zone.Load().Len(); got != c.late {
				t.Errorf("later %d records are in use, want %d", got, c.late)
			}
			over(t, f.path, whole(160))
			f.look(time.Now())
			if f.look(time.Now().Add(2 * settled)); f.zone.Load().Len() != 161 {
				t.Errorf("the complete list is not used: %d records", f.zone.Load().Len())
			}
		})
	}
}

// TestAListThatIsBeingWrittenAtStartIsWaitedFor has no copy of it, and a file that ends
// in the middle of a line: changed just now, changed a while ago, and while another
// configuration already answers.
func TestAListThatIsBeingWrittenAtStartIsWaitedFor(t *testing.T) {
	half := strings.TrimSuffix(withSOA(listed(0, 50)), "\n")
	for name, c := range map[string]struct {
		text string
		age  time.Duration
		runs bool
		used bool
	}{
		"now": {text: half}, "a while ago": {half, 2 * settled, false, true}, "at a reload": {half, 0, true, true}, "whole": {half + "\n", 0, false, true},
	} {
		path := filepath.Join(t.TempDir(), "rpz1")
		over(t, path, c.text)
		f := newFile(&source{origin: origin{zone: "rpz1.", file: path}, users: map[*RPZ]bool{}, named: map[string]bool{}})
		var there bool
		if f.judged, there = regular.Identify(path); !there {
			t.Fatal("no file")
		}
		z, err := f.read()
		if err != nil {
			t.Fatal(err)
		}
		if f.start(z, time.Now().Add(c.age), c.runs); f.loaded.Load() != c.used {
			t.Errorf("%s: used %v", name, f.loaded.Load())
		}
		if f.look(time.Now()); f.loaded.Load() != c.used {
			t.Errorf("%s, a moment later: used %v", name, f.loaded.Load())
		}
		if f.look(time.Now().Add(2 * settled)); !f.loaded.Load() {
			t.Errorf("%s: never used", name)
		}
	}
}

// TestAFileIsLoadedEvenIfItsDirectoryAppearsLater has neither at start, and then removes
// and recreates both, like a volume that is mounted late.
func TestAFileIsLoadedEvenIfItsDirectoryAppearsLater(t *testing.T) {
	corefile, path := oneFile(t, "")
	folder := path + ".d/deep"
	late := filepath.Join(folder, "list")
	s := serve(t, strings.ReplaceAll(corefile, "file "+path, "file "+late))
	s.expect("a.test.", "SERVFAIL")
	for _, action := range []string{".", "*."} {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		fixture.Write(t, late, withSOA("a.test CNAME "+action+"\n"))
		s.expect("a.test.", map[string]string{".": "NXDOMAIN", "*.": "NOERROR"}[action]+soa1)
		if err := os.RemoveAll(path + ".d"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * unseen)
	}
}

// TestALinkIsFollowedWhereverItPoints has links on the path to a list, changes the target
// of one, and replaces the list in another directory.
func TestALinkIsFollowedWhereverItPoints(t *testing.T) {
	corefile, path := oneFile(t, "")
	dir := t.TempDir()
	for _, v := range []string{"v1", "v2"} {
		if err := os.Mkdir(filepath.Join(dir, v), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	link := func(to, name string) {
		if err := errors.Join(os.Symlink(to, name+".new"), os.Rename(name+".new", name)); err != nil {
			t.Fatal(err)
		}
	}
	fixture.Write(t, filepath.Join(dir, "v1/list"), withSOA("a.test CNAME .\n"))
	fixture.Write(t, filepath.Join(dir, "v2/list"), withSOA("a.test CNAME *.\n"))
	link("v1", filepath.Join(dir, "current"))
	link(filepath.Join(dir, "current/list"), path)
	s := serve(t, corefile)
	s.expect("a.test.", "NXDOMAIN"+soa1)
	link("v2", filepath.Join(dir, "current"))
	s.expect("a.test.", "NOERROR"+soa1)
	fixture.Write(t, filepath.Join(dir, "v2/list"), withSOA("a.test CNAME .\n"))
	s.expect("a.test.", "NXDOMAIN"+soa1)
}

// TestTheCopyOfAnyZoneHasAValidFileName has the longest names, with every octet escaped,
// and two with the same first part.
func TestTheCopyOfAnyZoneHasAValidFileName(t *testing.T) {
	long := strings.Repeat(strings.Repeat("l", 49)+".", 4)
	seen := map[string]bool{}
	for _, zone := range []string{"rpz1.", long, long + "a.", long + "b.", strings.Repeat(`\255`, 60) + "."} {
		for _, o := range []origin{{zone: zone, file: "/f"}, {zone: zone, primaries: "192.0.2.1:53"}, {zone: zone, remote: remote{url: "https://a/b"}}} {
			o.state = t.TempDir()
			path := o.copy()
			if err := os.WriteFile(path+".damaged", nil, 0o600); err != nil || seen[filepath.Base(path)] {
				t.Errorf("%s: %v", path, err)
			}
			seen[filepath.Base(path)] = true
		}
	}
}

package manifest

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/federation/build"
	"github.com/nearcast/nearcast/internal/federation/staging"
	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// tree creates files, and links if the text begins with "-> ".
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	base := t.TempDir()
	for path, text := range files {
		path = filepath.Join(base, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if target, link := strings.CutPrefix(text, "-> "); link {
			relink(t, strings.ReplaceAll(target, "$BASE", base), path)
		} else {
			fixture.Write(t, path, text)
		}
	}
	return base
}

// relink replaces a link atomically, as kubelet and git-sync do.
func relink(t *testing.T, target, link string) {
	t.Helper()
	if err := os.Symlink(target, link+".new"); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(link+".new", link); err != nil {
		t.Fatal(err)
	}
}

func serviceOf(name string) string {
	return fixture.Documents(fixture.Function{Name: name})
}

func TestEveryFileIsReadOnceHoweverManyLinksLeadToIt(t *testing.T) {
	for what, c := range map[string]struct {
		files        map[string]string
		names, fault string
	}{
		"a projected volume": {map[string]string{
			"m/..data": "-> ..2026_1", "m/..2026_1/c.yaml": serviceOf("c"), "m/..2026_1/sub/x.yaml": serviceOf("x"), "m/..2026_1/sub/deep/y.yaml": serviceOf("y"),
			"m/c.yaml": "-> ..data/c.yaml", "m/sub": "-> ..data/sub",
		}, "c y x", ""},
		"git-sync's": {map[string]string{
			"git/.worktrees/1/fed/a.yaml": serviceOf("a"), "git/current": "-> .worktrees/1", "m/fed": "-> ../git/current/fed", "m/b.yaml": serviceOf("b"),
		}, "b a", ""},
		"absolute links": {map[string]string{
			"x/a.yaml": serviceOf("a"), "m/x": "-> $BASE/x", "m/y": "-> $BASE/m/x", "m/sub/z": "-> $BASE/x",
		}, "a", ""},
		"a link to a directory above": {map[string]string{
			"m/a.yaml": serviceOf("a"), "m/sub/up": "-> ..", "m/sub/here": "-> .", "m/sub/b.yaml": serviceOf("b"),
		}, "a b", ""},
		"a link to the parent directory": {map[string]string{
			"m/a.yaml": serviceOf("a"), "beside/b.yaml": serviceOf("b"), "m/up": "-> ..",
		}, "a", "m/up: is a symbolic link to $BASE, which contains the directory of manifests itself: it is not followed"},
		"a link to the whole file system": {map[string]string{
			"m/a.yaml": serviceOf("a"), "m/sub/all": "-> /",
		}, "a", "m/sub/all: is a symbolic link to /, which contains the directory of manifests itself: it is not followed"},
		"a link that is not read":            {map[string]string{"m/a.yaml": serviceOf("a"), "m/README.md": "-> nowhere"}, "a", ""},
		"two links to one file":              {map[string]string{"m/a.yaml": serviceOf("a"), "m/b.yaml": "-> a.yaml", "m/c.yaml": "-> $BASE/m/a.yaml"}, "a", ""},
		"a link to a file beside it":         {map[string]string{"x/data": serviceOf("a"), "m/a.yaml": "-> ../x/data"}, "a", ""},
		"a link to itself":                   {map[string]string{"m/a.yaml": serviceOf("a"), "m/loop": "-> loop"}, "a", "m/loop: cannot be read: too many levels of symbolic links"},
		"links that lead to each other":      {map[string]string{"m/a.yaml": serviceOf("a"), "m/x.yaml": "-> y", "m/y": "-> x.yaml"}, "a", "m/x.yaml: cannot be read: too many levels of symbolic links"},
		"a dangling link":                    {map[string]string{"m/a.yaml": serviceOf("a"), "m/sub": "-> ..data/sub"}, "a", "m/sub: is a symbolic link to ..data/sub, which does not exist"},
		"a dangling link with a file's name": {map[string]string{"m/a.yaml": serviceOf("a"), "m/b.yaml": "-> ..data/b.yaml"}, "a", "m/b.yaml: is a symbolic link to ..data/b.yaml, which does not exist"},
	} {
		base := tree(t, c.files)
		t.Chdir(base) // to cover relative names, too
		for _, root := range []string{"m", filepath.Join(base, "m")} {
			listing, err := New(root).Load()
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, o := range listing.Objects() {
				if _, function := o.(*federation.Template); function {
					names = append(names, federation.MetaOf(o).Name)
				}
			}
			if got := strings.Join(names, " "); got != c.names {
				t.Errorf("%s at %s: read %q, want %q", what, root, got, c.names)
			}
			all := listing.All()
			if c.fault == "" && len(all) > 0 || c.fault != "" && !slices.ContainsFunc(all, func(f federation.Fault) bool {
				return strings.Contains(strings.ReplaceAll(f.Error(), base+"/", ""), strings.ReplaceAll(c.fault, "$BASE", base))
			}) {
				t.Errorf("%s at %s: reported %v, want %q", what, root, all, c.fault)
			}
		}
	}
}

// TestARedirectedLinkIsSeenAtOnce replaces links in the directory, above it, and in
// places that only other links lead to: the next complete reading comes later than this
// test waits.
func TestARedirectedLinkIsSeenAtOnce(t *testing.T) {
	for what, c := range map[string]struct {
		files                 map[string]string
		root, link, to, wrote string
	}{
		"a link of a projected volume": {map[string]string{
			"m/..data": "-> ..1", "m/..1/sub/f.yaml": serviceOf("old"), "m/..2/sub/f.yaml": serviceOf("new"), "m/sub": "-> ..data/sub",
		}, "m", "m/..data", "..2", "m/..2/sub/f.yaml"},
		"a link above the directory": {map[string]string{
			"git/current": "-> r1", "git/r1/fed/f.yaml": serviceOf("old"), "git/r2/fed/f.yaml": serviceOf("new"),
		}, "git/current/fed", "git/current", "r2", "git/r2/fed/f.yaml"},
		"a link that another link passes through": {map[string]string{
			"git/current": "-> r1", "git/r1/fed/f.yaml": serviceOf("old"), "git/r2/fed/f.yaml": serviceOf("new"), "m/fed": "-> ../git/current/fed",
		}, "m", "git/current", "r2", "git/r2/fed/f.yaml"},
		"a link that a file's link passes through": {map[string]string{
			"git/current": "-> $BASE/git/r1", "git/r1/f.yaml": serviceOf("old"), "git/r2/f.yaml": serviceOf("new"), "m/sub/f.yaml": "-> $BASE/git/current/f.yaml",
		}, "m", "git/current", "r2", "git/r2/f.yaml"},
		"a link to a single file": {map[string]string{
			"m/f": "-> ../x/1", "x/1": serviceOf("old"), "x/2": serviceOf("new"),
		}, "m/f", "m/f", "../x/2", "x/2"},
	} {
		t.Run(what, func(t *testing.T) {
			base := tree(t, c.files)
			store := staging.NewStore()
			done := make(chan error)
			go func() {
				done <- New(filepath.Join(base, c.root)).Run(t.Context(), store, func(err error) { t.Log(err) })
			}()
			t.Cleanup(func() {
				if err := <-done; err != nil {
					t.Error(err)
				}
			})
			served(t, store, "old", 10*time.Second)
			relink(t, c.to, filepath.Join(base, c.link))
			served(t, store, "new", 10*time.Second)
			fixture.Write(t, filepath.Join(base, c.wrote), serviceOf("newer"))
			served(t, store, "newer", 10*time.Second)
		})
	}
}

func served(t *testing.T, store *staging.Store, name string, within time.Duration) {
	t.Helper()
	want := name + ".demo.fn.example.org."
	var got string
	for deadline := time.Now().Add(within); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if got = hostnames(new(build.Builder).Build(store, opts)); got == want {
			return
		}
	}
	t.Fatalf("served %q, want %q", got, want)
}

// TestTheContentOfADirectoryStaysWhileItCannotBeRead has a dangling link of kubelet's,
// one to another place, and an unreadable directory.
func TestTheContentOfADirectoryStaysWhileItCannotBeRead(t *testing.T) {
	for what, c := range map[string]struct {
		files map[string]string
		lose  string
		fault string
	}{
		"a link of a projected volume": {map[string]string{
			"m/..data": "-> ..1", "m/..1/sub/deep/x.yaml": serviceOf("x"), "m/sub": "-> ..data/sub",
		}, "m/..data", "m/sub: is a symbolic link to ..data/sub, which does not exist"},
		"a link to another place": {map[string]string{
			"git/v1.2/x.yaml": serviceOf("x"), "m/v1.2": "-> ../git/v1.2",
		}, "git", "m/v1.2: is a symbolic link to ../git/v1.2, which does not exist"},
		"a folder": {map[string]string{"m/sub/deep/x.yaml": serviceOf("x")}, "", "m/sub: cannot be read: permission denied"},
	} {
		base := tree(t, c.files)
		store := staging.NewStore()
		d := New(filepath.Join(base, "m"))
		const x = "x.demo.fn.example.org."
		if got := hostnames(built(t, d, store)); got != x {
			t.Fatalf("%s: read %q", what, got)
		}
		if c.lose != "" {
			err := os.Rename(filepath.Join(base, c.lose), filepath.Join(base, "lost"))
			if err != nil {
				t.Fatal(err)
			}
		} else if !lock(t, filepath.Join(base, "m/sub")) {
			continue
		}
		for range 2 { // it is kept for longer than one reading
			s := built(t, d, store)
			if got := hostnames(s); got != x || d.Files() != 1 {
				t.Errorf("%s: %q of %d files remains, want %q of one", what, got, d.Files(), x)
			}
			if all := s.Faults; len(all) != 1 || strings.ReplaceAll(all[0].Error(), base+"/", "") != c.fault {
				t.Errorf("%s: reported %v, want %q", what, all, c.fault)
			}
		}
		fixture.Write(t, filepath.Join(base, "m", "other.yaml"), serviceOf("x"))
		if s := built(t, d, store); hostnames(s) != x || len(s.Faults) != 1 {
			t.Errorf("%s: after the move %q with %v", what, hostnames(s), s.Faults)
		}
	}
}

// lock makes a directory unreadable. It reports false for root, who can read everything.
func lock(t *testing.T, folder string) bool {
	t.Helper()
	if err := os.Chmod(folder, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(folder, 0o755) })
	_, err := os.ReadDir(folder)
	return err != nil
}

func TestAnUnreadableDirectoryIsNamedAndTheRestFollowed(t *testing.T) {
	base := tree(t, map[string]string{"m/a.yaml": serviceOf("a"), "m/sub/b.yaml": serviceOf("b")})
	sub := filepath.Join(base, "m", "sub")
	if !lock(t, sub) {
		t.Skip("root can read everything")
	}
	d := New(filepath.Join(base, "m"))
	listing, err := d.Load()
	if all := listing.All(); err != nil || len(all) != 1 || all[0].Error() != sub+": cannot be read: permission denied" {
		t.Error(err, all)
	}
	if watched, err := d.watched(); err != nil || len(watched) != 1 {
		t.Error(err, watched)
	}
}

func TestALinkIntoAnUnlistableDirectoryIsReadAndNamed(t *testing.T) {
	base := tree(t, map[string]string{"m/a.yaml": "-> ../x/a.yaml", "x/a.yaml": serviceOf("a")})
	if err := os.Chmod(filepath.Join(base, "x"), 0o311); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(filepath.Join(base, "x"), 0o755) })
	d := New(filepath.Join(base, "m"))
	said := make(chan error, 10)
	store := staging.NewStore()
	done := make(chan error)
	go func() { done <- d.Run(t.Context(), store, func(err error) { said <- err }) }()
	t.Cleanup(func() {
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	served(t, store, "a", 10*time.Second)
	if _, err := os.ReadDir(filepath.Join(base, "x")); err == nil {
		t.Skip("root can watch everything")
	}
	if err := <-said; !strings.Contains(err.Error(), "cannot watch "+filepath.Join(base, "m", "a.yaml")) {
		t.Error(err)
	}
	if all := d.Unwatched(); len(all) != 1 || !strings.Contains(all[0].Error(), filepath.Join("m", "a.yaml")+": cannot be watched") {
		t.Error(all)
	}
}

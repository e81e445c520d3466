package manifest

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/federation/build"
	"github.com/nearcast/nearcast/internal/federation/staging"
	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// shuffled is a directory that is changed at random.
type shuffled struct {
	t    *testing.T
	rand *rand.Rand
	dir  string
}

func (r *shuffled) text() string {
	function := func() string {
		f := fixture.Function{Name: fmt.Sprint("f", r.rand.IntN(6)), Clusters: fixture.ThreeNames, Annotations: fixture.Unprobed("nearcast.dev/ttl", fmt.Sprint(1+r.rand.IntN(9)))}
		return fixture.Documents(f)
	}
	switch r.rand.IntN(8) {
	case 0:
		return "x: [\n" // not YAML
	case 1:
		return function() + "---\nno: object\n"
	case 2:
		return ""
	case 3:
		return function() + "---\n" + function()
	case 4:
		return strings.ReplaceAll(function(), "nearcast.dev/ttl: ", "nearcast.dev/ttl: x")
	case 5:
		return "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, namespace: y, labels: {nearcast.dev/function: \"true\"}}\n"
	}
	return function()
}

// step makes one change, and returns the paths that the kernel would report.
func (r *shuffled) step() []string {
	names := []string{"a.yaml", "b.yaml", "c.yml", ".hidden.yaml", "notes.txt", "d.yaml.gz", "kustomization.yaml", "sub/a.yaml", "sub/e.yaml"}
	path := filepath.Join(r.dir, names[r.rand.IntN(len(names))])
	another := filepath.Join(r.dir, names[r.rand.IntN(len(names))])
	check := func(err error) {
		if err != nil && !os.IsNotExist(err) && !errors.Is(err, syscall.ELOOP) {
			r.t.Fatal(err)
		}
	}
	switch op := r.rand.IntN(20); {
	case op < 9:
		check(os.WriteFile(path, []byte(r.text()), 0o600))
	case op < 12:
		check(os.Remove(path))
	case op < 14:
		check(os.WriteFile(another, []byte(r.text()), 0o600))
		check(os.Rename(another, path))
		return append(written(another), written(path)...)
	case op == 14:
		check(os.Remove(path))
		_ = os.Symlink(another, path) // it may exist, or loop
	case op == 15:
		check(os.RemoveAll(filepath.Join(r.dir, "sub")))
		return []string{filepath.Join(r.dir, "sub")}
	default:
		check(os.MkdirAll(filepath.Join(r.dir, "sub"), 0o755))
		return []string{filepath.Join(r.dir, "sub")}
	}
	return written(path)
}

// written returns the path, and the paths that links lead to from there.
func written(path string) (all []string) {
	for len(all) < 10 {
		all = append(all, path)
		target, err := os.Readlink(path)
		if err != nil {
			break
		}
		path = target
	}
	return all
}

// TestReadingOnlyChangesEqualsReadingEverything makes thousands of changes to a
// directory, and compares a reader of only the changes with one that reads everything
// each time.
func TestReadingOnlyChangesEqualsReadingEverything(t *testing.T) {
	alone := 0
	for seed := range uint64(8) {
		dir, err := filepath.EvalSymlinks(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		r := &shuffled{t: t, rand: rand.New(rand.NewPCG(seed, 7)), dir: dir}
		some, all := New(r.dir), New(r.dir)
		one, other := staging.NewStore(), staging.NewStore()
		first, err := some.Load()
		if err != nil {
			t.Fatal(err)
		}
		one.Replace(first)
		for i := range 150 {
			changed := r.step()
			c, whole := some.lookAt(changed)
			if whole {
				alone++
			} else if c, err = some.lookAll(); err != nil {
				t.Fatal(err)
			}
			one.Amend(c)
			a, b := built(t, all, other), new(build.Builder).Build(one, opts)
			if !reflect.DeepEqual(sorted(a), sorted(b)) {
				t.Fatalf("seed %d, step %d, %v, only changes read: %v:\n%v\nwith everything read\n%v", seed, i, changed, whole, sorted(b), sorted(a))
			}
		}
	}
	if alone < 200 {
		t.Errorf("only changes were read just %d times: the test shows little", alone)
	}
}

func sorted(s *federation.State) (all []string) {
	for _, f := range s.All() {
		all = append(all, fmt.Sprint(f.Namespace, f.Name, f.Hostnames, f.TTL, f.Origin()))
	}
	for _, f := range s.Faults {
		all = append(all, f.Error())
	}
	slices.Sort(all)
	return all
}

// TestOneChangeReadsOnlyItsFile: neither the other files nor their objects are read.
func TestOneChangeReadsOnlyItsFile(t *testing.T) {
	files := map[string]string{}
	for i := range 50 {
		files[fmt.Sprintf("%02d.yaml", i)] = fixture.Documents(fixture.Function{Name: fmt.Sprint("f", i), Clusters: fixture.ThreeNames})
	}
	dir := fixture.Dir(t, files)
	d := New(dir)
	if _, err := d.Load(); err != nil {
		t.Fatal(err)
	}
	before := maps.Clone(d.files)
	path := filepath.Join(dir, "07.yaml")
	fixture.Write(t, path, files["07.yaml"]+"---\n"+fixture.Documents(fixture.Function{Name: "another", Clusters: fixture.ThreeNames}))
	actual, err := filepath.EvalSymlinks(path)
	if err != nil {
		t.Fatal(err)
	}
	c, whole := d.lookAt([]string{actual})
	if !whole || len(c.Objects()) != 4 {
		t.Errorf("whole %v, %d objects differ; want the two of each function of one file", whole, len(c.Objects()))
	}
	for path, was := range before {
		if is := d.files[path]; filepath.Base(path) != "07.yaml" && is != was {
			t.Errorf("%s was read", path)
		}
	}
}

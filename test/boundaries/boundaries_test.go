// Package boundaries holds the plan of the house: dependencies point one way, and each
// library that is heavy or dangerous has one door.
package boundaries

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// pkg is what `go list` says of a package.
type pkg struct {
	ImportPath, Dir  string
	GoFiles, Imports []string
}

// packages returns those of this module.
func packages(t *testing.T) (all []pkg) {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Dir,GoFiles,Imports", module+"...").Output()
	if err != nil {
		t.Fatal(err)
	}
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if len(all) < 50 {
		t.Fatalf("only %d packages were found", len(all))
	}
	return all
}

func TestImportsPointOneWay(t *testing.T) {
	for _, p := range packages(t) {
		from := strings.TrimPrefix(p.ImportPath, module)
		for _, imported := range p.Imports {
			for _, r := range rules {
				if under(from, r.from) && under(imported, r.to) && !r.permits(from, imported) {
					t.Errorf("%s imports %s: %s", from, imported, r.why)
				}
			}
		}
	}
}

// TestRoomsImportLowerStoreysAlone holds the plan. With -v it prints what is in each room.
func TestRoomsImportLowerStoreysAlone(t *testing.T) {
	sizes := map[*room]*size{}
	for _, p := range packages(t) {
		from := strings.TrimPrefix(p.ImportPath, module)
		here := placeOf(from)
		if here.room == nil {
			t.Errorf("%s is in no room of the plan", from)
			continue
		}
		if sizes[here.room] == nil {
			sizes[here.room] = &size{}
		}
		s := sizes[here.room]
		s.packages, s.lines = s.packages+1, s.lines+lines(t, p)
		for _, imported := range p.Imports {
			to, ours := strings.CutPrefix(imported, module)
			there := placeOf(to)
			switch {
			case !ours || there.room == here.room:
			case here.mayImport(there):
				s.down++
			default:
				s.up++
				t.Errorf("%s imports %s: the room of %s is not below that of %s", from, to, there.room.name(), here.room.name())
			}
		}
	}
	t.Logf("the plan:\n%s", survey(sizes))
}

// lines counts those of the package without its tests.
func lines(t *testing.T, p pkg) (n int) {
	t.Helper()
	for _, file := range p.GoFiles {
		text, err := os.ReadFile(filepath.Join(p.Dir, file))
		if err != nil {
			t.Fatal(err)
		}
		n += bytes.Count(text, []byte("\n"))
	}
	return n
}

func TestTheMapIsThePlan(t *testing.T) {
	text, err := os.ReadFile("../../CONTRIBUTING.md")
	if err != nil {
		t.Fatal(err)
	}
	if want := "```\n" + picture() + "```\n"; !strings.Contains(string(text), want) {
		t.Errorf("CONTRIBUTING.md does not have the plan, and it alone between its fences; files belong into docs/map.md:\n%s", want)
	}
}

// TestTheListOfFilesHasEveryPackage holds docs/map.md, which has suites by their names and
// functions in one line.
func TestTheListOfFilesHasEveryPackage(t *testing.T) {
	text, err := os.ReadFile("../../docs/map.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range packages(t) {
		path := strings.TrimPrefix(p.ImportPath, module)
		if suite, ok := strings.CutPrefix(path, "test/"); ok {
			path, _, _ = strings.Cut(suite, "/")
		}
		if !under(path, "lab/functions") && !strings.Contains(string(text), "- `"+path+"`: ") {
			t.Errorf("docs/map.md has no line that begins with - `%s`: ", path)
		}
	}
}

// under reports whether the path is the folder or below it.
func under(path, folder string) bool {
	folder = strings.TrimSuffix(folder, "/")
	return folder == "" || path == folder || strings.HasPrefix(path, folder+"/")
}

package docs

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/net/html/atom"
)

var (
	// inTree is a path of the repository.
	inTree = regexp.MustCompile(`^(bgp|cmd|corefile|docs|image|internal|lab|manifests|plugin|test)/[\w./-]*\w$`)
	// aTest is the name of a test, or a prefix of one.
	aTest = regexp.MustCompile(`^Test[A-Z]\w+$`)
)

// tests is the concatenated text of all tests.
func tests(t *testing.T) []byte {
	t.Helper()
	var all bytes.Buffer
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		all.Write(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.Bytes()
}

// TestFilesThatPagesNameExist: directories, files and tests of the repository, which may move. What a
// make target writes need not exist.
func TestFilesThatPagesNameExist(t *testing.T) {
	_, all := pages(t)
	known, named := tests(t), 0
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		for n := range p.tree.Descendants() {
			if n.DataAtom != atom.Code || n.FirstChild == nil {
				continue
			}
			switch name := n.FirstChild.Data; {
			case inTree.MatchString(name):
				named++
				if _, err := os.Stat(filepath.Join(root, name)); err != nil && !bytes.Contains(makefile, []byte("writes "+name)) {
					t.Errorf("%s names %s, which does not exist", p.path, name)
				}
			case aTest.MatchString(name):
				named++
				if !bytes.Contains(known, []byte("func "+name)) {
					t.Errorf("%s names %s, but no test has this prefix", p.path, name)
				}
			}
		}
	}
	if named < 50 {
		t.Errorf("found only %d names", named)
	}
}

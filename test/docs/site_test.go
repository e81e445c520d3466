// Package docs tests that the site of docs/ is complete and readable, also on a phone.
package docs

import (
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

const (
	root       = "../.."
	repository = "https://github.com/nearcast/nearcast/"
)

// page is one page of the site.
type page struct {
	// path is the path of its URL, such as "/operations/drain/".
	path string
	tree *html.Node
}

// made is the site, built once for all tests.
var made = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "nearcast-docs")
	if err != nil {
		return "", err
	}
	out, err := exec.Command("go", "-C", filepath.Join(root, "docs/site"), "tool", "hugo", "--quiet", "--destination", dir).CombinedOutput()
	if err != nil {
		return "", &exec.Error{Name: string(out), Err: err}
	}
	return dir, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, err := made(); err == nil {
		_ = os.RemoveAll(dir) // a temporary directory
	}
	os.Exit(code)
}

// pages returns the directory of the site, and its pages by path.
func pages(t *testing.T) (dir string, all []page) {
	t.Helper()
	dir, err := made()
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(file) != ".html" {
			return err
		}
		text, err := os.Open(file)
		if err != nil {
			return err
		}
		defer text.Close()
		tree, err := html.Parse(text)
		rel, _ := filepath.Rel(dir, file) // it is below dir
		all = append(all, page{strings.TrimSuffix("/"+filepath.ToSlash(rel), "index.html"), tree})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 20 {
		t.Fatalf("found only %d pages", len(all))
	}
	return dir, all
}

func attribute(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

// anchors returns the ids of a page.
func (p page) anchors() map[string]bool {
	ids := map[string]bool{}
	for n := range p.tree.Descendants() {
		if id := attribute(n, "id"); id != "" {
			ids[id] = true
		}
	}
	return ids
}

// links returns the targets of a page's links and its pictures.
func (p page) links() (all []string) {
	for n := range p.tree.Descendants() {
		for _, key := range []string{"href", "src"} {
			if at := attribute(n, key); at != "" && !strings.HasPrefix(at, "data:") {
				all = append(all, at)
			}
		}
	}
	return all
}

// fault returns why a link from a page cannot be followed; "" if it can. For links to other sites
// it only checks the form: the test needs no network.
func fault(link string, from page, dir string, anchors map[string]map[string]bool) string {
	if file, ours := strings.CutPrefix(link, repository); ours {
		_, file, inTree := strings.Cut(file, "/main/")
		file, _, _ = strings.Cut(file, "#")
		if _, err := os.Stat(filepath.Join(root, file)); inTree && err != nil {
			return "the repository has no such file"
		}
		return ""
	}
	u, err := url.Parse(link)
	if err != nil || u.Scheme != "" && u.Scheme != "https" {
		return "not an https address"
	}
	if u.Scheme != "" {
		return ""
	}
	to := from.path
	if u.Path != "" {
		to = path.Join(from.path, u.Path)
		if path.IsAbs(u.Path) {
			to = u.Path
		}
		if path.Ext(to) == "" && !strings.HasSuffix(to, "/") {
			to += "/"
		}
	}
	if ids, ok := anchors[to]; ok {
		if u.Fragment != "" && !ids[u.Fragment] {
			return "the page has no such heading"
		}
		return ""
	}
	if info, err := os.Stat(filepath.Join(dir, to)); err != nil || info.IsDir() {
		return "the site has no such page"
	}
	return ""
}

func TestNoLinkIsBroken(t *testing.T) {
	dir, all := pages(t)
	anchors := map[string]map[string]bool{}
	for _, p := range all {
		anchors[p.path] = p.anchors()
	}
	followed := 0
	for _, p := range all {
		for _, link := range p.links() {
			followed++
			if why := fault(link, p, dir, anchors); why != "" {
				t.Errorf("%s: %s: %s", p.path, link, why)
			}
		}
	}
	if followed < 500 {
		t.Errorf("found only %d links", followed)
	}
}

// TestEveryPageIsLinked: every page is reachable from the start page.
func TestEveryPageIsLinked(t *testing.T) {
	_, all := pages(t)
	reached := map[string]bool{}
	for todo := []string{"/"}; len(todo) > 0; todo = todo[1:] {
		i := slices.IndexFunc(all, func(p page) bool { return p.path == todo[0] })
		if i < 0 || reached[todo[0]] {
			continue
		}
		reached[todo[0]] = true
		for _, link := range all[i].links() {
			if u, err := url.Parse(link); err == nil && u.Scheme == "" && u.Path != "" {
				todo = append(todo, strings.TrimSuffix(path.Join(todo[0], u.Path), "/")+"/")
			}
		}
	}
	for _, p := range all {
		if !reached[p.path] {
			t.Errorf("no link leads to %s", p.path)
		}
	}
}

// TestEveryPageHasAnOutline: one heading of level 1, the page's title, and no skipped level.
func TestEveryPageHasAnOutline(t *testing.T) {
	levels := map[atom.Atom]int{atom.H1: 1, atom.H2: 2, atom.H3: 3, atom.H4: 4, atom.H5: 5, atom.H6: 6}
	_, all := pages(t)
	for _, p := range all {
		level, firsts := 0, 0
		for n := range p.tree.Descendants() {
			next := levels[n.DataAtom]
			if next == 0 {
				continue
			}
			if next == 1 {
				firsts++
			}
			if next > level+1 {
				t.Errorf("%s: a heading of level %d follows a heading of level %d: %s", p.path, next, level, attribute(n, "id"))
			}
			level = next
		}
		if firsts != 1 {
			t.Errorf("%s: got %d headings of level 1, want 1", p.path, firsts)
		}
	}
}

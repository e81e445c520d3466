package corefile

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// shown is a Corefile in a page, or the README's.
var shown = regexp.MustCompile("(?s)\n(?:~~~ corefile|```)\n([a-z.0-9:]+ \\{\n.*?)\n(?:~~~|```)")

// here turns what a page has in its own folder, ports and sockets into the test's.
func here(text, dir string) string {
	text = regexp.MustCompile(`(?m)^(\S+):53\d\d \{$`).ReplaceAllString(text, "$1 {")
	text = regexp.MustCompile(`(?m)^    bind .*\n`).ReplaceAllString(text, "")
	text = regexp.MustCompile(`\b(manifests|locations|file|admin) ([a-z])`).ReplaceAllString(text, "$1 "+dir+"/$2")
	return strings.NewReplacer("/var/lib/nearcast", filepath.Join(dir, "state"), "/etc/resolv.conf", "127.0.0.1:1").Replace(text)
}

// TestEveryCorefileOfTheDocumentationStarts reads those of the README and of docs/.
func TestEveryCorefileOfTheDocumentationStarts(t *testing.T) {
	pages, err := filepath.Glob("../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	more, err := filepath.Glob("../docs/*/*.md")
	if err != nil {
		t.Fatal(err)
	}
	dir := inputs(t)
	found := 0
	for _, page := range slices.Concat(pages, more, []string{"../README.md"}) {
		data, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for i, match := range shown.FindAllSubmatch(data, -1) {
			found++
			start(t, fmt.Sprintf("%s, Corefile %d", page, i+1), here(string(match[1]), dir), dir)
		}
	}
	if found < 6 {
		t.Errorf("%d Corefiles; there are more", found)
	}
}

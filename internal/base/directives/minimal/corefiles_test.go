package minimal

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/coredns/caddy/caddyfile"

	"github.com/nearcast/nearcast/internal/base/directives"
)

// A Corefile of the documentation is a fenced block: marked as one in the plugins' man
// pages; in the README, one that begins with a server block.
var (
	marked = regexp.MustCompile(`(?s)\n~~~ corefile\n(.*?)\n~~~`)
	plain  = regexp.MustCompile("(?s)\n```\n([a-z.]+ \\{\n.*?)\n```")
)

// corefiles returns every Corefile that the project shows or deploys, by location.
func corefiles(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir("../../../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && slices.Contains([]string{".git", ".cache", "bin", "dist", "test"}, d.Name()) {
			return fs.SkipDir
		}
		whole := filepath.Ext(path) == ".Corefile" || d.Name() == "Corefile" || d.Name() == "nearcast.server"
		if d.IsDir() || !whole && filepath.Ext(path) != ".md" {
			return nil
		}
		data, err := os.ReadFile(path)
		if whole {
			all[path] = string(data)
			return err
		}
		for _, fence := range []*regexp.Regexp{marked, plain} {
			for _, block := range fence.FindAllSubmatch(data, -1) {
				all[path+": "+strings.SplitN(string(block[1]), "\n", 3)[1]] = strings.ReplaceAll(string(block[1]), "\n    ...\n", "\n")
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestTheMinimalImageKnowsEveryDirectiveThatIsShownOrDeployed reads all Corefiles; `go
// test -tags minimal ./corefile` checks that those of corefile/ start with only these
// plugins.
func TestTheMinimalImageKnowsEveryDirectiveThatIsShownOrDeployed(t *testing.T) {
	all := corefiles(t)
	if len(all) < 20 {
		t.Errorf("found only %d Corefiles", len(all))
	}
	for at, text := range all {
		blocks, err := caddyfile.Parse(at, strings.NewReader(text), nil)
		if err != nil {
			t.Errorf("%s: %v", at, err)
		}
		for _, block := range blocks {
			for directive := range block.Tokens {
				if !slices.Contains(directives.Minimal, directive) {
					t.Errorf("%s: the minimal image lacks %s", at, directive)
				}
			}
		}
	}
}

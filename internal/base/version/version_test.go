package version

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestEveryImageAndChartHasTheVersion reads the places that cannot take the version from
// here: manifests, the chart's values and the documentation. It tells whoever raises the
// version what else has it. It is never latest: a kubelet always pulls that, and ignores
// the image on its node.
func TestEveryImageAndChartHasTheVersion(t *testing.T) {
	image := regexp.MustCompile(`(?m)\bnearcast/[a-z-]+:([^\s"@` + "`" + `]+)|\bnearcast-([0-9]\S*)\.tgz`)
	found := 0
	err := filepath.WalkDir("../../..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == ".git" || d.Name() == ".cache" || d.Name() == "bin" || d.Name() == "dist"):
			return fs.SkipDir
		case !slices.Contains([]string{".yaml", ".md", ".json"}, filepath.Ext(path)):
			return nil
		}
		text, err := os.ReadFile(path)
		for _, match := range image.FindAllSubmatch(text, -1) {
			found++
			if has := strings.TrimSuffix(string(match[1]), "-full") + string(match[2]); has != Nearcast {
				t.Errorf("%s: %q, and the version is %s", path, match[0], Nearcast)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if found < 9 {
		t.Errorf("found only %d images", found)
	}
}

func TestTheVersionIsSemantic(t *testing.T) {
	if !regexp.MustCompile(`^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$`).MatchString(Nearcast) {
		t.Errorf("%q: Helm accepts no other form", Nearcast)
	}
}

package manifests

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// Whoever raises the version finds here what else has it.
func TestEveryImageHasTheVersion(t *testing.T) {
	version := regexp.MustCompile(`(?m)^\s*(?:image: nearcast/[a-z-]+:|appVersion: )(\S+)$`)
	found := 0
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".yaml" {
			return err
		}
		text, err := os.ReadFile(path)
		for _, match := range version.FindAllSubmatch(text, -1) {
			found++
			if string(match[1]) != Version {
				t.Errorf("%s: %q, and the version is %s", path, match[0], Version)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if found < 10 {
		t.Errorf("%d images; there are more", found)
	}
}

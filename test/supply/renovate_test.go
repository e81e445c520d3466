// Package supply tests that the bot keeps every pinned version current.
// keeps current.
package supply

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const root = "../.."

// manager is a custom manager of Renovate.
type manager struct {
	Description         string
	ManagerFilePatterns []string
	MatchStrings        []string
	DepNameTemplate     string
	DatasourceTemplate  string
	files, versions     []*regexp.Regexp
}

func configured(t *testing.T) (ignored []string, managers []manager) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "renovate.json"))
	if err != nil {
		t.Fatal(err)
	}
	var config struct {
		IgnorePaths    []string
		CustomManagers []manager
	}
	if err := json.Unmarshal(text, &config); err != nil {
		t.Fatal(err)
	}
	for i := range config.CustomManagers {
		m := &config.CustomManagers[i]
		for _, pattern := range m.ManagerFilePatterns {
			m.files = append(m.files, regexp.MustCompile(strings.Trim(pattern, "/")))
		}
		for _, pattern := range m.MatchStrings {
			m.versions = append(m.versions, regexp.MustCompile(pattern))
		}
	}
	return config.IgnorePaths, config.CustomManagers
}

// follows returns the versions of a file that the manager keeps current.
func (m manager) follows(path string, text []byte) (versions []string) {
	if !slices.ContainsFunc(m.files, func(f *regexp.Regexp) bool { return f.MatchString(path) }) {
		return nil
	}
	for _, version := range m.versions {
		for _, match := range version.FindAllSubmatch(text, -1) {
			versions = append(versions, string(match[version.SubexpIndex("currentValue")]))
		}
	}
	return versions
}

// pinned matches a version where something is fetched: it has three numbers,
// unlike an address.
var pinned = regexp.MustCompile(`(?:^|[\s=/])(v?[0-9]+\.[0-9]+\.[0-9]+(?:\+k3s[0-9]+)?)(?:$|[\s/,])`)

func TestTheBotUpdatesEveryPinnedVersion(t *testing.T) {
	ignored, managers := configured(t)
	// config:recommended ignores test/, which has most of our modules.
	if !slices.Equal(ignored, []string{"**/node_modules/**"}) {
		t.Errorf("got ignorePaths %v", ignored)
	}
	found, used := 0, map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		path, err = filepath.Rel(root, path)
		if d.IsDir() || path != "Makefile" && (!strings.HasPrefix(path, "manifests/") || !slices.Contains([]string{".md", ".yaml"}, filepath.Ext(path))) {
			return err
		}
		text, err := os.ReadFile(filepath.Join(root, path))
		var followed []string
		for _, m := range managers {
			if versions := m.follows(path, text); len(versions) > 0 {
				used[m.Description] = true
				followed = append(followed, versions...)
			}
		}
		for _, match := range pinned.FindAllSubmatch(text, -1) {
			found++
			if !slices.Contains(followed, string(match[1])) {
				t.Errorf("%s: %s: no manager in renovate.json matches it", path, match[1])
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if found < 15 {
		t.Errorf("found only %d versions", found)
	}
	for _, m := range managers {
		if !used[m.Description] {
			t.Errorf("renovate.json: the manager for %s matches nothing", m.Description)
		}
	}
}

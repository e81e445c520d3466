package supply

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
)

// workflows returns the workflows of the code host, by path.
func workflows(t *testing.T) map[string][]byte {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(root, ".github/workflows/*.yml"))
	if err != nil || len(paths) < 3 {
		t.Fatalf("found only %d workflows (%v)", len(paths), err)
	}
	all := map[string][]byte{}
	for _, path := range paths {
		if all[path], err = os.ReadFile(path); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// TestEveryActionIsPinnedByDigest: a tag can be moved to other code. The comment has the
// version, which the bot updates with the digest.
func TestEveryActionIsPinnedByDigest(t *testing.T) {
	uses := regexp.MustCompile(`(?m)\buses: *(.*)$`)
	digest := regexp.MustCompile(`^[\w-]+/[\w/-]+@[0-9a-f]{40} # v[0-9]+\.[0-9]+\.[0-9]+$`)
	for path, text := range workflows(t) {
		for _, match := range uses.FindAllSubmatch(text, -1) {
			if !digest.Match(match[1]) {
				t.Errorf("%s: got %q, want OWNER/NAME@DIGEST # vN.N.N", path, match[1])
			}
		}
	}
}

// TestEveryWorkflowRunsTargetsOfTheMakefile: CI has no commands of its own, so that everything it
// does can be repeated on any machine.
func TestEveryWorkflowRunsTargetsOfTheMakefile(t *testing.T) {
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	var ran []string
	for path, text := range workflows(t) {
		for _, match := range regexp.MustCompile(`\bmake ([a-z-]+)`).FindAllSubmatch(text, -1) {
			target := string(match[1])
			ran = append(ran, target)
			if !regexp.MustCompile(`(?m)^` + target + `:`).Match(makefile) {
				t.Errorf("%s: the Makefile has no target %s", path, target)
			}
		}
	}
	for _, target := range []string{"lint", "test", "fuzz", "vuln", "image", "chart", "docs"} {
		if !slices.Contains(ran, target) {
			t.Errorf("no workflow runs make %s", target)
		}
	}
}

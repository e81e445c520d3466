package main

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/nearcast/nearcast/internal/base/version"
	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

var some = v1.Hash{Algorithm: "sha256", Hex: strings.Repeat("0f", 32)}

func TestPinningChangesOnlyTheDigestsOfOurImages(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "sub", "pod.yaml")
	if err := os.Mkdir(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	before := "containers:\n- image: nearcast/coredns:1.2.3\n- name: a\n  image: nearcast/coredns:1.2.3@sha256:" + strings.Repeat("a", 64) + "\n- image: nearcast/coredns:1.2.4 # another\n- image: example/coredns:1.2.3\n"
	fixture.Write(t, path, before)
	want := strings.Replace(before, "@sha256:"+strings.Repeat("a", 64), "", 1)
	want = strings.ReplaceAll(want, "nearcast/coredns:1.2.3\n", "nearcast/coredns:1.2.3@"+some.String()+"\n")
	for range 2 { // the second time changes nothing
		if err := pin(dir, map[string]v1.Hash{"nearcast/coredns:1.2.3": some}, io.Discard); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != want {
			t.Errorf("%v\n%s\nwant\n%s", err, got, want)
		}
	}
}

func TestPinningAnImageThatNoManifestNamesIsAnError(t *testing.T) {
	dir := t.TempDir()
	fixture.Write(t, filepath.Join(dir, "pod.yaml"), "image: nearcast/coredns:1.2.4\n")
	if err := pin(dir, map[string]v1.Hash{"nearcast/coredns:1.2.3": some}, io.Discard); err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("got %v", err)
	}
}

func TestOnlyACommitIsPinned(t *testing.T) {
	for _, revision := range []string{"", "main", strings.Repeat("a", 40) + "-dirty"} {
		c := command()
		c.SetOut(io.Discard)
		c.SetErr(io.Discard)
		c.SetArgs([]string{"--output", t.TempDir(), "--revision", revision, "--pin", t.TempDir()})
		if err := c.ExecuteContext(t.Context()); err == nil || !strings.Contains(err.Error(), "not a commit") {
			t.Errorf("--revision %q: %v", revision, err)
		}
	}
}

// TestManifestsNameImagesByTheirDigests holds that each image is one of ours, that its
// tag is the version, and that an image has one digest. `make pin` writes the digests for
// a release; before the first one there are none.
func TestManifestsNameImagesByTheirDigests(t *testing.T) {
	ours := map[string]bool{}
	for _, r := range must(images()) {
		ours["nearcast/"+r.name+":"+version.Nearcast+r.variant] = true
	}
	nearcasts := regexp.MustCompile(`(?m)\bimage: ["']?(nearcast/[^\s"']+)`)
	digests, found := map[string]string{}, 0
	var unpinned []string
	err := filepath.WalkDir("../manifests", func(path string, d os.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".yaml" {
			return err
		}
		text, err := os.ReadFile(path)
		for _, match := range nearcasts.FindAllSubmatch(text, -1) {
			found++
			image, digest, _ := strings.Cut(string(match[1]), "@")
			if !ours[image] {
				t.Errorf("%s: %s: image/recipe.go does not make this image", path, match[1])
			}
			if digest == "" {
				unpinned = append(unpinned, path+": "+image)
				continue
			}
			if !regexp.MustCompile(`^sha256:[0-9a-f]{64}$`).MatchString(digest) {
				t.Errorf("%s: %s: want a digest as `make pin` writes it", path, match[1])
			}
			if had, there := digests[image]; there && had != digest {
				t.Errorf("%s: %s is %s, but %s elsewhere", path, image, digest, had)
			}
			digests[image] = digest
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if found < 9 {
		t.Errorf("only %d images found", found)
	}
	if len(unpinned) == found {
		t.Skip("SKIPPED: manifests/ has no digests yet; run `make pin`")
	}
	for _, image := range unpinned {
		t.Errorf("%s has no digest; run `make pin`", image)
	}
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

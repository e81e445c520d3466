package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"

	"github.com/nearcast/nearcast/internal/base/version"
)

var at = time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC)

var built string // the directory that ours made

// ours returns the minimal programs of this machine's architecture, compiled as make
// build does, so that nothing is compiled twice.
var ours = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "nearcast-image-test-")
	if err != nil {
		return "", err
	}
	built = dir
	p := programs[minimal]
	args := []string{"build", "-ldflags=-s -w", "-tags=" + p.tags, "-o", filepath.Join(dir, minimal) + "/"}
	cmd := exec.Command("go", append(args, p.packages...)...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return dir, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	os.RemoveAll(built)
	os.Exit(code)
}

// fresh assembles an image of our programs.
func fresh(r recipe) (made, error) {
	dir, err := ours()
	if err != nil {
		return made{}, err
	}
	return assemble(parts{recipe: r, dir: dir, architecture: runtime.GOARCH, revision: "0123abcd", created: at})
}

var (
	once        = sync.OnceValues(func() (made, error) { return fresh(nearcast()) })
	onceSpeaker = sync.OnceValues(func() (made, error) { return fresh(speaker()) })
)

// image returns the resolver's image, which all tests share.
func image(t *testing.T) made {
	t.Helper()
	return must(once())
}

// speakerImage returns the speaker's image, which all tests share.
func speakerImage(t *testing.T) made {
	t.Helper()
	return must(onceSpeaker())
}

func TestTheImageAndItsProgramsHaveOneVersion(t *testing.T) {
	dir, err := ours()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range append(nearcast().programs, speaker().programs...) {
		out, err := exec.Command(filepath.Join(dir, p.from), "--version").CombinedOutput()
		if line, _, _ := strings.Cut(string(out), "\n"); err != nil || !strings.HasSuffix(line, " "+version.Nearcast) {
			t.Errorf("%s prints %q, %v; the version is %s", p.from, line, err, version.Nearcast)
		}
	}
	config, err := image(t).image.ConfigFile()
	if err != nil || config.Config.Labels["org.opencontainers.image.version"] != version.Nearcast {
		t.Errorf("the image's labels are %v, %v", config.Config.Labels, err)
	}
	if tag := command().Flags().Lookup("tag").DefValue; tag != version.Nearcast {
		t.Errorf("the tag is %s", tag)
	}
}

// put writes the image as the command does, and returns the directory.
func put(t *testing.T, images ...made) string {
	t.Helper()
	dir := t.TempDir()
	s, err := newShelf(dir, "nearcast", "test", t.Output())
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range images {
		if err := s.add(m); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestTheSameProgramsMakeTheSameImage(t *testing.T) {
	again, err := fresh(nearcast())
	if err != nil {
		t.Fatal(err)
	}
	if a, b := digest(t, image(t).image), digest(t, again.image); a != b {
		t.Errorf("two images of the same programs: %s and %s", a, b)
	}
}

func TestAnImageDoesNotRunAsRootAndDescribesItself(t *testing.T) {
	config, err := image(t).image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if config.Config.User != "65532:65532" {
		t.Errorf("user %q", config.Config.User)
	}
	if config.Architecture != runtime.GOARCH || config.OS != "linux" || !config.Created.Equal(at) {
		t.Errorf("%s/%s of %s", config.OS, config.Architecture, config.Created)
	}
	if got := config.Config.Labels["org.opencontainers.image.revision"]; got != "0123abcd" {
		t.Errorf("revision %q", got)
	}
}

func TestTheBillOfMaterialsNamesWhatWasLinked(t *testing.T) {
	var bom cdx.BOM
	if err := json.Unmarshal(image(t).materials, &bom); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"std", "github.com/coredns/coredns", "github.com/miekg/dns", "github.com/spf13/cobra"} {
		found := false
		for _, c := range *bom.Components {
			found = found || c.Name == want && c.Version != "" && c.PackageURL == "pkg:golang/"+want+"@"+c.Version
		}
		if !found {
			t.Errorf("no %s among %d components", want, len(*bom.Components))
		}
	}
}

// Only the main module, in the terms of Go, may lack a version: it is the sources
// themselves.
func TestTheImageHasOnlyPublishedModules(t *testing.T) {
	var bom cdx.BOM
	if err := json.Unmarshal(image(t).materials, &bom); err != nil {
		t.Fatal(err)
	}
	for _, c := range *bom.Components {
		if c.Name != "std" && c.Hashes == nil {
			t.Errorf("%s has no checksum", c.BOMRef)
		}
	}
}

func TestTheLayoutHasEveryArchitectureUnderOneTag(t *testing.T) {
	m := image(t)
	other := m
	other.architecture = "riscv64"
	path, err := layout.FromPath(filepath.Join(put(t, m, other), "coredns-oci"))
	if err != nil {
		t.Fatal(err)
	}
	top, err := path.ImageIndex()
	if err != nil {
		t.Fatal(err)
	}
	outer, err := top.IndexManifest()
	if err != nil || len(outer.Manifests) != 1 || outer.Manifests[0].Annotations["org.opencontainers.image.ref.name"] != "test" {
		t.Fatalf("%+v, %v", outer, err)
	}
	index, err := top.ImageIndex(outer.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	inner, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	var architectures []string
	for _, d := range inner.Manifests {
		architectures = append(architectures, d.Platform.OS+"/"+d.Platform.Architecture)
	}
	if got, want := strings.Join(architectures, " "), "linux/"+runtime.GOARCH+" linux/riscv64"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func digest(t *testing.T, i v1.Image) v1.Hash {
	t.Helper()
	hash, err := i.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return hash
}

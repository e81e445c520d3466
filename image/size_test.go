package main

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// What an image may take for each architecture, in octets: in files, and in compressed layers.
const (
	unpackedAtMost   = 45e6
	compressedAtMost = 15.7e6
)

// programAtMost is what the speaker and the command may take each, in octets. With every kind of
// Kubernetes the speaker has 61e6.
const programAtMost = 40e6

func TestTheImagesAreSmall(t *testing.T) {
	for _, m := range []made{image(t), speakerImage(t)} {
		small(t, m)
	}
}

// small is an error if the image is too large.
func small(t *testing.T, m made) {
	t.Helper()
	layers, err := m.image.Layers()
	if err != nil {
		t.Fatal(err)
	}
	var unpacked, compressed int64
	for _, l := range layers {
		size := must(l.Size())
		tar := must(l.Uncompressed())
		length := must(io.Copy(io.Discard, tar))
		tar.Close()
		unpacked, compressed = unpacked+length, compressed+size
	}
	t.Logf("%s for %s: %.1f MB, compressed %.1f MB", m.file(), m.architecture, float64(unpacked)/1e6, float64(compressed)/1e6)
	if unpacked > unpackedAtMost || compressed > compressedAtMost {
		t.Errorf("%s for %s has %d octets and compressed %d, of which %.0f and %.0f are allowed; `go run ./image/weigh PROGRAM` shows what they are",
			m.file(), m.architecture, unpacked, compressed, unpackedAtMost, compressedAtMost)
	}
}

func TestTheSpeakerAndTheCommandAreSmall(t *testing.T) {
	dir, err := ours()
	if err != nil {
		t.Fatal(err)
	}
	command := filepath.Join(t.TempDir(), "nearcast")
	build := exec.Command("go", "build", "-ldflags=-s -w", "-tags="+programs[minimal].tags, "-o", command, "github.com/nearcast/nearcast/cmd/nearcast")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	for _, program := range []string{command, filepath.Join(dir, minimal, "nearcast-speaker")} {
		size := must(os.Stat(program)).Size()
		if t.Logf("%s: %.1f MB", filepath.Base(program), float64(size)/1e6); size > programAtMost {
			t.Errorf("%s has %d octets, of which %.0f are allowed; `go run ./image/weigh PROGRAM` shows what they are", program, size, programAtMost)
		}
	}
}

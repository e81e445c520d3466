package main

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// TestTheSameSourcesMakeTheSameBytesInAnyDirectory compiles the smallest program twice, in two
// directories and without a build cache.
func TestTheSameSourcesMakeTheSameBytesInAnyDirectory(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED with -short: it compiles Go's library twice")
	}
	copied := t.TempDir()
	for _, path := range []string{"lab/functions", "go.mod", "go.sum"} {
		copyInto(t, filepath.Join("..", path), filepath.Join(copied, path))
	}
	var first []byte
	for _, dir := range []string{"..", copied} {
		into := filepath.Join(t.TempDir(), "program")
		cmd := build(t.Context(), runtime.GOARCH, "", into, "./lab/functions/build")
		cmd.Dir = dir
		cmd.Env = append(cmd.Env, "GOCACHE="+t.TempDir())
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		program := must(os.ReadFile(into))
		if first == nil {
			first = program
		}
		if !bytes.Equal(first, program) {
			t.Errorf("the program compiled in %s differs", dir)
		}
	}
}

func copyInto(t *testing.T, from, to string) {
	t.Helper()
	info, err := os.Stat(from)
	switch {
	case err != nil:
	case info.IsDir():
		err = os.CopyFS(to, os.DirFS(from))
	default:
		err = os.WriteFile(to, must(os.ReadFile(from)), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/nearcast/nearcast/lab/functions"
)

// Folders of what was compiled.
const (
	minimal = "minimal"
	full    = "full"
)

// programs are the folders of Nearcast's programs, and the tags that they are built with.
var programs = map[string]string{minimal: "minimal", full: ""}

// compile builds Nearcast's programs and the functions for an architecture into a
// new folder, so that no path of this machine is in them.
func compile(ctx context.Context, architecture string) (dir string, err error) {
	if dir, err = os.MkdirTemp("", "nearcast-image-"); err != nil {
		return "", err
	}
	defer func() {
		if err != nil {
			os.RemoveAll(dir) //nolint:errcheck // what went wrong is said
		}
	}()
	for folder, tags := range programs {
		cmd := build(ctx, architecture, tags, filepath.Join(dir, folder)+"/", "github.com/nearcast/nearcast/cmd/...")
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("compile: %w\n%s", err, out)
		}
	}
	return dir, functions.Build(ctx, dir, architecture)
}

// build is the command that makes programs of the same bytes wherever it is run.
func build(ctx context.Context, architecture, tags, into, packages string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=", "-tags="+tags, "-o", into, packages)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+architecture, "GOFLAGS=")
	return cmd
}

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/nearcast/nearcast/lab/functions"
)

// The directories of compiled files.
const (
	minimal = "minimal"
	full    = "full"
)

// programs are the directories of Nearcast's programs, and their build tags. Without gRPC's tracer,
// which nothing here shows, the linker drops methods that are never called: 7 MB of the speaker.
var programs = map[string]string{minimal: "minimal,grpcnotrace", full: "grpcnotrace"}

// commands are Nearcast's programs in images: not the lab, which is in no image.
var commands = []string{
	"github.com/nearcast/nearcast/cmd/coredns", "github.com/nearcast/nearcast/cmd/nearcast", "github.com/nearcast/nearcast/cmd/nearcast-speaker",
}

// compile builds Nearcast's programs and the functions for an architecture into a new directory, so that they
// contain no path of this machine.
func compile(ctx context.Context, architecture string) (dir string, err error) {
	if dir, err = os.MkdirTemp("", "nearcast-image-"); err != nil {
		return "", err
	}
	defer func() {
		if err != nil {
			os.RemoveAll(dir) //nolint:errcheck // the error has been reported
		}
	}()
	for folder, tags := range programs {
		cmd := build(ctx, architecture, tags, filepath.Join(dir, folder)+"/", commands...)
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("compile: %w\n%s", err, out)
		}
	}
	return dir, functions.Build(ctx, dir, architecture)
}

// build returns the command that builds programs reproducibly, wherever it runs.
func build(ctx context.Context, architecture, tags, into string, packages ...string) *exec.Cmd {
	args := []string{"build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=", "-tags=" + tags, "-o", into}
	cmd := exec.CommandContext(ctx, "go", append(args, packages...)...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+architecture, "GOFLAGS=")
	return cmd
}

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/nearcast/nearcast/internal/base/progress"
	"github.com/nearcast/nearcast/lab/functions"
)

// The directories of compiled files.
const (
	minimal = "minimal"
	full    = "full"
)

// programs are the directories of Nearcast's programs: the command is part of coredns, and the lab is in no image.
var programs = map[string]compiled{
	minimal: {"minimal,grpcnotrace", []string{"github.com/nearcast/nearcast/cmd/coredns", "github.com/nearcast/nearcast/cmd/nearcast-speaker"}},
	full:    {"grpcnotrace", []string{"github.com/nearcast/nearcast/cmd/coredns"}},
}

// compiled are packages that are compiled into one directory, with their build tags. Without gRPC's tracer, which
// nothing here shows, the linker drops methods that are never called: 7 MB of the speaker.
type compiled struct {
	tags     string
	packages []string
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
	job := progress.Job{
		Doing: "compiling the programs of the images for " + architecture,
		Takes: "6 minutes on 2 cores",
		Kept:  "Go's build cache",
		After: quiet,
	}
	return dir, job.Run(os.Stderr, func(step func(string)) error { return compileInto(ctx, dir, architecture, step) })
}

// quiet is how long compile takes at most if everything is in Go's build cache: it is not reported then.
const quiet = 20 * time.Second

func compileInto(ctx context.Context, dir, architecture string, step func(string)) error {
	for folder, p := range programs {
		messages := &progress.Build{Step: step}
		cmd := build(ctx, architecture, p.tags, filepath.Join(dir, folder)+"/", p.packages...)
		cmd.Stderr = messages
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("compile: %w\n%s", err, messages.Messages())
		}
	}
	step("the functions")
	return functions.Build(ctx, dir, architecture)
}

// build returns the command that builds programs reproducibly, wherever it runs, and prints packages as it compiles
// them.
func build(ctx context.Context, architecture, tags, into string, packages ...string) *exec.Cmd {
	args := []string{"build", "-v", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=", "-tags=" + tags, "-o", into}
	cmd := exec.CommandContext(ctx, "go", append(args, packages...)...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+architecture, "GOFLAGS=")
	return cmd
}

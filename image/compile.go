package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"

	"github.com/nearcast/nearcast/functions"
)

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
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=", "-o", dir+"/",
		"github.com/nearcast/nearcast/cmd/...")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+architecture, "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("compile: %w\n%s", err, out)
	}
	return dir, functions.Build(ctx, dir, architecture)
}

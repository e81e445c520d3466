// Package functions builds the functions: each as a native program and as a
// WebAssembly module.
package functions

import (
	"context"
	"embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

// Manifests are the functions' Spin manifests: NAME/spin.toml.
//
//go:embed */spin.toml
var Manifests embed.FS

// Names are the functions, each a directory beside this file.
var Names = []string{"hello", "nbody", "usermanager"}

const module = "github.com/nearcast/nearcast/lab/functions/"

// Build compiles every function into the directory, which it makes: NAME for the architecture (GOARCH; "" for this
// machine's), and NAME.wasm.
func Build(ctx context.Context, dir, architecture string) error {
	if architecture == "" {
		architecture = runtime.GOARCH
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, name := range Names {
		native := compile(ctx, name, filepath.Join(dir, name))
		native.Env = append(native.Environ(), "CGO_ENABLED=0", "GOARCH="+architecture)
		// This is a library, not a command: Spin calls its exports, not main.
		wasm := compile(ctx, name, filepath.Join(dir, name+".wasm"), "-buildmode=c-shared")
		wasm.Env = append(wasm.Environ(), "GOOS=wasip1", "GOARCH=wasm")
		for _, cmd := range []*exec.Cmd{native, wasm} {
			if out, err := cmd.CombinedOutput(); err != nil {
				return fmt.Errorf("functions: %s: %w\n%s", cmd, err, out)
			}
		}
	}
	return nil
}

func compile(ctx context.Context, name, to string, flags ...string) *exec.Cmd {
	args := append([]string{"build", "-trimpath", "-ldflags=-s -w", "-o", to}, flags...)
	return exec.CommandContext(ctx, "go", append(args, module+name)...)
}

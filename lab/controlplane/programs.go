// Package controlplane runs a real Karmada control plane with member clusters on
// this machine, without containers: etcd, kube-apiserver, Karmada's own programs,
// and in each member a kube-apiserver, a kube-controller-manager, a
// kube-scheduler and kwok, so that Deployments become ready by themselves.
//
// Everything listens on loopback, and ends with the process that started it.
package controlplane

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/nearcast/nearcast/internal/base/progress"
)

// Programs is a directory with the programs of a control plane and the Karmada files that are applied to it.
type Programs string

// DefaultPrograms is the default directory for Build: below NEARCAST_CACHE, or else .cache in the working
// directory.
func DefaultPrograms() Programs {
	cache := os.Getenv("NEARCAST_CACHE")
	if cache == "" {
		cache = ".cache"
	}
	return Programs(filepath.Join(cache, "controlplane"))
}

// Kubectl is the path of the kubectl that was built with the other programs.
func (p Programs) Kubectl() string { return p.bin("kubectl") }

func (p Programs) bin(name string) string  { return filepath.Join(string(p), "bin", name) }
func (p Programs) file(name string) string { return filepath.Join(string(p), name) }

// modules are the modules that pin the programs, in directories below that of Build, with those of their files that
// a control plane needs.
var modules = [...]struct {
	folder, path string
	files        map[string]string // by the name under which they are kept
}{
	{"karmada", "github.com/karmada-io/karmada", map[string]string{
		"crds":                       "charts/karmada/_crds",
		"webhook-configuration.yaml": "artifacts/deploy/webhook-configuration.yaml",
	}},
	{"kwok", "sigs.k8s.io/kwok", map[string]string{
		"node.yaml":       "kustomize/stage/node/fast/node-initialize.yaml",
		"pod-ready.yaml":  "kustomize/stage/pod/fast/pod-ready.yaml",
		"pod-delete.yaml": "kustomize/stage/pod/fast/pod-delete.yaml",
	}},
}

// Build builds the programs that the modules in the directory pin, unless that is already done; the first time
// takes ten minutes. It reports its progress on out.
func Build(ctx context.Context, folder string, into Programs, out io.Writer) error {
	want, err := pins(folder)
	if err != nil {
		return err
	}
	if have, err := os.ReadFile(into.file("pins")); err == nil && string(have) == want {
		return nil
	}
	job := progress.Job{
		Doing: "building Karmada and Kubernetes",
		Why:   "a real control plane runs them",
		Takes: "10 minutes on 2 cores",
		Kept:  string(into),
	}
	return job.Run(out, func(step func(string)) error {
		if err := build(ctx, folder, into, step); err != nil {
			return err
		}
		return os.WriteFile(into.file("pins"), []byte(want), 0o644)
	})
}

// build builds the programs of each module, and copies the files.
func build(ctx context.Context, folder string, into Programs, step func(string)) error {
	bin, err := filepath.Abs(into.bin(""))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return err
	}
	for _, module := range modules {
		at := filepath.Join(folder, module.folder)
		if _, err := goIn(ctx, at, step, "build", "-v", "-ldflags=-s -w", "-o", bin+"/", "tool"); err != nil {
			return err
		}
		root, err := goIn(ctx, at, step, "list", "-m", "-f", "{{.Dir}}", module.path)
		if err != nil {
			return err
		}
		for name, path := range module.files {
			if err := copyTree(filepath.Join(strings.TrimSpace(root), path), into.file(name), strings.NewReplacer()); err != nil {
				return err
			}
		}
	}
	return nil
}

// pins is everything that determines what Build builds.
func pins(folder string) (string, error) {
	all := fmt.Append(nil, modules)
	for _, module := range modules {
		for _, file := range []string{"go.mod", "go.sum"} {
			data, err := os.ReadFile(filepath.Join(folder, module.folder, file))
			if err != nil {
				return "", err
			}
			all = append(all, data...)
		}
	}
	return string(all), nil
}

// goIn runs a go command in the module's directory, and returns what it printed.
func goIn(ctx context.Context, module string, step func(string), args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", append([]string{args[0], "-C", module}, args[1:]...)...)
	// The module is not part of a workspace, and has no vendor directory.
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-buildvcs=false")
	messages := &progress.Build{Step: func(now string) { step(filepath.Base(module) + ": " + now) }}
	cmd.Stderr = messages
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("go %s in %s: %w: %s", args[0], module, err, messages.Messages())
	}
	return string(out), err
}

// Check returns an error that says what to do if the programs are missing.
func (p Programs) Check() error {
	if _, err := os.Stat(p.file("pins")); err != nil {
		return fmt.Errorf("no control plane in %s; build it with `make run-karmada`", p)
	}
	return nil
}

// copyTree copies a file or a directory, with replacements in the content.
func copyTree(from, to string, replace *strings.Replacer) error {
	return filepath.WalkDir(from, func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		if entry.IsDir() {
			return os.MkdirAll(target, 0o755)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(target, []byte(replace.Replace(string(data))), 0o644)
	})
}

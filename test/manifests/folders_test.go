// Package manifests tests manifests/: every kustomization builds, and
// the real API server that each directory is for accepts every object of it, by a
// server-side dry run with strict validation. Files that are not Kubernetes objects, such as
// K3s's configuration or Headscale's policy, are read as their programs read them.
package manifests

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	sigsyaml "sigs.k8s.io/yaml"

	"github.com/nearcast/nearcast/lab/controlplane"
)

const root = "../../manifests"

// api is whose API an object is for: Karmada's is "", as in controlplane.
type api string

const (
	karmada api = ""
	// member has the name of one of the federation's, so that the guide finds it.
	member api = "de-wide"
)

func (a api) String() string {
	if a == karmada {
		return "Karmada API"
	}
	return "member's API"
}

// apis maps directories, with all below them, to the API for them; the first match counts.
var apis = []struct {
	folder string
	api    api
}{
	{"karmada", karmada},
	{"federation", karmada},
	{"functions", karmada},
	{"network/policies", karmada},
	{"network/routes", karmada},
	{"network/bgp/services", karmada},
	{"network", member},
	{"runtimes", member},
	{"nearcast", member},
	{"clusters/capi", member}, // that of mk-core, which manages the others
}

func apiOf(folder string) (api, error) {
	for _, a := range apis {
		if folder == a.folder || strings.HasPrefix(folder, a.folder+"/") {
			return a.api, nil
		}
	}
	return "", fmt.Errorf("manifests/%s: unknown API; add the directory to apis in folders_test.go", folder)
}

// folders are the directories with a kustomization, by their paths below manifests.
func folders() ([]string, error) {
	var all []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Name() == "kustomization.yaml" {
			rel, err := filepath.Rel(root, filepath.Dir(path))
			all = append(all, filepath.ToSlash(rel))
			return err
		}
		return err
	})
	slices.Sort(all)
	return all, err
}

// built has the objects of directories, each of which is built once.
var built sync.Map

// build returns the objects of a directory, for the caller to change.
func build(t *testing.T, folder string) []*unstructured.Unstructured {
	t.Helper()
	objects, ok := built.Load(folder)
	if !ok {
		objects = kustomized(t, folder)
		built.Store(folder, objects)
	}
	var own []*unstructured.Unstructured
	for _, object := range objects.([]*unstructured.Unstructured) {
		own = append(own, object.DeepCopy())
	}
	return own
}

func kustomized(t *testing.T, folder string) []*unstructured.Unstructured {
	t.Helper()
	path := filepath.Join(root, folder)
	if isComponent(t, path) {
		path = wrapped(t, path)
	}
	out, err := kubectl(t.Context(), "kustomize", path)
	if err != nil {
		t.Fatalf("manifests/%s: %v", folder, err)
	}
	objects, err := decode(out)
	if err != nil {
		t.Fatalf("manifests/%s: %v", folder, err)
	}
	return objects
}

func isComponent(t *testing.T, folder string) bool {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(folder, "kustomization.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var it struct{ Kind string }
	if err := sigsyaml.Unmarshal(data, &it); err != nil {
		t.Fatalf("%s: %v", folder, err)
	}
	return it.Kind == "Component"
}

// wrapped returns a kustomization of nothing but the component, which cannot be
// built by itself.
func wrapped(t *testing.T, component string) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	path, err := filepath.Abs(component)
	if err != nil {
		t.Fatal(err)
	}
	rel, err := filepath.Rel(dir, path)
	if err != nil {
		t.Fatal(err)
	}
	text := "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\ncomponents: [" + rel + "]\n"
	if err := os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func kubectl(ctx context.Context, args ...string) ([]byte, error) {
	var out, complaint bytes.Buffer
	cmd := exec.CommandContext(ctx, controlplane.DefaultPrograms().Kubectl(), args...)
	cmd.Stdout, cmd.Stderr = &out, &complaint
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("kubectl %s: %w: %s", args[0], err, bytes.TrimSpace(complaint.Bytes()))
	}
	return out.Bytes(), nil
}

func decode(data []byte) ([]*unstructured.Unstructured, error) {
	var all []*unstructured.Unstructured
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(data), 4096)
	for {
		object := new(unstructured.Unstructured)
		if err := decoder.Decode(object); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, err
		}
		if len(object.Object) > 0 {
			all = append(all, object)
		}
	}
}

// TestEveryKustomizationBuilds also checks that each is for one API and is not empty.
func TestEveryKustomizationBuilds(t *testing.T) {
	all, err := folders()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 20 {
		t.Fatalf("found only %d kustomizations below %s", len(all), root)
	}
	for _, folder := range all {
		t.Run(folder, func(t *testing.T) {
			if _, err := apiOf(folder); err != nil {
				t.Error(err)
			}
			if len(build(t, folder)) == 0 {
				t.Errorf("manifests/%s: builds no objects", folder)
			}
		})
	}
}

// TestEveryDirectorySaysHowToUndoIt checks the READMEs.
func TestEveryDirectorySaysHowToUndoIt(t *testing.T) {
	undo := regexp.MustCompile(`(?m)^(## |\*\*)Undo`)
	for _, folder := range []string{"clusters", "network", "federation", "runtimes", "karmada", "nearcast", "functions"} {
		data, err := os.ReadFile(filepath.Join(root, folder, "README.md"))
		if err != nil {
			t.Error(err)
			continue
		}
		if !undo.Match(data) {
			t.Errorf("manifests/%s/README.md does not say how to undo it", folder)
		}
	}
}

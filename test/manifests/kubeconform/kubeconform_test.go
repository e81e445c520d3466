// Package kubeconform has kubeconform validate every object of manifests/, without
// an API server: against the schemas of the versions that manifests/ is for, strictly.
package kubeconform

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/yannh/kubeconform/pkg/resource"
	"github.com/yannh/kubeconform/pkg/validator"
	"sigs.k8s.io/kustomize/api/krusty"
	kresource "sigs.k8s.io/kustomize/api/resource"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

const root = "../../../manifests"

// schemas are made once.
var schemas = sync.OnceValues(func() (*library, error) {
	dir, err := os.MkdirTemp("", "nearcast-schemas")
	if err != nil {
		return nil, err
	}
	l := &library{dir: dir, from: map[gvk]string{}}
	return l, l.fill()
})

func TestMain(m *testing.M) {
	status := m.Run()
	if l, _ := schemas(); l != nil {
		_ = os.RemoveAll(l.dir) // a temporary directory
	}
	os.Exit(status)
}

// conforming is kubeconform with only these schemas.
func conforming(t *testing.T) (validator.Validator, *library) {
	t.Helper()
	l, err := schemas()
	if err != nil {
		t.Fatal(err)
	}
	v, err := validator.New([]string{l.location()}, validator.Opts{Strict: true})
	if err != nil {
		t.Fatal(err)
	}
	return v, l
}

// folders are the directories with a kustomization, by their paths below manifests.
func folders(t *testing.T) (all []string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Name() == "kustomization.yaml" {
			rel, err := filepath.Rel(root, filepath.Dir(path))
			all = append(all, filepath.ToSlash(rel))
			return err
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(all)
	return all
}

// build returns the objects of a directory.
func build(t *testing.T, folder string) []*kresource.Resource {
	t.Helper()
	options := krusty.MakeDefaultOptions()
	built, err := krusty.MakeKustomizer(options).Run(filesys.MakeFsOnDisk(), filepath.Join(root, folder))
	if err != nil {
		t.Fatalf("manifests/%s: %v", folder, err)
	}
	return built.Resources()
}

func kindOf(r *kresource.Resource) gvk {
	g := r.GetGvk()
	return gvk{strings.TrimPrefix(g.Group+"/"+g.Version, "/"), g.Kind}
}

// validate returns the faults that kubeconform finds in an object.
func validate(v validator.Validator, object any) error {
	text, err := yaml.Marshal(object)
	if err != nil {
		return err
	}
	switch result := v.ValidateResource(resource.Resource{Bytes: text}); result.Status {
	case validator.Valid:
		return nil
	default:
		return fmt.Errorf("%w %v", result.Err, result.ValidationErrors)
	}
}

func TestKubeconformFindsEveryObjectValid(t *testing.T) {
	v, l := conforming(t)
	without := map[gvk]int{}
	total := 0
	for _, folder := range folders(t) {
		valid := map[string]int{}
		for _, object := range build(t, folder) {
			source := l.from[kindOf(object)]
			if source == "" {
				without[kindOf(object)]++
				continue
			}
			o, err := object.Map()
			if err == nil {
				err = validate(v, o)
			}
			if err != nil {
				t.Errorf("manifests/%s: %s %s: %v", folder, object.GetKind(), object.GetName(), err)
				continue
			}
			valid[source]++
			total++
		}
		var told []string
		for _, source := range slices.Sorted(maps.Keys(valid)) {
			told = append(told, fmt.Sprintf("%d by %s", valid[source], source))
		}
		t.Logf("manifests/%s: valid: %s", folder, strings.Join(told, ", "))
	}
	for kind, count := range without {
		t.Errorf("%d objects of %s %s have no schema", count, kind.apiVersion, kind.kind)
	}
	t.Logf("%d objects are valid, by the schemas of %d kinds", total, len(l.from))
	if total < 100 {
		t.Errorf("validated only %d objects", total)
	}
}

// TestInvalidObjectsAreFound misspells a field, and gives one a wrong type, in an object
// of each kind that has a spec.
func TestInvalidObjectsAreFound(t *testing.T) {
	v, l := conforming(t)
	tried := map[gvk]bool{}
	for _, folder := range folders(t) {
		for _, object := range build(t, folder) {
			kind := kindOf(object)
			o, err := object.Map()
			if err != nil {
				t.Fatal(err)
			}
			spec, ok := o["spec"].(map[string]any)
			if !ok || len(spec) == 0 || tried[kind] || l.from[kind] == "" {
				continue
			}
			tried[kind] = true
			// An EnvoyProxy's first is in a patch, where anything may be.
			if deep := item(spec); deep != nil && kind.kind != "EnvoyProxy" {
				deep["misspelt"] = "x"
				if err := validate(v, o); err == nil || !strings.Contains(err.Error(), "misspelt") {
					t.Errorf("%s %s with misspelt in an item of a list: got %v", kind.apiVersion, kind.kind, err)
				}
				delete(deep, "misspelt")
			}
			spec["misspelt"] = "x"
			if err := validate(v, o); err == nil || !strings.Contains(err.Error(), "misspelt") {
				t.Errorf("%s %s with spec.misspelt: got %v", kind.apiVersion, kind.kind, err)
			}
			o["spec"] = "a text"
			if err := validate(v, o); err == nil {
				t.Errorf("%s %s with a text as its spec was accepted", kind.apiVersion, kind.kind)
			}
		}
	}
	t.Logf("tried with %d kinds", len(tried))
	if len(tried) < 15 {
		t.Error("found too few kinds")
	}
}

// item returns an object in the first list of objects below the value; nil if there
// is none.
func item(value any) map[string]any {
	switch value := value.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(value)) {
			if found := item(value[key]); found != nil {
				return found
			}
		}
	case []any:
		for _, one := range value {
			if found, ok := one.(map[string]any); ok {
				return found
			}
		}
	}
	return nil
}

// TestAMissingSchemaIsAnError checks kubeconform's own setting.
func TestAMissingSchemaIsAnError(t *testing.T) {
	v, _ := conforming(t)
	err := validate(v, map[string]any{"apiVersion": "example.org/v1", "kind": "Nothing", "metadata": map[string]any{"name": "x"}})
	if err == nil || errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "could not find schema") {
		t.Errorf("%v", err)
	}
}

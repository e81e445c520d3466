package manifests

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// crds are the sources of the definitions of kinds that manifests/ uses and that
// Kubernetes and Karmada lack: the files in crds/files.txt, of the modules that
// crds/go.mod pins.
func crds() (all []struct{ module, path string }, err error) {
	text, err := os.ReadFile("crds/files.txt")
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		var crd struct{ module, path string }
		if _, err := fmt.Sscan(line, &crd.module, &crd.path); err != nil {
			return nil, fmt.Errorf("crds/files.txt: %q: %w", line, err)
		}
		all = append(all, crd)
	}
	return all, nil
}

// definitions reads the CRDs, whose modules it downloads.
func definitions(ctx context.Context) ([]*unstructured.Unstructured, error) {
	dirs, err := modules(ctx, "crds")
	if err != nil {
		return nil, err
	}
	files, err := crds()
	if err != nil {
		return nil, err
	}
	var all []*unstructured.Unstructured
	for _, crd := range files {
		dir, ok := dirs[crd.module]
		if !ok {
			return nil, fmt.Errorf("crds/go.mod does not pin %s", crd.module)
		}
		data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(crd.path)))
		if err != nil {
			return nil, err
		}
		objects, err := decode(data)
		if err != nil {
			return nil, fmt.Errorf("%s of %s: %w", crd.path, crd.module, err)
		}
		for _, object := range objects {
			if err := served(object); err != nil {
				return nil, fmt.Errorf("%s of %s: %w", crd.path, crd.module, err)
			}
		}
		all = append(all, objects...)
	}
	return all, nil
}

// served makes a definition serve the version that people apply. No webhook runs here, so no
// version is converted; and Calico's own API server serves as projectcalico.org/v3
// what it stores, with the same spec, as crd.projectcalico.org/v1.
func served(crd *unstructured.Unstructured) error {
	unstructured.RemoveNestedField(crd.Object, "spec", "conversion")
	unstructured.RemoveNestedField(crd.Object, "status")
	group, _, err := unstructured.NestedString(crd.Object, "spec", "group")
	if err != nil || group != "crd.projectcalico.org" {
		return err
	}
	versions, _, err := unstructured.NestedSlice(crd.Object, "spec", "versions")
	if err != nil {
		return err
	}
	if len(versions) != 1 {
		return fmt.Errorf("%s has %d versions, want one that becomes v3", crd.GetName(), len(versions))
	}
	crd.SetName(strings.Replace(crd.GetName(), "crd.projectcalico.org", "projectcalico.org", 1))
	return errors.Join(
		unstructured.SetNestedField(crd.Object, "projectcalico.org", "spec", "group"),
		unstructured.SetNestedField(versions[0].(map[string]any), "v3", "name"),
		unstructured.SetNestedSlice(crd.Object, versions, "spec", "versions"),
	)
}

// modules downloads what the go.mod in the directory requires, and returns where it is.
// Nothing else is looked at: a module's own requirements matter to who compiles it.
func modules(ctx context.Context, folder string) (map[string]string, error) {
	out, err := goIn(ctx, folder, "mod", "edit", "-json")
	if err != nil {
		return nil, err
	}
	var pins struct {
		Require []struct{ Path, Version string }
	}
	if err := json.Unmarshal(out, &pins); err != nil {
		return nil, err
	}
	args := []string{"mod", "download", "-json"}
	for _, r := range pins.Require {
		args = append(args, r.Path+"@"+r.Version)
	}
	if out, err = goIn(ctx, folder, args...); err != nil {
		return nil, err
	}
	dirs := map[string]string{}
	for decoder := json.NewDecoder(bytes.NewReader(out)); decoder.More(); {
		var got struct{ Path, Dir string }
		if err := decoder.Decode(&got); err != nil {
			return nil, err
		}
		dirs[got.Path] = got.Dir
	}
	return dirs, nil
}

func goIn(ctx context.Context, folder string, args ...string) ([]byte, error) {
	var out, complaint bytes.Buffer
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = folder, &out, &complaint
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-buildvcs=false")
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("go %s in %s: %w: %s%s", strings.Join(args[:2], " "), folder, err, out.Bytes(), complaint.Bytes())
	}
	return out.Bytes(), nil
}

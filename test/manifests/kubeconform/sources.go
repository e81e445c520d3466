package kubeconform

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"k8s.io/apimachinery/pkg/util/yaml"
)

// gvk is a kind of a version of an API, as objects name it.
type gvk struct{ apiVersion, kind string }

// library is a directory of schemas, in files that kubeconform finds by location, and
// where each is from.
type library struct {
	dir  string
	from map[gvk]string
}

// location is kubeconform's template of a schema's path.
func (l *library) location() string {
	return l.dir + "/{{ .Group }}/{{ .ResourceKind }}_{{ .ResourceAPIVersion }}.json"
}

// add writes a schema, unless another source had it before.
func (l *library) add(of gvk, source string, s schema) error {
	if l.from[of] != "" {
		return nil
	}
	group, version, _ := strings.Cut(of.apiVersion, "/")
	if version == "" {
		version = group
	}
	path := filepath.Join(l.dir, group, strings.ToLower(of.kind)+"_"+version+".json")
	text, err := json.Marshal(s)
	if err == nil {
		err = errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, text, 0o600))
	}
	l.from[of] = source
	return err
}

// addAPI adds the kinds of an OpenAPI document, of version 2 or 3: every schema that
// says which kinds it is of, with all that the document defines.
func (l *library) addAPI(path, source string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var document struct {
		Definitions schema
		Components  struct{ Schemas schema }
	}
	if err := json.Unmarshal(text, &document); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	root, place, all := "definitions", "", document.Definitions
	if all == nil {
		root, place, all = "components", "schemas/", document.Components.Schemas
	}
	defined := each(all)
	inside := any(defined)
	if place != "" {
		inside = schema{"schemas": defined}
	}
	for name, one := range all {
		one, _ := one.(schema)
		kinds, _ := one["x-kubernetes-group-version-kind"].([]any)
		for _, kind := range kinds {
			kind := kind.(schema)
			apiVersion := strings.TrimPrefix(fmt.Sprint(kind["group"], "/", kind["version"]), "/")
			s := schema{"allOf": []any{schema{"$ref": "#/" + root + "/" + place + name}}, root: inside}
			if err := l.add(gvk{apiVersion, fmt.Sprint(kind["kind"])}, source, s); err != nil {
				return err
			}
		}
	}
	return nil
}

// definition is what is read of a CustomResourceDefinition.
type definition struct {
	Kind string
	Spec struct {
		Group    string
		Names    struct{ Kind string }
		Versions []struct {
			Name   string
			Schema struct{ OpenAPIV3Schema schema }
		}
	}
}

// addDefinitions adds the kinds that a file of definitions has.
func (l *library) addDefinitions(path, source string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096)
	for {
		var d definition
		if err := decoder.Decode(&d); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if d.Kind != "CustomResourceDefinition" {
			continue
		}
		for _, version := range d.Spec.Versions {
			apiVersion := d.Spec.Group + "/" + version.Name
			if d.Spec.Group == "crd.projectcalico.org" {
				apiVersion = "projectcalico.org/v3" // as Calico's own API server serves it
			}
			if err := l.add(gvk{apiVersion, d.Spec.Names.Kind}, source, strict(whole(version.Schema.OpenAPIV3Schema))); err != nil {
				return err
			}
		}
	}
}

// fill adds all that manifests/ may use: Kubernetes' and Karmada's own APIs, of the
// modules that the control plane of the tests is built of, and the definitions of
// others that ../crds names.
func (l *library) fill() error {
	const plane = "../../../lab/controlplane/karmada"
	kubernetes, err := moduleOf(plane, "k8s.io/kubernetes")
	if err != nil {
		return err
	}
	apis, err := filepath.Glob(filepath.Join(kubernetes.Dir, "api/openapi-spec/v3/*.json"))
	if err != nil || len(apis) == 0 {
		return fmt.Errorf("%s has no api/openapi-spec: %w", kubernetes, err)
	}
	for _, path := range apis {
		if err := l.addAPI(path, kubernetes.String()); err != nil {
			return err
		}
	}
	karmada, err := moduleOf(plane, "github.com/karmada-io/karmada")
	if err != nil {
		return err
	}
	err = filepath.WalkDir(filepath.Join(karmada.Dir, "charts/karmada/_crds/bases"), func(path string, entry fs.DirEntry, err error) error {
		if err == nil && filepath.Ext(path) == ".yaml" {
			return l.addDefinitions(path, karmada.String())
		}
		return err
	})
	if err != nil {
		return err
	}
	// What Karmada's own API server serves, such as Cluster.
	if err := l.addAPI(filepath.Join(karmada.Dir, "api/openapi-spec/swagger.json"), karmada.String()); err != nil {
		return err
	}
	return l.others()
}

// others adds what ../crds/files.txt names.
func (l *library) others() error {
	text, err := os.ReadFile("../crds/files.txt")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		var module, path string
		if _, err := fmt.Sscan(line, &module, &path); err != nil {
			return fmt.Errorf("../crds/files.txt: %q: %w", line, err)
		}
		at, err := moduleOf("../crds", module)
		if err != nil {
			return err
		}
		if err := l.addDefinitions(filepath.Join(at.Dir, filepath.FromSlash(path)), at.String()); err != nil {
			return err
		}
	}
	return nil
}

// module is one that a go.mod pins, on this machine.
type module struct{ Path, Version, Dir string }

func (m module) String() string { return m.Path + " " + m.Version }

// known are the modules that were asked for before.
var known = map[string]module{}

// moduleOf downloads a module in the version that the go.mod in the directory pins.
func moduleOf(folder, path string) (m module, err error) {
	if m, there := known[path]; there {
		return m, nil
	}
	out, err := goIn(folder, "mod", "edit", "-json")
	if err != nil {
		return m, err
	}
	var pins struct{ Require []module }
	if err := json.Unmarshal(out, &pins); err != nil {
		return m, err
	}
	for _, r := range pins.Require {
		if r.Path != path {
			continue
		}
		if out, err = goIn(folder, "mod", "download", "-json", r.Path+"@"+r.Version); err != nil {
			return m, err
		}
		err = json.Unmarshal(out, &m)
		known[path] = m
		return m, err
	}
	return m, fmt.Errorf("%s/go.mod does not pin %s", folder, path)
}

func goIn(folder string, args ...string) ([]byte, error) {
	cmd := exec.Command("go", args...)
	cmd.Dir, cmd.Env = folder, append(os.Environ(), "GOWORK=off", "GOFLAGS=-buildvcs=false")
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = fmt.Errorf("go %s in %s: %w: %s%s", strings.Join(args, " "), folder, err, out, exit.Stderr)
	}
	return out, err
}

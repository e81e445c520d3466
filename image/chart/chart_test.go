package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"sigs.k8s.io/yaml"
)

const (
	manifests   = "../../manifests/nearcast"
	versionFile = "../../internal/base/version/VERSION"
)

// namespaces are the namespaces of the variants' manifests.
var namespaces = map[string]string{"daemonset": "nearcast-system", "deployment": "nearcast-resolver"}

// packed returns the chart from the published archive.
func packed(t *testing.T) *chart.Chart {
	t.Helper()
	return packedOf(t, manifests)
}

func packedOf(t *testing.T, manifests string) *chart.Chart {
	t.Helper()
	path, err := pack(manifests, versionFile, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	c, err := loader.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// render returns the release's objects by kind and name.
func render(t *testing.T, c *chart.Chart, namespace string, set object) (map[string]object, error) {
	t.Helper()
	given, err := chartutil.ToRenderValues(c, set, chartutil.ReleaseOptions{Name: "nearcast", Namespace: namespace, Revision: 1, IsInstall: true}, nil)
	if err != nil {
		return nil, err
	}
	files, err := engine.Render(c, given)
	if err != nil {
		return nil, err
	}
	all := map[string]object{}
	for path, text := range files {
		if filepath.Ext(path) != ".yaml" {
			continue
		}
		for document := range strings.SplitSeq(text, "\n---\n") {
			var o object
			if err := yaml.Unmarshal([]byte(strings.TrimPrefix(document, "---\n")+"\n"), &o); err != nil {
				return nil, fmt.Errorf("%s: %w\n%s", path, err, document)
			}
			if len(o) > 0 {
				all[nameOf(o)] = o
			}
		}
	}
	return all, nil
}

func nameOf(o object) string {
	return fmt.Sprint(o["kind"], "/", o["metadata"].(object)["name"])
}

// differences returns the paths at which two values differ.
func differences(a, b any, path string) (all []string) {
	switch a := a.(type) {
	case map[string]any:
		b, _ := b.(map[string]any)
		keys := maps.Clone(a)
		maps.Copy(keys, b)
		for key := range keys {
			all = append(all, differences(a[key], b[key], path+"/"+key)...)
		}
		return all
	case []any:
		if b, _ := b.([]any); len(a) == len(b) {
			for i := range a {
				all = append(all, differences(a[i], b[i], fmt.Sprintf("%s/%d", path, i))...)
			}
			return all
		}
	}
	if fmt.Sprint(a) != fmt.Sprint(b) {
		all = append(all, path)
	}
	return all
}

func TestTheChartHasTheVersionOfItsImages(t *testing.T) {
	c := packed(t)
	text, err := os.ReadFile(versionFile)
	if err != nil {
		t.Fatal(err)
	}
	version := strings.TrimSpace(string(text))
	if c.Metadata.Version != version || c.Metadata.AppVersion != version {
		t.Errorf("chart %s of %s; the version is %s", c.Metadata.Version, c.Metadata.AppVersion, version)
	}
	for value, name := range map[string]string{"image": "nearcast/coredns:", "speakerImage": "nearcast/speaker:"} {
		if image, _, _ := strings.Cut(fmt.Sprint(c.Values[value]), "@"); image != name+version {
			t.Errorf("%s is %s, want %s", value, image, name+version)
		}
	}
}

func TestTheDefaultChartEqualsTheManifests(t *testing.T) {
	c := packed(t)
	for variant, namespace := range namespaces {
		for _, monitoring := range []bool{false, true} {
			wanted := map[string]object{}
			folders := []string{variant}
			if monitoring {
				folders = append(folders, "monitoring")
			}
			for _, folder := range folders {
				objects, err := build(filepath.Join(manifests, folder))
				if err != nil {
					t.Fatal(err)
				}
				for _, o := range objects {
					wanted[nameOf(o)] = o
				}
			}
			got, err := render(t, c, namespace, object{"variant": variant, "monitoring": monitoring})
			if err != nil {
				t.Fatal(err)
			}
			if have, want := slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(wanted)); !slices.Equal(have, want) {
				t.Errorf("%s: the chart has %v, but the manifests have %v", variant, have, want)
				continue
			}
			for name := range wanted {
				if d := differences(wanted[name], got[name], ""); len(d) > 0 {
					t.Errorf("%s: %s differs in %v\n%v\n%v", variant, name, d, wanted[name], got[name])
				}
			}
			t.Logf("%s, monitoring %v: %d objects equal those of the manifests", variant, monitoring, len(got))
		}
	}
}

func TestEachValueChangesItsFieldsAlone(t *testing.T) {
	c := packed(t)
	const corefile, speaker = "ConfigMap/nearcast/data/Corefile", "ConfigMap/nearcast/data/speaker.yaml"
	const pod = "DaemonSet/nearcast/spec/template/spec"
	for name, one := range map[string]struct {
		set     object
		differs []string
		holds   map[string]string
	}{
		"cluster":                                {object{"cluster": "de-wide"}, []string{"ConfigMap/nearcast/data/cluster"}, nil},
		"a cluster that YAML takes for a number": {object{"cluster": "1"}, []string{"ConfigMap/nearcast/data/cluster"}, nil},
		"zone":                                   {object{"zone": "fn.example.net"}, []string{corefile, speaker}, map[string]string{"Corefile": "\nfn.example.net {\n    bind 198.51.100.53\n", "speaker.yaml": "name: fn.example.net, type: SOA"}},
		"address":                                {object{"address": "198.51.100.54"}, []string{corefile, speaker}, map[string]string{"Corefile": "bind 198.51.100.54\n", "speaker.yaml": `"198.51.100.54:53"`}},
		"image":                                  {object{"image": "registry.example.org/nearcast:1"}, []string{pod + "/initContainers/1/image"}, nil},
		"speakerImage":                           {object{"speakerImage": "registry.example.org/speaker:1"}, []string{pod + "/containers/0/image", pod + "/initContainers/0/image"}, nil},
		"memory":                                 {object{"memory": 64}, []string{pod + "/initContainers/1/env/2/value", pod + "/initContainers/1/resources/limits/memory", pod + "/initContainers/1/resources/requests/memory"}, nil},
		"access":                                 {object{"karmadaSecret": "karmada-access-de-wide"}, []string{pod + "/volumes/0/secret/secretName"}, nil},
		"corefile":                               {object{"corefile": "{{ .Values.zone }} {\n    whoami\n}\n"}, []string{corefile}, map[string]string{"Corefile": "fn.example.org {\n    whoami\n}\n"}},
		"locations":                              {object{"locations": "192.0.2.0/24,mk\n"}, []string{"ConfigMap/nearcast/data/locations.csv"}, map[string]string{"locations.csv": "192.0.2.0/24,mk\n"}},
		"speaker":                                {object{"speaker": object{"asn": 64515, "peers": []any{object{"address": "192.0.2.1", "asn": 64500}}}}, []string{speaker}, map[string]string{"speaker.yaml": "asn: 64515\n"}},
	} {
		t.Run(name, func(t *testing.T) {
			before, err := render(t, c, "nearcast-system", nil)
			if err != nil {
				t.Fatal(err)
			}
			after, err := render(t, c, "nearcast-system", one.set)
			if err != nil {
				t.Fatal(err)
			}
			var differs []string
			for object := range before {
				differs = append(differs, differences(before[object], after[object], object)...)
			}
			slices.Sort(differs)
			if !slices.Equal(differs, one.differs) || len(before) != len(after) {
				t.Errorf("the value changes %q, want %q", differs, one.differs)
			}
			data := after["ConfigMap/nearcast"]["data"].(object)
			for file, text := range one.holds {
				if !strings.Contains("\n"+fmt.Sprint(data[file]), text) {
					t.Errorf("%s lacks %q:\n%s", file, text, data[file])
				}
			}
		})
	}
}

// TestTheCollectorKeepsBelowTheContainersLimit leaves room for what the collector does not count.
func TestTheCollectorKeepsBelowTheContainersLimit(t *testing.T) {
	for memory, want := range map[int]string{64: "map[cpu:100m memory:64Mi] map[memory:64Mi] 40MiB", 128: "map[cpu:100m memory:128Mi] map[memory:128Mi] 104MiB", 1024: "map[cpu:100m memory:128Mi] map[memory:1024Mi] 896MiB"} {
		got, err := render(t, packed(t), "nearcast-resolver", object{"variant": "deployment", "memory": memory})
		if err != nil {
			t.Fatal(err)
		}
		container := at(got["Deployment/nearcast"], "spec", "template", "spec", "containers").([]any)[0].(object)
		var limit any
		for _, v := range container["env"].([]any) {
			if v.(object)["name"] == "GOMEMLIMIT" {
				limit = v.(object)["value"]
			}
		}
		resources := container["resources"].(object)
		if got := fmt.Sprintf("%v %v %v", resources["requests"], resources["limits"], limit); got != want {
			t.Errorf("memory %d: got %s, want %s", memory, got, want)
		}
	}
}

// TestTheChartEqualsTheExampleForSmallNodes builds the example of manifests/nearcast/README.md.
func TestTheChartEqualsTheExampleForSmallNodes(t *testing.T) {
	readme, err := os.ReadFile(filepath.Join(manifests, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(readme), "## Small nodes")
	_, example, _ = strings.Cut(example, "```yaml\n")
	example, _, _ = strings.Cut(example, "```")
	wanted, err := build(kustomization(t, "daemonset", example))
	if err != nil {
		t.Fatal(err)
	}
	got, err := render(t, packed(t), "nearcast-system", object{"memory": 96})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range wanted {
		if d := differences(o, got[nameOf(o)], ""); len(d) > 0 {
			t.Errorf("%s differs in %v", nameOf(o), d)
		}
	}
}

// kustomization makes a directory with one that changes another of the manifests.
func kustomization(t *testing.T, of, changes string) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	folder, err := filepath.Abs(filepath.Join(manifests, of))
	if err != nil {
		t.Fatal(err)
	}
	relative, err := filepath.Rel(dir, folder) // kustomize refuses others
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte("resources: ["+relative+"]\n"+changes), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestASpeakerValueKeepsItsOtherKeys sets only one key.
func TestASpeakerValueKeepsItsOtherKeys(t *testing.T) {
	got, err := render(t, packed(t), "nearcast-system", object{"speaker": object{"asn": 64515}})
	if err != nil {
		t.Fatal(err)
	}
	var speaker object
	if err := yaml.Unmarshal([]byte(got["ConfigMap/nearcast"]["data"].(object)["speaker.yaml"].(string)), &speaker); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(speaker["asn"]) != "64515" || speaker["routerID"] != "${NODE_ADDRESS}" || speaker["metrics"] != "${NODE_ADDRESS}:9154" || len(speaker["vips"].([]any)) != 1 {
		t.Errorf("got %v", speaker)
	}
}

func TestUnknownChartValuesAreRefused(t *testing.T) {
	c := packed(t)
	for _, set := range []object{{"variant": "statefulset"}, {"clusterName": "de-wide"}, {"zone": "fn.example.org {"}, {"speaker": "asn: 1"}, {"memory": "64Mi"}, {"memory": 63}} {
		if _, err := render(t, c, "nearcast-system", set); err == nil || !strings.Contains(err.Error(), "values don't meet the specifications") {
			t.Errorf("%v: %v", set, err)
		}
	}
}

// Command chart makes the Helm chart from manifests/nearcast: its templates are the objects that kustomize builds
// there, with values for what differs between clusters. They have no second source.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"sigs.k8s.io/yaml"
)

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: chart MANIFESTS VERSION INTO")
		os.Exit(2)
	}
	path, err := pack(os.Args[1], os.Args[2], os.Args[3])
	if err != nil {
		fmt.Fprintln(os.Stderr, "chart:", err)
		os.Exit(1)
	}
	fmt.Println(path)
}

// pack writes the chart of the directory manifests/nearcast, with the version in a file, as an archive into a
// directory, and returns its path.
func pack(manifests, versionFile, into string) (string, error) {
	version, err := os.ReadFile(versionFile)
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "nearcast-chart")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(dir) }() // a temporary folder
	if err := write(manifests, strings.TrimSpace(string(version)), dir); err != nil {
		return "", err
	}
	chart, err := loader.Load(dir)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(into, 0o755); err != nil {
		return "", err
	}
	return chartutil.Save(chart, into)
}

// write makes the chart in a directory: the content of manifests/nearcast/chart, the version, and the templates.
func write(manifests, version, dir string) error {
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(manifests, "chart"))); err != nil {
		return err
	}
	if err := stamp(filepath.Join(dir, "Chart.yaml"), version); err != nil {
		return err
	}
	images, err := imagesIn(filepath.Join(dir, "values.yaml"))
	if err != nil {
		return err
	}
	for _, part := range parts {
		objects, err := build(filepath.Join(manifests, part.folder))
		if err != nil {
			return err
		}
		text, err := part.template(objects, values(images))
		if err != nil {
			return err
		}
		path := filepath.Join(dir, "templates", part.folder+".yaml")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// images are those of the chart's values, with their digests.
type images struct {
	Resolver string `json:"image"`
	Speaker  string `json:"speakerImage"`
}

func imagesIn(path string) (images, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return images{}, err
	}
	var i images
	if err := yaml.Unmarshal(text, &i); err != nil {
		return images{}, fmt.Errorf("%s: %w", path, err)
	}
	return i, nil
}

// stamp adds the version of the chart, which is that of the software it deploys.
func stamp(path, version string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return os.WriteFile(path, fmt.Appendf(text, "version: %[1]s\nappVersion: %[1]s\n", version), 0o644)
}

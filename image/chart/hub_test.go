package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// TestTheChartHasWhatArtifactHubShows holds that the annotations and the README, which Artifact
// Hub shows, match what the chart deploys.
func TestTheChartHasWhatArtifactHubShows(t *testing.T) {
	c := packed(t)
	var images []struct{ Name, Image string }
	if err := yaml.Unmarshal([]byte(c.Metadata.Annotations["artifacthub.io/images"]), &images); err != nil {
		t.Fatal(err)
	}
	if len(images) != 2 || images[0].Image != c.Values["image"] || images[1].Image != c.Values["speakerImage"] {
		t.Errorf("artifacthub.io/images has %v, but the chart deploys %v", images, c.Values["image"])
	}
	for _, key := range []string{"category", "license", "prerelease"} {
		if c.Metadata.Annotations["artifacthub.io/"+key] == "" {
			t.Errorf("no annotation artifacthub.io/%s", key)
		}
	}
	if len(c.Metadata.Maintainers) == 0 || len(c.Metadata.Sources) == 0 || len(c.Metadata.Keywords) == 0 {
		t.Error("the chart lacks maintainers, sources or keywords")
	}
	readme, err := os.ReadFile(filepath.Join(manifests, "chart", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	rows := strings.Count(string(readme), "\n| `")
	if rows != len(c.Values) {
		t.Errorf("the README has %d values, but the chart has %d", rows, len(c.Values))
	}
	for value, byDefault := range c.Values {
		shown := fmt.Sprint(byDefault)
		switch byDefault.(type) {
		case map[string]any:
			shown = "{}"
		case string:
			if shown == "" {
				shown = `""`
			}
			shown, _, _ = strings.Cut(shown, "@") // a pinned image
		}
		if !strings.Contains(string(readme), "\n| `"+value+"` |") || !strings.Contains(string(readme), "| `"+shown+"` |\n") {
			t.Errorf("the README does not have %s with its default %s", value, shown)
		}
	}
}

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const digest = "@sha256:0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f"

// imageOf builds a user's own kustomization, as shown in the README of
// manifests/nearcast, of a pod whose image has a digest, and returns its image.
func imageOf(t *testing.T, images string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"pod.yaml":           "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a, image: \"nearcast/coredns:1.2.3" + digest + "\"}]}\n",
		"kustomization.yaml": "resources: [pod.yaml]\nimages: [" + images + "]\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	objects, err := build(dir)
	if err != nil {
		t.Fatal(err)
	}
	return objects[0]["spec"].(object)["containers"].([]any)[0].(object)["image"].(string)
}

func TestAnotherRegistryKeepsTheDigestAndATagReplacesIt(t *testing.T) {
	const own = "registry.example.org/nearcast/coredns"
	if got := imageOf(t, "{name: nearcast/coredns, newName: "+own+"}"); got != own+":1.2.3"+digest {
		t.Errorf("newName: %s", got)
	}
	if got := imageOf(t, "{name: nearcast/coredns, newName: "+own+", newTag: 1.2.4-full}"); got != own+":1.2.4-full" {
		t.Errorf("newTag: %s", got)
	}
}

// TestAChartOfPinnedManifestsHasTheirDigest writes digests as `make pin` does.
func TestAChartOfPinnedManifestsHasTheirDigest(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(manifests)); err != nil {
		t.Fatal(err)
	}
	version, err := os.ReadFile(versionFile)
	if err != nil {
		t.Fatal(err)
	}
	tagged := "nearcast/coredns:" + strings.TrimSpace(string(version))
	for _, name := range []string{"chart/values.yaml", "daemonset/daemonset.yaml", "deployment/deployment.yaml"} {
		path := filepath.Join(dir, name)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(string(text), "\n")
		for i, line := range lines {
			if before, _, found := strings.Cut(line, "image: "+tagged); found {
				lines[i] = before + "image: " + tagged + digest
			}
		}
		if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	c := packedOf(t, dir)
	for values, want := range map[string]string{"": tagged + digest, "registry.example.org/nearcast:1": "registry.example.org/nearcast:1"} {
		set := object{"variant": "deployment"}
		if values != "" {
			set["image"] = values
		}
		got, err := render(t, c, "nearcast-resolver", set)
		if err != nil {
			t.Fatal(err)
		}
		pod := got["Deployment/nearcast"]["spec"].(object)["template"].(object)["spec"].(object)
		if image := pod["containers"].([]any)[0].(object)["image"]; image != want {
			t.Errorf("image %q: the Deployment has %v, want %s", values, image, want)
		}
	}
}

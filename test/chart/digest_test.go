package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// imageOf builds a kustomization of one's own, as the README of manifests/nearcast has
// it, and returns its image.
func imageOf(t *testing.T, images string) string {
	t.Helper()
	dir := t.TempDir()
	variant, err := filepath.Abs(filepath.Join(manifests, "deployment"))
	if err != nil {
		t.Fatal(err)
	}
	resource, err := filepath.Rel(dir, variant)
	if err != nil {
		t.Fatal(err)
	}
	text := "resources: [" + resource + "]\nimages: [" + images + "]\n"
	if err := os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	objects, err := build(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range objects {
		if nameOf(o) == "Deployment/nearcast" {
			pod := o["spec"].(object)["template"].(object)["spec"].(object)
			return pod["containers"].([]any)[0].(object)["image"].(string)
		}
	}
	t.Fatal("no Deployment")
	return ""
}

func TestARegistryOfOnesOwnKeepsTheDigestAndATagReplacesIt(t *testing.T) {
	c := packed(t)
	_, digest, _ := strings.Cut(c.Values["image"].(string), "@")
	const own = "registry.example.org/nearcast/coredns"
	if got := imageOf(t, "{name: nearcast/coredns, newName: "+own+"}"); !strings.HasPrefix(got, own+":") || !strings.HasSuffix(got, "@"+digest) || digest == "" {
		t.Errorf("newName: %s", got)
	}
	if got := imageOf(t, "{name: nearcast/coredns, newName: "+own+", newTag: 1.2.3-full}"); got != own+":1.2.3-full" {
		t.Errorf("newTag: %s", got)
	}
}

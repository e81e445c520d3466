package manifests

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	sigsyaml "sigs.k8s.io/yaml"
)

// tenants are the namespaces of manifests/functions that belong to a tenant.
func tenants(t *testing.T) (all []string) {
	t.Helper()
	for _, namespace := range functions(t, "Namespace") {
		if namespace.GetLabels()["nearcast.dev/tenant"] == "true" {
			all = append(all, namespace.GetName())
		}
	}
	slices.Sort(all)
	return all
}

var claim = regexp.MustCompile(`(?m)^\s*claim (\S+) (\S+)`)

// TestATenantIsTheSameEverywhere: what a tenant needs is in several directories, which no
// program reads together. README.md of manifests/functions has the list.
func TestATenantIsTheSameEverywhere(t *testing.T) {
	want := tenants(t)
	same := func(what string, got []string) {
		t.Helper()
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want the tenants %v", what, got, want)
		}
	}
	for _, variant := range []string{"daemonset", "deployment"} {
		claims := map[string]string{}
		for _, m := range claim.FindAllStringSubmatch(text(t, "nearcast/"+variant+"/Corefile"), -1) {
			claims[m[1]] = m[2]
		}
		same("claims of the "+variant, slices.Collect(maps.Keys(claims)))
		for tenant, names := range claims {
			if names != tenant+"."+zone {
				t.Errorf("%s: %s claims %s, which does not contain its functions' names", variant, tenant, names)
			}
		}
	}
	var speaker struct {
		Pools []struct{ Namespaces []string }
	}
	if err := sigsyaml.Unmarshal([]byte(text(t, "nearcast/daemonset/speaker.yaml")), &speaker); err != nil {
		t.Fatal(err)
	}
	var pooled []string
	for _, pool := range speaker.Pools {
		if len(pool.Namespaces) != 1 {
			t.Errorf("a pool of the speaker is shared by %v: each can take addresses from the others", pool.Namespaces)
		}
		pooled = append(pooled, pool.Namespaces...)
	}
	same("the pools of the speaker", pooled)
	same("network/policies", foldersOn(t, "network/policies", "../tenant"))
	same("functions/tenants", foldersOn(t, "functions/tenants", "../base"))
}

// foldersOn are the directories whose kustomization builds on another.
func foldersOn(t *testing.T, folder, base string) (all []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, folder, "*/kustomization.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var k struct{ Resources []string }
		if err := sigsyaml.Unmarshal(data, &k); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if slices.Contains(k.Resources, base) {
			all = append(all, filepath.Base(filepath.Dir(file)))
		}
	}
	return all
}

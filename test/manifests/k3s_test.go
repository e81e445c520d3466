package manifests

import (
	"fmt"
	"io/fs"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	sigsyaml "sigs.k8s.io/yaml"
)

// vpn is the prefix from which Headscale assigns addresses.
var vpn = netip.MustParsePrefix("100.64.0.0/10")

// node is a kind of node, with its files in the order in which K3s reads them.
type node struct {
	name, command string
	files         []string
}

// nodes are all kinds that the README of manifests/clusters knows.
func nodes(t *testing.T) []node {
	var all []node
	for _, site := range sites(t) {
		mine := []string{"node.yaml", "sites/" + site + "/node.yaml"}
		servers := append(slices.Clone(mine), "sites/"+site+"/server.yaml", "gateway.yaml", "spin.yaml")
		agents := append(slices.Clone(mine), "gateway.yaml", "spin.yaml")
		add := func(kind, command string, files ...string) {
			all = append(all, node{site + ", " + kind, command, files})
		}
		switch site {
		case "de-wide", "l26-ugd":
			add("server", "server", append([]string{"wide/server.yaml"}, servers...)...)
			add("agent", "agent", append([]string{"wide/agent.yaml"}, agents...)...)
		default:
			add("first server", "server", append([]string{"tight/server.yaml", "tight/first.yaml"}, servers...)...)
			add("another server", "server", append([]string{"tight/server.yaml", "tight/join.yaml"}, servers...)...)
			add("agent", "agent", append([]string{"tight/agent.yaml"}, agents...)...)
		}
	}
	return all
}

// sites are the clusters' names.
func sites(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(root, "clusters/k3s/sites"))
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, entry := range entries {
		all = append(all, entry.Name())
	}
	return all
}

// config is the result of a node's files in K3s: later ones replace a key, or add to it
// if it ends in a plus.
func (n node) config(t *testing.T) map[string]any {
	t.Helper()
	merged := map[string]any{}
	for _, name := range n.files {
		for key, value := range read(t, name) {
			key, adds := strings.CutSuffix(key, "+")
			if adds {
				value = append(list(merged[key]), list(value)...)
			}
			merged[key] = value
		}
	}
	return merged
}

func read(t *testing.T, name string) map[string]any {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, "clusters/k3s", name))
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, name, data)
}

func parse(t *testing.T, name string, data []byte) map[string]any {
	t.Helper()
	var values map[string]any
	if err := sigsyaml.UnmarshalStrict(data, &values); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return values
}

func list(value any) []any {
	switch value := value.(type) {
	case nil:
		return nil
	case []any:
		return slices.Clone(value)
	default:
		return []any{value}
	}
}

// flags are those of testdata/k3s-flags.txt, by command.
func flags(t *testing.T) map[string][]string {
	t.Helper()
	data, err := os.ReadFile("testdata/k3s-flags.txt")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]string{}
	for line := range strings.Lines(string(data)) {
		if command, flag, ok := strings.Cut(strings.TrimSpace(line), " "); ok && command != "#" {
			all[command] = append(all[command], flag)
		}
	}
	return all
}

// TestK3sAcceptsEveryKey: a server skips a key that it does not know, and only says so in
// its log; an agent does not start.
func TestK3sAcceptsEveryKey(t *testing.T) {
	known, used := flags(t), map[string]bool{}
	for _, n := range nodes(t) {
		for key := range n.config(t) {
			if !slices.Contains(known[n.command], key) {
				t.Errorf("%s: `k3s %s` has no flag %s", n.name, n.command, key)
			}
			used[n.command+" "+key] = true
		}
	}
	for command, all := range known {
		if !slices.IsSorted(all) {
			t.Errorf("testdata/k3s-flags.txt: the flags of %s are not sorted", command)
		}
		for _, flag := range all {
			if !used[command+" "+flag] {
				t.Errorf("testdata/k3s-flags.txt: %s %s is unused", command, flag)
			}
		}
	}
}

func TestEveryFileOfK3sBelongsToANode(t *testing.T) {
	var used []string
	for _, n := range nodes(t) {
		used = append(used, n.files...)
	}
	folder := filepath.Join(root, "clusters/k3s")
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		if rel, _ := filepath.Rel(folder, path); !slices.Contains(used, filepath.ToSlash(rel)) {
			t.Errorf("manifests/clusters/k3s/%s: no node uses it", rel)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestServersLeaveTheNetworkToOthers checks what the rest of manifests/ relies on.
func TestServersLeaveTheNetworkToOthers(t *testing.T) {
	calico := pool(t, "pods")
	for _, n := range nodes(t) {
		if n.command != "server" {
			continue
		}
		c := n.config(t)
		for _, want := range []struct {
			key   string
			value any
		}{
			{"flannel-backend", "none"},
			{"disable-network-policy", true},
			{"secrets-encryption", true},
			{"cluster-cidr", calico},
		} {
			if c[want.key] != want.value {
				t.Errorf("%s: %s: got %v, want %v", n.name, want.key, c[want.key], want.value)
			}
		}
		for _, part := range []string{"servicelb", "traefik"} {
			if !slices.Contains(list(c["disable"]), any(part)) {
				t.Errorf("%s: %s is not disabled", n.name, part)
			}
		}
		_, starts := c["cluster-init"]
		if _, joins := c["server"]; starts == joins {
			t.Errorf("%s: it must start a cluster or join one", n.name)
		}
	}
}

// pool is the prefix of one of Calico's pools.
func pool(t *testing.T, name string) string {
	t.Helper()
	for _, object := range build(t, "network/calico") {
		pools, _, err := unstructured.NestedSlice(object.Object, "spec", "calicoNetwork", "ipPools")
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range pools {
			if p := p.(map[string]any); p["name"] == name {
				return fmt.Sprint(p["cidr"])
			}
		}
	}
	t.Fatalf("Calico has no pool %q", name)
	return ""
}

func TestNodesReachEachOtherOnlyByTheVPN(t *testing.T) {
	for _, n := range nodes(t) {
		c := n.config(t)
		if addr, err := netip.ParseAddr(fmt.Sprint(c["node-ip"])); err != nil || !vpn.Contains(addr) {
			t.Errorf("%s: node-ip is %v, which is not in the VPN", n.name, c["node-ip"])
		}
		server, ok := c["server"]
		if !ok {
			if n.command == "agent" {
				t.Errorf("%s: joins no server", n.name)
			}
			continue
		}
		u, err := url.Parse(fmt.Sprint(server))
		if err != nil {
			t.Errorf("%s: %v", n.name, err)
			continue
		}
		if addr, err := netip.ParseAddr(u.Hostname()); err != nil || !vpn.Contains(addr) || u.Scheme != "https" || u.Port() != "6443" {
			t.Errorf("%s: joins %v, which is not an API in the VPN", n.name, server)
		}
	}
}

func TestTokensAreInFiles(t *testing.T) {
	for _, n := range nodes(t) {
		c := n.config(t)
		for key := range c {
			if strings.HasSuffix(key, "token") || strings.HasSuffix(key, "vpn-auth") {
				t.Errorf("%s: %s has a secret in the configuration; use %s-file", n.name, key, key)
			}
		}
		if n.command == "agent" && c["token-file"] != "/etc/rancher/k3s/agent-token" {
			t.Errorf("%s: token-file is %v: agents must have their own token, which does not allow joining as a server", n.name, c["token-file"])
		}
		for _, key := range []string{"token-file", "agent-token-file"} {
			if n.command == "server" && !strings.HasPrefix(fmt.Sprint(c[key]), "/etc/rancher/k3s/") {
				t.Errorf("%s: %s is %v", n.name, key, c[key])
			}
		}
	}
}

// TestClusterAPIWritesKeysThatK3sAccepts reads the files that capi/ puts beside K3s's
// configuration, which no API server looks into.
func TestClusterAPIWritesKeysThatK3sAccepts(t *testing.T) {
	known, seen := flags(t), 0
	for _, object := range build(t, "clusters/capi") {
		files, _, err := unstructured.NestedSlice(object.Object, "spec", "kthreesConfigSpec", "files")
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			f := f.(map[string]any)
			path := fmt.Sprint(f["path"])
			if !strings.HasPrefix(path, "/etc/rancher/k3s/") {
				continue
			}
			seen++
			c := parse(t, path, []byte(fmt.Sprint(f["content"])))
			for key := range c {
				if !slices.Contains(known["server"], key) {
					t.Errorf("capi: %s: `k3s server` has no flag %s", path, key)
				}
			}
			if c["flannel-backend"] != "none" || c["disable-network-policy"] != true {
				t.Errorf("capi: %s leaves K3s's own network enabled: %v", path, c)
			}
		}
	}
	if seen == 0 {
		t.Error("capi writes no file beside K3s's configuration")
	}
}

package manifests

import (
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// federated are the Clusters of manifests/federation, by name.
func federated(t *testing.T) map[string]*unstructured.Unstructured {
	t.Helper()
	all := map[string]*unstructured.Unstructured{}
	for _, object := range build(t, "federation/clusters") {
		all[object.GetName()] = object
	}
	return all
}

// joinOrder is the order in the README: each cluster's nodes have the next three
// addresses of the VPN.
var joinOrder = []string{"mk-core", "us-azure", "hpc-kube", "de-wide", "l26-ugd"}

// address returns the address of a cluster's node, counted from 0.
func address(cluster string, node int) string {
	return netip.AddrFrom4([4]byte{100, 64, 0, byte(3*slices.Index(joinOrder, cluster) + node + 1)}).String()
}

func TestTheClustersAreTheSameEverywhere(t *testing.T) {
	want := slices.Sorted(slices.Values(joinOrder))
	if got := sites(t); !slices.Equal(got, want) {
		t.Errorf("manifests/clusters: got %v, want %v", got, want)
	}
	clusters := federated(t)
	if got := slices.Sorted(maps.Keys(clusters)); !slices.Equal(got, want) {
		t.Errorf("manifests/federation: got %v, want %v", got, want)
	}
	policy := text(t, "network/headscale/policy.hujson")
	for _, name := range want {
		if !strings.Contains(policy, `"tag:`+name+`":`) {
			t.Errorf("Headscale's policy has no owner for tag:%s", name)
		}
	}
	for name, cluster := range clusters {
		labels := fmt.Sprint(read(t, "sites/"+name+"/node.yaml")["node-label"])
		region, _, _ := unstructured.NestedString(cluster.Object, "spec", "region")
		zones, _, _ := unstructured.NestedStringSlice(cluster.Object, "spec", "zones")
		for _, label := range []string{"topology.kubernetes.io/region=" + region, "topology.kubernetes.io/zone=" + strings.Join(zones, ",")} {
			if !strings.Contains(labels, label+" ") && !strings.Contains(labels, label+"]") {
				t.Errorf("%s: its nodes have labels %s, but its Cluster has %s", name, labels, label)
			}
		}
	}
}

// TestGatewaysHaveTheAddressesOfTheVPN: the address for clients in the VPN is the first
// node's, which is the one tagged as a gateway.
func TestGatewaysHaveTheAddressesOfTheVPN(t *testing.T) {
	for name, cluster := range federated(t) {
		got, want := cluster.GetAnnotations()["nearcast.dev/address.vpn"], address(name, 0)
		if name == "mk-core" {
			want = "" // it runs no functions
		}
		if got != want {
			t.Errorf("%s: got address %q in the VPN, want %q", name, got, want)
		}
	}
}

// TestEachMemberUsesTheModeThatTheVPNAllows: in push mode, Karmada reaches the
// member's API, and nobody else does.
func TestEachMemberUsesTheModeThatTheVPNAllows(t *testing.T) {
	policy := text(t, "network/headscale/policy.hujson")
	_, rule, _ := strings.Cut(policy, `"src": ["tag:mk-core"],`)
	_, rule, _ = strings.Cut(rule, `"src": ["tag:mk-core"],`) // the first is its own mesh
	rule, _, _ = strings.Cut(rule, "}")
	for name, cluster := range federated(t) {
		mode, _, _ := unstructured.NestedString(cluster.Object, "spec", "syncMode")
		if got, want := strings.Contains(rule, `"tag:`+name+`:6443"`), mode == "Push" && name != "mk-core"; got != want {
			t.Errorf("%s joins by %s, but mk-core may reach its API: %t", name, mode, got)
		}
	}
}

func text(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// Package isolation uses Cyclonus, which evaluates NetworkPolicies like the Kubernetes
// network group's conformance suite, to test what manifests/network/policies allows
// inside a cluster.
package isolation

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/mattfenwick/cyclonus/pkg/matcher"
	v1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

const folder = "../../../manifests/network/policies"

// policies are the NetworkPolicies of the directory, ready to be evaluated.
func policies(t *testing.T) *matcher.Policy {
	t.Helper()
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), folder)
	if err != nil {
		t.Fatal(err)
	}
	text, err := built.AsYaml()
	if err != nil {
		t.Fatal(err)
	}
	var all []*networkingv1.NetworkPolicy
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096)
	for {
		p := new(networkingv1.NetworkPolicy)
		if err := decoder.Decode(p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if p.Kind == "NetworkPolicy" {
			all = append(all, p)
		}
	}
	return matcher.BuildNetworkPolicies(true, all)
}

func pod(namespace, addr string, labels map[string]string) *matcher.TrafficPeer {
	return &matcher.TrafficPeer{IP: addr, Internal: &matcher.InternalPeer{
		Namespace: namespace, NamespaceLabels: map[string]string{"kubernetes.io/metadata.name": namespace}, PodLabels: labels,
	}}
}

// outside is an address that does not belong to a pod: a node, or a host on the internet.
func outside(addr string) *matcher.TrafficPeer { return &matcher.TrafficPeer{IP: addr} }

var (
	function  = pod("science", "10.42.0.10", map[string]string{"app.kubernetes.io/name": "n-body-container"})
	sibling   = pod("science", "10.42.1.11", map[string]string{"core.spinkube.dev/app-name": "n-body-spin"})
	announced = pod("accounts", "10.42.0.12", map[string]string{"app.kubernetes.io/name": "user-manager-container", "nearcast.dev/announced": "true"})
	tenant    = pod("accounts", "10.42.1.13", map[string]string{"app.kubernetes.io/name": "user-manager"})
	gateway   = pod("envoy-gateway-system", "10.42.0.14", map[string]string{"gateway.envoyproxy.io/owning-gateway-name": "functions"})
	manager   = pod("envoy-gateway-system", "10.42.0.15", map[string]string{"control-plane": "envoy-gateway"})
	dns       = pod("kube-system", "10.42.0.16", map[string]string{"k8s-app": "kube-dns"})
	metrics   = pod("kube-system", "10.42.0.17", map[string]string{"k8s-app": "metrics-server"})
	resolver  = pod("nearcast-resolver", "10.42.0.18", map[string]string{"app.kubernetes.io/name": "nearcast"})
	stray     = pod("nearcast-resolver", "10.42.0.20", nil)
	monitor   = pod("monitoring", "10.42.0.19", map[string]string{"app.kubernetes.io/name": "prometheus"})

	node      = outside("10.41.0.64") // on the overlay
	api       = outside("100.64.0.4") // the same, in the VPN
	anycast   = outside("198.51.100.53")
	cloud     = outside("169.254.169.254")
	karmada   = outside("100.64.0.1")
	elsewhere = outside("198.51.100.4") // another cluster's gateway
	someone   = outside("203.0.113.9")
)

func TestNetworkPoliciesAllowExactlyTheseConnections(t *testing.T) {
	p := policies(t)
	for _, c := range []struct {
		what     string
		from, to *matcher.TrafficPeer
		port     int
		name     string // of the port, where it has one
		protocol v1.Protocol
		want     bool
	}{
		{"a call through the gateway", gateway, function, 8080, "http", v1.ProtocolTCP, true},
		{"the gateway's own manager may not", manager, function, 8080, "http", v1.ProtocolTCP, false},
		{"functions of a tenant call each other", sibling, function, 8080, "http", v1.ProtocolTCP, true},
		{"but not another tenant's", tenant, function, 8080, "http", v1.ProtocolTCP, false},
		{"nor an announced one's, except through the gateway", function, announced, 8080, "http", v1.ProtocolTCP, false},
		{"nobody calls past the gateway", someone, function, 8080, "http", v1.ProtocolTCP, false},
		{"except announced functions", someone, announced, 8080, "http", v1.ProtocolTCP, true},
		{"nor may other pods of the cluster", monitor, announced, 8080, "http", v1.ProtocolTCP, false},
		{"the resolver calls no pod of a tenant", resolver, function, 8080, "http", v1.ProtocolTCP, false},
		{"a speaker on another node probes", node, function, 8080, "http", v1.ProtocolTCP, true},
		{"a node in the VPN is not of this cluster", api, function, 8080, "http", v1.ProtocolTCP, false},

		{"names, of the cluster's DNS", function, dns, 53, "dns", v1.ProtocolUDP, true},
		{"and long answers", function, dns, 53, "dns-tcp", v1.ProtocolTCP, true},
		{"nothing else of kube-system", function, metrics, 53, "dns", v1.ProtocolUDP, false},
		{"names, of the anycast resolver", function, anycast, 53, "", v1.ProtocolUDP, true},
		{"names, of the resolver's pods", function, resolver, 1053, "dns", v1.ProtocolUDP, true},
		{"nothing else of the resolver", function, resolver, 9153, "metrics", v1.ProtocolTCP, false},

		{"a service outside that keeps data", function, someone, 443, "", v1.ProtocolTCP, true},
		{"only by HTTPS", function, someone, 80, "", v1.ProtocolTCP, false},
		{"the cluster's API", function, api, 6443, "", v1.ProtocolTCP, false},
		{"the VPN's HTTPS", function, api, 443, "", v1.ProtocolTCP, false},
		{"the cloud's metadata", function, cloud, 443, "", v1.ProtocolTCP, false},
		{"Karmada", function, karmada, 5443, "", v1.ProtocolTCP, false},

		{"any client queries the resolver", tenant, resolver, 1053, "dns", v1.ProtocolUDP, true},
		{"from outside too", someone, resolver, 1053, "dns-tcp", v1.ProtocolTCP, true},
		{"only Prometheus reads its metrics", monitor, resolver, 9153, "metrics", v1.ProtocolTCP, true},
		{"and no tenant", tenant, resolver, 9153, "metrics", v1.ProtocolTCP, false},
		{"other pods of its namespace are not reachable", someone, stray, 8080, "", v1.ProtocolTCP, false},
		{"nor may they reach anything", stray, someone, 443, "", v1.ProtocolTCP, false},
		{"it follows Karmada", resolver, karmada, 5443, "", v1.ProtocolTCP, true},
		{"it probes other clusters", resolver, elsewhere, 443, "", v1.ProtocolTCP, true},
		{"it probes its own gateway's pods, where their port is mapped", resolver, gateway, 10443, "", v1.ProtocolTCP, true},
		{"it does not use the cluster's API", resolver, api, 6443, "", v1.ProtocolTCP, false},
	} {
		got := p.IsTrafficAllowed(&matcher.Traffic{Source: c.from, Destination: c.to, ResolvedPort: c.port, ResolvedPortName: c.name, Protocol: c.protocol})
		if got.IsAllowed() != c.want {
			t.Errorf("%s: got %t, want %t\n%s", c.what, got.IsAllowed(), c.want, got.Table())
		}
	}
}

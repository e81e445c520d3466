// Modules that have the definitions of what manifests/ uses, pinned. Nothing of
// them is compiled: they are a module of their own so that nothing of theirs enters
// the product's.
module github.com/nearcast/nearcast/test/manifests/crds

go 1.26.0

require (
	github.com/envoyproxy/gateway v1.7.0
	github.com/k3s-io/cluster-api-k3s v0.3.0
	// Calico 3.28.5, the newest that is there as a module.
	github.com/projectcalico/calico v1.11.0-cni-plugin.0.20250813170300-a0db560f0520
	github.com/prometheus-operator/prometheus-operator v0.85.0
	// 0.6.1 is there under another name, and not as a module; it has all of these fields.
	github.com/spinkube/spin-operator v0.4.0
	sigs.k8s.io/cluster-api v1.13.0
	sigs.k8s.io/cluster-api-provider-azure v1.21.0
	sigs.k8s.io/gateway-api v1.4.1
)

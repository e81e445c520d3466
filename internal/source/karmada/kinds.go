package karmada

import "github.com/nearcast/nearcast/internal/federation/staging"

// kinds returns readers for the kinds that are read, in the namespaces of the source.
// Kinds that declare functions or say where they run are required; the others are
// optional, in case the API does not serve them or forbids them.
func (s *Source) kinds(store *staging.Store, onError func(error)) []*reader {
	var all []*reader
	add := func(group, kind, namespace string, optional bool, from Lists) {
		r := &reader{group: group, kind: kind, namespace: namespace, optional: optional, store: store, onError: onError}
		r.from = from(namespace, r.keep)
		all = append(all, r)
	}
	// Clusters have no namespace.
	add("cluster.karmada.io", "Cluster", "", false, s.api.Clusters)
	for _, ns := range s.namespaces {
		add("work.karmada.io", "ResourceBinding", ns, false, s.api.ResourceBindings)
		add("", "Service", ns, false, s.api.Services)
		add("apps", "Deployment", ns, true, s.api.Deployments)
		add("apps", "StatefulSet", ns, true, s.api.StatefulSets)
		add("apps", "DaemonSet", ns, true, s.api.DaemonSets)
		add("networking.k8s.io", "Ingress", ns, true, s.api.Ingresses)
		add("networking.karmada.io", "MultiClusterService", ns, true, s.api.MultiClusterServices)
	}
	return all
}

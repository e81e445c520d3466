package karmada

import (
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/runtime"

	clusterv1alpha1 "github.com/karmada-io/karmada/pkg/apis/cluster/v1alpha1"
	karmadanetworkingv1alpha1 "github.com/karmada-io/karmada/pkg/apis/networking/v1alpha1"
	workv1alpha2 "github.com/karmada-io/karmada/pkg/apis/work/v1alpha2"

	"github.com/nearcast/nearcast/internal/federation/staging"
)

// kinds returns readers for the kinds that are read, in the namespaces of the source.
// Kinds that declare functions or say where they run are required; the others are
// optional, in case the API does not serve them or forbids them.
func (s *Source) kinds(store *staging.Store, onError func(error)) []*reader {
	var all []*reader
	add := func(group, kind, namespace string, optional bool, object runtime.Object, from Lists) {
		all = append(all, &reader{
			group: group, kind: kind, namespace: namespace, optional: optional,
			store: store, onError: onError, object: object, from: from(namespace),
		})
	}
	// Clusters have no namespace.
	add("cluster.karmada.io", "Cluster", "", false, &clusterv1alpha1.Cluster{}, s.api.Clusters)
	for _, ns := range s.namespaces {
		add("work.karmada.io", "ResourceBinding", ns, false, &workv1alpha2.ResourceBinding{}, s.api.ResourceBindings)
		add("", "Service", ns, false, &corev1.Service{}, s.api.Services)
		add("apps", "Deployment", ns, true, &appsv1.Deployment{}, s.api.Deployments)
		add("apps", "StatefulSet", ns, true, &appsv1.StatefulSet{}, s.api.StatefulSets)
		add("apps", "DaemonSet", ns, true, &appsv1.DaemonSet{}, s.api.DaemonSets)
		add("networking.k8s.io", "Ingress", ns, true, &networkingv1.Ingress{}, s.api.Ingresses)
		add("networking.karmada.io", "MultiClusterService", ns, true, &karmadanetworkingv1alpha1.MultiClusterService{}, s.api.MultiClusterServices)
	}
	return all
}

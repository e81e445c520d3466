package karmada

import (
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/cache"

	clusterv1alpha1 "github.com/karmada-io/karmada/pkg/apis/cluster/v1alpha1"
	karmadanetworkingv1alpha1 "github.com/karmada-io/karmada/pkg/apis/networking/v1alpha1"
	workv1alpha2 "github.com/karmada-io/karmada/pkg/apis/work/v1alpha2"

	"github.com/nearcast/nearcast/internal/apiwatch"
	"github.com/nearcast/nearcast/internal/federation"
)

// kinds are those that are read, in the namespaces of the source. What declares
// functions and where they are is needed; the others are done without where the
// API does not serve them, or not to us.
func (s *Source) kinds(store *federation.Store, onError func(error)) []*reader {
	var all []*reader
	add := func(group, kind, namespace string, optional bool, object runtime.Object, from cache.ListerWatcher) {
		all = append(all, &reader{
			group: group, kind: kind, namespace: namespace, optional: optional,
			store: store, onError: onError, object: object, from: from,
		})
	}
	k, core := s.api.Karmada, s.api.Kubernetes
	// Clusters have no namespace.
	add("cluster.karmada.io", "Cluster", "", false, &clusterv1alpha1.Cluster{}, apiwatch.From(k, k.ClusterV1alpha1().Clusters()))
	for _, ns := range s.namespaces {
		add("work.karmada.io", "ResourceBinding", ns, false, &workv1alpha2.ResourceBinding{}, apiwatch.From(k, k.WorkV1alpha2().ResourceBindings(ns)))
		add("", "Service", ns, false, &corev1.Service{}, apiwatch.From(core, core.CoreV1().Services(ns)))
		add("apps", "Deployment", ns, true, &appsv1.Deployment{}, apiwatch.From(core, core.AppsV1().Deployments(ns)))
		add("apps", "StatefulSet", ns, true, &appsv1.StatefulSet{}, apiwatch.From(core, core.AppsV1().StatefulSets(ns)))
		add("apps", "DaemonSet", ns, true, &appsv1.DaemonSet{}, apiwatch.From(core, core.AppsV1().DaemonSets(ns)))
		add("networking.k8s.io", "Ingress", ns, true, &networkingv1.Ingress{}, apiwatch.From(core, core.NetworkingV1().Ingresses(ns)))
		add("networking.karmada.io", "MultiClusterService", ns, true, &karmadanetworkingv1alpha1.MultiClusterService{}, apiwatch.From(k, k.NetworkingV1alpha1().MultiClusterServices(ns)))
	}
	return all
}

// Package slim strips Kubernetes and Karmada API objects to the slim values of
// package federation. Both sources use it, so a file and an informer mean the
// same. It is pure: it imports the API types, and no client.
package slim

import (
	"encoding/json"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	clusterv1alpha1 "github.com/karmada-io/karmada/pkg/apis/cluster/v1alpha1"
	karmadanetworkingv1alpha1 "github.com/karmada-io/karmada/pkg/apis/networking/v1alpha1"
	policyv1alpha1 "github.com/karmada-io/karmada/pkg/apis/policy/v1alpha1"
	remedyv1alpha1 "github.com/karmada-io/karmada/pkg/apis/remedy/v1alpha1"
	workv1alpha2 "github.com/karmada-io/karmada/pkg/apis/work/v1alpha2"

	"github.com/nearcast/nearcast/internal/federation"
)

// AddToScheme registers every kind that Object accepts.
func AddToScheme(s *runtime.Scheme) error {
	for _, add := range []func(*runtime.Scheme) error{
		corev1.AddToScheme, appsv1.AddToScheme, networkingv1.AddToScheme,
		clusterv1alpha1.Install, workv1alpha2.Install, karmadanetworkingv1alpha1.Install,
	} {
		if err := add(s); err != nil {
			return err
		}
	}
	return nil
}

// Ref returns the reference of an API object of a kind that Object accepts, and
// false for any other.
func Ref(obj any) (federation.Ref, bool) {
	m, ok := obj.(metav1.Object)
	if !ok {
		return federation.Ref{}, false
	}
	ref := federation.Ref{Namespace: m.GetNamespace(), Name: m.GetName()}
	switch obj.(type) {
	case *clusterv1alpha1.Cluster:
		ref.Group, ref.Kind = clusterv1alpha1.GroupName, "Cluster"
	case *workv1alpha2.ResourceBinding:
		ref.Group, ref.Kind = workv1alpha2.GroupName, "ResourceBinding"
	case *karmadanetworkingv1alpha1.MultiClusterService:
		ref.Group, ref.Kind = karmadanetworkingv1alpha1.GroupName, "MultiClusterService"
	case *corev1.Service:
		ref.Kind = "Service"
	case *networkingv1.Ingress:
		ref.Group, ref.Kind = networkingv1.GroupName, "Ingress"
	case *appsv1.Deployment:
		ref.Group, ref.Kind = appsv1.GroupName, "Deployment"
	case *appsv1.StatefulSet:
		ref.Group, ref.Kind = appsv1.GroupName, "StatefulSet"
	default:
		return federation.Ref{}, false
	}
	return ref, true
}

// Object returns the slim value of an API object. It is nil, without a fault,
// where the object says nothing to Nearcast: a Service that declares no
// function, or a kind that is not read. Without an object, faults say why it is
// refused or, if they are warnings, why it is not read; with one, which parts of it
// are refused. The last argument is where the file has its annotations: see
// federation.Annotation.
func Object(obj any, origin federation.Origin, below map[string]int) (federation.Object, []federation.Fault) {
	object, faults := objectOf(obj, origin, below)
	if object != nil {
		federation.Share(object)
	}
	return object, faults
}

func objectOf(obj any, origin federation.Origin, below map[string]int) (federation.Object, []federation.Fault) {
	ref, ok := Ref(obj)
	if !ok {
		return nil, nil
	}
	meta := metaOf(obj.(metav1.Object), ref, origin, below)
	switch obj := obj.(type) {
	case *clusterv1alpha1.Cluster:
		c := cluster(obj, meta)
		return c, federation.ParseCluster(c)
	case *workv1alpha2.ResourceBinding:
		return binding(obj, meta)
	case *karmadanetworkingv1alpha1.MultiClusterService:
		return multiClusterService(obj, meta), nil
	case *corev1.Service:
		return template(&federation.Template{Meta: meta, Selector: obj.Spec.Selector, TCPPort: firstTCP(obj.Spec.Ports), Ports: ports(obj.Spec.Ports)})
	case *networkingv1.Ingress:
		return template(&federation.Template{Meta: meta, TCPPort: 443})
	case *appsv1.Deployment:
		return workload(meta, &obj.Spec.Template), nil
	case *appsv1.StatefulSet:
		return workload(meta, &obj.Spec.Template), nil
	}
	return nil, nil
}

func metaOf(m metav1.Object, ref federation.Ref, origin federation.Origin, below map[string]int) federation.Meta {
	return federation.Meta{
		Ref: ref, UID: string(m.GetUID()), Created: m.GetCreationTimestamp().Time,
		Labels:      labels(m.GetLabels()),
		Annotations: federation.OwnAnnotations(m.GetAnnotations(), below), Origin: origin,
	}
}

// labels are those that Nearcast reads; nil for none.
func labels(all map[string]string) map[string]string {
	value, ok := all[federation.FunctionLabel]
	if !ok {
		return nil
	}
	return map[string]string{federation.FunctionLabel: value}
}

func template(t *federation.Template) (federation.Object, []federation.Fault) {
	if t.Labels[federation.FunctionLabel] != "true" {
		return nil, nil
	}
	// A function is refused whole: without its annotation access it would be public.
	if faults := federation.ParseTemplate(t); len(faults) > 0 {
		return nil, faults
	}
	return t, nil
}

func workload(meta federation.Meta, pods *corev1.PodTemplateSpec) *federation.Workload {
	w := &federation.Workload{Meta: meta, PodLabels: pods.Labels}
	if pods.Spec.RuntimeClassName != nil {
		w.RuntimeClass = *pods.Spec.RuntimeClassName
	}
	return w
}

// ports are those with a name, which Kubernetes' own DNS has SRV records for.
func ports(all []corev1.ServicePort) []federation.Port {
	var named []federation.Port
	for _, p := range all {
		protocol := strings.ToLower(string(p.Protocol))
		if protocol == "" {
			protocol = "tcp"
		}
		if p.Name != "" && (protocol == "tcp" || protocol == "udp") && p.Port > 0 && p.Port < 1<<16 {
			named = append(named, federation.Port{Name: p.Name, Protocol: protocol, Number: uint16(p.Port)})
		}
	}
	return named
}

func firstTCP(ports []corev1.ServicePort) uint16 {
	for _, p := range ports {
		// An empty protocol is TCP: the API's default, absent from a hand-written file.
		if (p.Protocol == "" || p.Protocol == corev1.ProtocolTCP) && p.Port > 0 && p.Port < 1<<16 {
			return uint16(p.Port)
		}
	}
	return 0
}

func cluster(obj *clusterv1alpha1.Cluster, meta federation.Meta) *federation.Cluster {
	c := &federation.Cluster{Meta: meta, Region: obj.Spec.Region, Zones: obj.Spec.Zones}
	for _, cond := range obj.Status.Conditions {
		if cond.Type != clusterv1alpha1.ClusterConditionReady {
			continue
		}
		switch cond.Status {
		case metav1.ConditionTrue:
			c.Ready = federation.ReadyTrue
		case metav1.ConditionFalse:
			c.Ready = federation.ReadyFalse
		}
	}
	c.Used = used(obj.Status.ResourceSummary)
	for _, action := range obj.Status.RemedyActions {
		if action == string(remedyv1alpha1.TrafficControl) {
			c.Leaving = "Karmada Remedy TrafficControl"
		}
	}
	return c
}

// multiClusterService reads the providers, in either spelling.
func multiClusterService(obj *karmadanetworkingv1alpha1.MultiClusterService, meta federation.Meta) *federation.MultiClusterService {
	m := &federation.MultiClusterService{Meta: meta, Providers: slices.Clone(obj.Spec.ServiceProvisionClusters)}
	for _, p := range obj.Spec.ProviderClusters {
		m.Providers = append(m.Providers, p.Name)
	}
	return m
}

// used returns the largest share of a resource that is taken or about to be, in
// twentieths: less is not worth a new table.
func used(summary *clusterv1alpha1.ResourceSummary) float64 {
	if summary == nil {
		return 0
	}
	var most float64
	for name, allocatable := range summary.Allocatable {
		if total := allocatable.AsApproximateFloat64(); total > 0 {
			allocated, allocating := summary.Allocated[name], summary.Allocating[name]
			most = max(most, (allocated.AsApproximateFloat64()+allocating.AsApproximateFloat64())/total)
		}
	}
	return math.Round(20*min(most, 1)) / 20
}

func binding(obj *workv1alpha2.ResourceBinding, meta federation.Meta) (federation.Object, []federation.Fault) {
	r := obj.Spec.Resource
	gv, err := schema.ParseGroupVersion(r.APIVersion)
	if err != nil || r.Kind == "" || r.Name == "" {
		return nil, []federation.Fault{{
			File: meta.Origin.File, Line: meta.Origin.Line, Object: meta.String(), Key: "spec.resource",
			Reason: "names no resource: apiVersion, kind and name are required",
		}}
	}
	b := &federation.Binding{
		Meta:     meta,
		Resource: federation.Ref{Group: gv.Group, Kind: r.Kind, Namespace: r.Namespace, Name: r.Name},
		Members:  make([]federation.Member, 0, max(len(obj.Spec.Clusters), len(obj.Status.AggregatedStatus))),
	}
	for _, snapshot := range obj.Spec.RequiredBy {
		for _, c := range snapshot.Clusters {
			b.Place(c.Name, c.Replicas)
		}
	}
	for _, c := range obj.Spec.Clusters {
		b.Place(c.Name, c.Replicas)
	}
	for _, task := range obj.Spec.GracefulEvictionTasks {
		b.Evictions = append(b.Evictions, federation.Eviction{Cluster: task.FromCluster, Purged: purged(task.PurgeMode)})
	}
	var faults []federation.Fault
	for i := range obj.Status.AggregatedStatus {
		item := &obj.Status.AggregatedStatus[i]
		seen, err := observed(item)
		if err != nil {
			faults = append(faults, federation.Fault{
				File: meta.Origin.File, Line: meta.Origin.Line, Object: meta.String(),
				Key: "status.aggregatedStatus of " + item.ClusterName, Reason: err.Error(),
			})
		}
		b.Observe(item.ClusterName, seen)
	}
	return b, faults
}

// purged reports whether the mode removes the work at once. The deprecated
// spelling is still what older policies carry.
func purged(mode policyv1alpha1.PurgeMode) bool {
	return mode == policyv1alpha1.PurgeModeDirectly || mode == "Immediately"
}

func observed(item *workv1alpha2.AggregatedStatusItem) (federation.Observed, error) {
	o := federation.Observed{Applied: item.Applied, Message: item.AppliedMessage}
	switch item.Health {
	case workv1alpha2.ResourceHealthy:
		o.Health = federation.Healthy
	case workv1alpha2.ResourceUnhealthy:
		o.Health = federation.Unhealthy
	}
	if item.Status == nil || len(item.Status.Raw) == 0 {
		return o, nil
	}
	// Services and Ingresses share the load balancer, workloads the replicas.
	var status struct {
		Replicas, ReadyReplicas *int32
		LoadBalancer            struct {
			Ingress []struct{ IP, Hostname string }
		}
	}
	if err := json.Unmarshal(item.Status.Raw, &status); err != nil {
		return o, fmt.Errorf("status is not readable: %w", err)
	}
	if status.Replicas != nil || status.ReadyReplicas != nil {
		// A count of zero is left out.
		o.Capacity = &federation.Capacity{Desired: value(status.Replicas), Ready: value(status.ReadyReplicas)}
	}
	var names []string
	for _, ingress := range status.LoadBalancer.Ingress {
		if ingress.Hostname != "" {
			name, err := federation.ParseHostname(ingress.Hostname)
			if err != nil {
				return o, fmt.Errorf("loadBalancer.ingress.hostname: %w", err)
			}
			names = append(names, name)
		}
		if ingress.IP == "" {
			continue
		}
		a, err := netip.ParseAddr(strings.TrimSpace(ingress.IP))
		if err != nil {
			return o, fmt.Errorf("loadBalancer.ingress.ip %q is not an IP address", ingress.IP)
		}
		o.LoadBalancer = o.LoadBalancer.Add(a)
	}
	if o.LoadBalancer.IsZero() {
		o.LoadBalancerNames = names
	}
	return o, nil
}

func value(n *int32) int32 {
	if n == nil {
		return 0
	}
	return *n
}

// Package slim reduces Kubernetes and Karmada API objects to the slim values of package
// federation. Both sources use it, so an object means the same from a file and from an
// informer. It is pure: it imports the API types, but no client.
package slim

import (
	"math"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	clusterv1alpha1 "github.com/karmada-io/karmada/pkg/apis/cluster/v1alpha1"
	karmadanetworkingv1alpha1 "github.com/karmada-io/karmada/pkg/apis/networking/v1alpha1"
	remedyv1alpha1 "github.com/karmada-io/karmada/pkg/apis/remedy/v1alpha1"
	workv1alpha2 "github.com/karmada-io/karmada/pkg/apis/work/v1alpha2"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/federation/annotation"
	"github.com/nearcast/nearcast/internal/federation/staging"
)

// AddToScheme registers every kind that Read accepts.
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

// Ref returns the reference of an API object of a kind that Read accepts, and false for
// any other object.
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
	case *appsv1.DaemonSet:
		ref.Group, ref.Kind = appsv1.GroupName, "DaemonSet"
	default:
		return federation.Ref{}, false
	}
	return ref, true
}

// Read returns what an API object says. The Reading has neither an object nor a fault if that
// means nothing to Nearcast: a Service that declares no function, or a kind that is not
// read, which has no Ref either. The last argument gives the lines of the annotations in the
// file: see federation.Annotation.
func Read(obj any, origin federation.Origin, below map[string]int) staging.Reading {
	ref, ok := Ref(obj)
	if !ok {
		return staging.Reading{}
	}
	object, faults := reduce(obj, metaOf(obj.(metav1.Object), ref, origin, below))
	if object != nil {
		federation.Share(object)
	}
	return staging.Reading{Ref: ref, Object: object, Faults: faults}
}

// reduce returns the slim value of an object of a kind for which Ref returns true.
func reduce(obj any, meta federation.Meta) (federation.Object, []federation.Fault) {
	switch obj := obj.(type) {
	case *clusterv1alpha1.Cluster:
		c := cluster(obj, meta)
		return c, append(annotation.Parse(c), strays(obj, &meta, onCluster)...)
	case *workv1alpha2.ResourceBinding:
		b, faults := binding(obj, meta)
		return b, append(faults, strays(obj, &meta, onOther)...)
	case *karmadanetworkingv1alpha1.MultiClusterService:
		return multiClusterService(obj, meta), strays(obj, &meta, onOther)
	case *corev1.Service:
		o, faults := template(obj, &federation.Template{
			Meta: meta, Selector: federation.LabelsOf(obj.Spec.Selector), Service: &federation.Service{
				TCPPort: firstTCP(obj.Spec.Ports), Numbers: numbers(obj.Spec.Ports), Ports: ports(obj.Spec.Ports),
				Balanced: obj.Spec.Type == corev1.ServiceTypeLoadBalancer, Announced: announced(obj),
			},
		})
		if o == nil && obj.Labels[federation.FunctionLabel] != "true" && len(obj.Spec.Selector) > 0 {
			o = &federation.Backend{Meta: meta, Selector: federation.LabelsOf(obj.Spec.Selector)}
		}
		return o, faults
	case *networkingv1.Ingress:
		service, ignored := ingress(obj, &meta)
		o, faults := template(obj, &federation.Template{Meta: meta, Service: service})
		if o == nil {
			return nil, faults
		}
		return o, append(faults, ignored...)
	case *appsv1.Deployment:
		return workload(meta, &obj.Spec.Template), strays(obj, &meta, onOther)
	case *appsv1.StatefulSet:
		return workload(meta, &obj.Spec.Template), strays(obj, &meta, onOther)
	case *appsv1.DaemonSet:
		return workload(meta, &obj.Spec.Template), strays(obj, &meta, onOther)
	}
	return nil, nil
}

func metaOf(m metav1.Object, ref federation.Ref, origin federation.Origin, below map[string]int) federation.Meta {
	meta := federation.MetaAt(ref, origin)
	meta.UID, meta.Annotations = federation.UIDOf(string(m.GetUID())), annotation.Own(m.GetAnnotations(), below)
	if created := m.GetCreationTimestamp(); !created.IsZero() {
		meta.Created = created.Unix()
	}
	return meta
}

func template(obj metav1.Object, t *federation.Template) (federation.Object, []federation.Fault) {
	if obj.GetLabels()[federation.FunctionLabel] != "true" {
		return nil, strays(obj, &t.Meta, undeclared)
	}
	faults, strays := annotation.Parse(t), strays(obj, &t.Meta, onFunction)
	if len(faults) > 0 {
		// A function is refused whole: without its annotation access it would be public.
		return nil, append(faults, strays...)
	}
	return t, strays
}

func workload(meta federation.Meta, pods *corev1.PodTemplateSpec) *federation.Workload {
	w := &federation.Workload{Meta: meta, PodLabels: federation.LabelsOf(pods.Labels)}
	if pods.Spec.RuntimeClassName != nil {
		w.RuntimeClass = *pods.Spec.RuntimeClassName
	}
	return w
}

// ports returns the named ports, for which Kubernetes' own DNS has SRV records.
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
		if isTCP(p) && isPort(p.Port) {
			return uint16(p.Port)
		}
	}
	return 0
}

// isTCP also accepts a missing protocol: TCP is the API's default, which a hand-written
// file may omit.
func isTCP(p corev1.ServicePort) bool { return p.Protocol == "" || p.Protocol == corev1.ProtocolTCP }

func isPort(n int32) bool { return n > 0 && n < 1<<16 }

// numbers returns the numbers by which the Service's TCP ports may be reached.
func numbers(ports []corev1.ServicePort) []federation.PortNumbers {
	number := func(n int32) uint16 {
		if !isPort(n) {
			return 0
		}
		return uint16(n)
	}
	var all []federation.PortNumbers
	for _, p := range ports[:min(len(ports), federation.MostServicePorts)] {
		if isTCP(p) && isPort(p.Port) {
			all = append(all, federation.PortNumbers{Port: number(p.Port), Target: number(p.TargetPort.IntVal), Node: number(p.NodePort)})
		}
	}
	return slices.Clip(all)
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
		case metav1.ConditionUnknown:
			c.Ready = federation.ReadyUnknown
		}
	}
	c.Used = used(obj.Status.ResourceSummary)
	for _, action := range obj.Status.RemedyActions {
		if action == string(remedyv1alpha1.TrafficControl) {
			c.Leaving = "Karmada Remedy TrafficControl"
		}
	}
	if obj.DeletionTimestamp != nil {
		c.Leaving = "is being removed from the federation"
	}
	return c
}

// multiClusterService reads the providers as Karmada 1.18 does: an empty list means all
// clusters, and the deprecated serviceProvisionClusters is ignored.
func multiClusterService(obj *karmadanetworkingv1alpha1.MultiClusterService, meta federation.Meta) *federation.MultiClusterService {
	m := &federation.MultiClusterService{Meta: meta}
	for _, p := range obj.Spec.ProviderClusters {
		m.Providers = append(m.Providers, p.Name)
	}
	return m
}

// used returns the largest share of any resource that is taken or about to be, in steps
// of a twentieth: smaller changes do not justify a new table.
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

package slim

import (
	"reflect"
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	clusterv1alpha1 "github.com/karmada-io/karmada/pkg/apis/cluster/v1alpha1"

	"github.com/nearcast/nearcast/internal/federation"
)

func object[T federation.Object](t *testing.T, obj any) T {
	t.Helper()
	r := Read(obj, federation.Origin{}, nil)
	if len(r.Faults) > 0 {
		t.Fatal(r.Faults)
	}
	return r.Object.(T)
}

func TestAClusterIsAsFullAsItsScarcestResource(t *testing.T) {
	q := resource.MustParse
	list := func(cpu, memory, pods string) corev1.ResourceList {
		return corev1.ResourceList{corev1.ResourceCPU: q(cpu), corev1.ResourceMemory: q(memory), corev1.ResourcePods: q(pods)}
	}
	for _, c := range []struct {
		summary *clusterv1alpha1.ResourceSummary
		want    float64
	}{
		{nil, 0},
		{&clusterv1alpha1.ResourceSummary{Allocatable: list("8", "16Gi", "110"), Allocated: list("2", "14Gi", "20")}, 0.9},
		{&clusterv1alpha1.ResourceSummary{Allocatable: list("8", "16Gi", "110"), Allocated: list("6", "1Gi", "20"), Allocating: list("1", "0", "0")}, 0.9},
		{&clusterv1alpha1.ResourceSummary{Allocatable: list("8", "16Gi", "110"), Allocated: list("9", "1Gi", "20")}, 1},
		{&clusterv1alpha1.ResourceSummary{Allocatable: list("0", "0", "110"), Allocated: list("9", "1Gi", "33")}, 0.3},
	} {
		got := object[*federation.Cluster](t, &clusterv1alpha1.Cluster{Status: clusterv1alpha1.ClusterStatus{ResourceSummary: c.summary}}).Used
		if got != c.want {
			t.Errorf("%+v: %g, want %g", c.summary, got, c.want)
		}
	}
}

func TestTCPPortNumbersAreRead(t *testing.T) {
	named := corev1.ServicePort{Port: 9000, TargetPort: intstr.FromString("grpc")}
	for _, c := range []struct {
		ports []corev1.ServicePort
		want  []federation.PortNumbers
	}{
		{nil, nil},
		{[]corev1.ServicePort{{Port: 80, TargetPort: intstr.FromInt32(8080), NodePort: 30080}, named}, []federation.PortNumbers{{Port: 80, Target: 8080, Node: 30080}, {Port: 9000}}},
		{[]corev1.ServicePort{{Port: 80, TargetPort: intstr.FromInt32(80)}, {Port: 53, Protocol: corev1.ProtocolUDP, NodePort: 30053}}, []federation.PortNumbers{{Port: 80, Target: 80}}},
		{[]corev1.ServicePort{{Port: 80, TargetPort: intstr.FromInt32(1 << 16), NodePort: -1}}, []federation.PortNumbers{{Port: 80}}},
		{[]corev1.ServicePort{{Port: -1, TargetPort: intstr.FromInt32(1 << 16), NodePort: 30080}}, nil},
	} {
		if got := numbers(c.ports); !slices.Equal(got, c.want) {
			t.Errorf("%+v: %v, want %v", c.ports, got, c.want)
		}
	}
	var many []corev1.ServicePort
	for n := range int32(1000) {
		many = append(many, corev1.ServicePort{Port: 1 + 2*n, NodePort: 30000 + n})
	}
	if got := numbers(many); len(got) != federation.MostServicePorts {
		t.Errorf("the numbers of %d of a thousand ports are kept", len(got))
	}
}

func TestPortsAndRuntimesAreRead(t *testing.T) {
	s := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{federation.FunctionLabel: "true"}},
		Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{
			{Port: 80}, {Name: "dns", Port: 53, Protocol: corev1.ProtocolUDP}, {Name: "web", Port: 443}, {Name: "s", Port: 9, Protocol: corev1.ProtocolSCTP},
		}},
	}
	got := object[*federation.Template](t, s)
	want := []federation.Port{{Name: "dns", Protocol: "udp", Number: 53}, {Name: "web", Protocol: "tcp", Number: 443}}
	if !reflect.DeepEqual(got.Ports, want) || got.TCPPort != 80 {
		t.Errorf("%+v and %d, want %+v and 80", got.Ports, got.TCPPort, want)
	}
	class := "wasmtime-spin-v2"
	d := &appsv1.Deployment{Spec: appsv1.DeploymentSpec{Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{RuntimeClassName: &class}}}}
	if w := object[*federation.Workload](t, d); w.RuntimeClass != class || (federation.Runtime{Class: class}).Kind() != federation.RuntimeWasm {
		t.Errorf("%+v", w)
	}
}

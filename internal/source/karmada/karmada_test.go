package karmada

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	kubefake "k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	clusterv1alpha1 "github.com/karmada-io/karmada/pkg/apis/cluster/v1alpha1"
	workv1alpha2 "github.com/karmada-io/karmada/pkg/apis/work/v1alpha2"
	karmadafake "github.com/karmada-io/karmada/pkg/generated/clientset/versioned/fake"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/federation/build"
	"github.com/nearcast/nearcast/internal/federation/staging"
)

func cluster(name, address string) *clusterv1alpha1.Cluster {
	return &clusterv1alpha1.Cluster{
		ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: map[string]string{"nearcast.dev/address": address}},
		Spec:       clusterv1alpha1.ClusterSpec{Region: "mk"},
	}
}

func service(namespace, name string) *corev1.Service {
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: map[string]string{federation.FunctionLabel: "true"}},
		Spec:       corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 80}}, Selector: map[string]string{"app": name}},
	}
}

func bindingOf(resource workv1alpha2.ObjectReference, clusters ...string) *workv1alpha2.ResourceBinding {
	b := &workv1alpha2.ResourceBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: resource.Namespace, Name: strings.ToLower(resource.Name + "-" + resource.Kind)},
		Spec:       workv1alpha2.ResourceBindingSpec{Resource: resource},
	}
	for _, c := range clusters {
		b.Spec.Clusters = append(b.Spec.Clusters, workv1alpha2.TargetCluster{Name: c, Replicas: 1})
		b.Status.AggregatedStatus = append(b.Status.AggregatedStatus, workv1alpha2.AggregatedStatusItem{
			ClusterName: c, Applied: true, Health: workv1alpha2.ResourceHealthy,
			Status: &runtime.RawExtension{Raw: []byte(`{"loadBalancer":{}}`)},
		})
	}
	return b
}

func serviceBinding(namespace, name string, clusters ...string) *workv1alpha2.ResourceBinding {
	return bindingOf(workv1alpha2.ObjectReference{APIVersion: "v1", Kind: "Service", Namespace: namespace, Name: name}, clusters...)
}

// running follows fake APIs until the test ends.
type running struct {
	t       *testing.T
	karmada *karmadafake.Clientset
	kube    *kubefake.Clientset
	store   *staging.Store
	down    atomic.Bool
}

func followFakes(t *testing.T, namespaces []string, karmada, kube []runtime.Object) *running {
	t.Helper()
	r := &running{t: t, karmada: karmadafake.NewSimpleClientset(karmada...), kube: kubefake.NewSimpleClientset(kube...), store: staging.NewStore()}
	ready := func(context.Context) error {
		if r.down.Load() {
			return errors.New("refused")
		}
		return nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- New(fakeAPI(r.karmada, r.kube, ready), namespaces...).Run(ctx, r.store, func(err error) { t.Log(err) })
	}()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(10 * time.Second):
			t.Error("Run did not end")
		}
	})
	return r
}

// served waits until the state has the wanted functions and clusters.
func (r *running) served(want string) {
	r.t.Helper()
	var got string
	for range 500 {
		if !r.store.Confirmed().IsZero() {
			s := new(build.Builder).Build(r.store, build.Options{Zones: []string{"fn.example.org."}})
			var parts []string
			for _, f := range s.All() {
				var clusters []string
				for _, p := range f.Placements {
					clusters = append(clusters, s.Clusters[p.Cluster].Name)
				}
				parts = append(parts, f.Namespace+"/"+f.Name+"="+strings.Join(clusters, ","))
			}
			for _, f := range s.Faults {
				parts = append(parts, "!"+f.Object)
			}
			if got = strings.Join(parts, " "); got == want {
				return
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	r.t.Fatalf("%q, want %q", got, want)
}

func TestChangesOnTheAPIReachTheStore(t *testing.T) {
	ctx := t.Context()
	r := followFakes(t, nil,
		[]runtime.Object{cluster("a", "192.0.2.1"), cluster("b", "192.0.2.2"), serviceBinding("ns", "web", "a", "b")},
		[]runtime.Object{service("ns", "web"), &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "plain"}}},
	)
	r.served("ns/web=a,b")

	bindings := r.karmada.WorkV1alpha2().ResourceBindings("ns")
	deployment := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "web-v1"},
		Spec:       appsv1.DeploymentSpec{Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "web"}}}},
	}
	steps := []struct {
		name string
		do   func() error
		want string
	}{
		{"its workload is placed elsewhere", func() error {
			_, err := r.kube.AppsV1().Deployments("ns").Create(ctx, deployment, metav1.CreateOptions{})
			if err != nil {
				return err
			}
			_, err = bindings.Create(ctx, bindingOf(workv1alpha2.ObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "ns", Name: "web-v1"}, "b"), metav1.CreateOptions{})
			return err
		}, "ns/web=b"},
		{"the workload goes", func() error {
			return r.kube.AppsV1().Deployments("ns").Delete(ctx, "web-v1", metav1.DeleteOptions{})
		}, "ns/web=a,b"},
		{"a cluster leaves the federation", func() error {
			return r.karmada.ClusterV1alpha1().Clusters().Delete(ctx, "b", metav1.DeleteOptions{})
		}, "ns/web=a"},
		{"a bad annotation leaves the good version", func() error {
			bad := service("ns", "web")
			bad.Annotations = map[string]string{"nearcast.dev/policy": "nearst"}
			_, err := r.kube.CoreV1().Services("ns").Update(ctx, bad, metav1.UpdateOptions{})
			return err
		}, "ns/web=a !Service ns/web"},
		{"it is fixed", func() error {
			_, err := r.kube.CoreV1().Services("ns").Update(ctx, service("ns", "web"), metav1.UpdateOptions{})
			return err
		}, "ns/web=a"},
		{"the label goes", func() error {
			plain := service("ns", "web")
			plain.Labels = nil
			_, err := r.kube.CoreV1().Services("ns").Update(ctx, plain, metav1.UpdateOptions{})
			return err
		}, ""},
	}
	for _, step := range steps {
		if err := step.do(); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		r.served(step.want)
	}
}

func TestOnlyTheNamedNamespacesAreRead(t *testing.T) {
	karmada := []runtime.Object{cluster("a", "192.0.2.1")}
	var kube []runtime.Object
	for _, ns := range []string{"one", "two", "three"} {
		karmada = append(karmada, serviceBinding(ns, "web", "a"))
		kube = append(kube, service(ns, "web"))
	}
	r := followFakes(t, []string{"one", "three"}, karmada, kube)
	r.served("one/web=a three/web=a")
}

func TestNothingIsConfirmedWhileTheAPIIsUnreachable(t *testing.T) {
	if testing.Short() {
		t.Skip("takes two confirm intervals")
	}
	r := followFakes(t, nil, []runtime.Object{cluster("a", "192.0.2.1"), serviceBinding("ns", "web", "a")}, []runtime.Object{service("ns", "web")})
	r.served("ns/web=a")
	r.down.Store(true)
	time.Sleep(confirmInterval / 4)
	before := r.store.Confirmed()
	time.Sleep(confirmInterval + confirmInterval/2)
	if after := r.store.Confirmed(); !after.Equal(before) {
		t.Errorf("confirmed at %s while /readyz fails", after)
	}
	r.served("ns/web=a") // and nothing is lost
	r.down.Store(false)
	time.Sleep(confirmInterval + confirmInterval/2)
	if after := r.store.Confirmed(); after.Equal(before) {
		t.Error("not confirmed again after the API came back")
	}
}

func TestAnInvalidKubeconfigIsNamed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if _, err := Connect(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("%v, want an error that names the file", err)
	}
}

// TestAKindThatCannotBeReadIsSkipped forbids Ingresses, removes MultiClusterServices, and
// then forbids Clusters, which are indispensable.
func TestAKindThatCannotBeReadIsSkipped(t *testing.T) {
	for name, c := range map[string]struct {
		refuse func(karmada *karmadafake.Clientset, kube *kubefake.Clientset)
		served bool
	}{
		"optional kinds": {func(karmada *karmadafake.Clientset, kube *kubefake.Clientset) {
			refuse(&kube.Fake, "ingresses", apierrors.NewForbidden)
			refuse(&karmada.Fake, "multiclusterservices", func(r schema.GroupResource, name string, _ error) *apierrors.StatusError {
				return apierrors.NewNotFound(r, name)
			})
		}, true},
		"clusters": {func(karmada *karmadafake.Clientset, _ *kubefake.Clientset) {
			refuse(&karmada.Fake, "clusters", apierrors.NewForbidden)
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			karmada := karmadafake.NewSimpleClientset(cluster("a", "192.0.2.1"), serviceBinding("ns", "web", "a"))
			kube := kubefake.NewSimpleClientset(service("ns", "web"))
			c.refuse(karmada, kube)
			store := staging.NewStore()
			ctx, cancel := context.WithTimeout(t.Context(), 2*optionalWait)
			defer cancel()
			err := New(fakeAPI(karmada, kube, func(context.Context) error { return nil })).Run(ctx, store, func(error) {})
			if err != nil {
				t.Fatal(err)
			}
			if served := !store.Confirmed().IsZero(); served != c.served {
				t.Errorf("served: %v, want %v", served, c.served)
			}
		})
	}
}

func refuse(fake *clienttesting.Fake, resource string, why func(schema.GroupResource, string, error) *apierrors.StatusError) {
	err := why(schema.GroupResource{Resource: resource}, "", errors.New("no"))
	fake.PrependReactor("list", resource, func(clienttesting.Action) (bool, runtime.Object, error) { return true, nil, err })
	fake.PrependWatchReactor(resource, func(clienttesting.Action) (bool, watch.Interface, error) { return true, nil, err })
}

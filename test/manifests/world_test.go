package manifests

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/nearcast/nearcast/lab/controlplane"
)

// server is one API server, with the definitions of all that manifests/ uses.
type server struct {
	client dynamic.Interface
	mapper *restmapper.DeferredDiscoveryRESTMapper
}

// deWide joins with the settings in manifests/federation.
var deWide = controlplane.Member{
	Name: string(member), Region: "de", Zone: "de-fra", Provider: "hetzner",
	Annotations: map[string]string{"nearcast.dev/coordinates": "50.11,8.68"},
}

// world is a Karmada with one member, shared by all tests.
type world struct {
	dir     string
	plane   *controlplane.Plane
	servers map[api]*server
}

var started struct {
	sync.Once
	w   *world
	err error
}

func TestMain(m *testing.M) {
	os.Exit(func() int {
		if err := controlplane.Build(context.Background(), "../../lab/controlplane", controlplane.DefaultPrograms(), os.Stderr); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer func() {
			if started.w != nil {
				started.w.close()
			}
		}()
		return m.Run()
	}())
}

// theWorld is started by the first test that needs it.
func theWorld(t *testing.T) *world {
	t.Helper()
	started.Do(func() { started.w, started.err = newWorld() })
	if started.err != nil {
		t.Fatal(started.err)
	}
	return started.w
}

func newWorld() (w *world, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	begin := time.Now()
	definitions, err := definitions(ctx)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(os.Stderr, "manifests: %d definitions after %.1f s\n", len(definitions), time.Since(begin).Seconds())
	w = &world{servers: map[api]*server{}}
	if w.dir, err = os.MkdirTemp("", "nearcast-manifests"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			w.close()
		}
	}()
	w.plane, err = controlplane.Start(ctx, controlplane.Options{
		Programs: controlplane.DefaultPrograms(), Dir: filepath.Join(w.dir, "plane"), Log: os.Stderr,
		Members: []controlplane.Member{deWide},
	})
	if err != nil {
		return nil, err
	}
	for _, a := range []api{karmada, member} {
		if w.servers[a], err = newServer(w.plane.Kubeconfig(string(a))); err != nil {
			return nil, err
		}
		if err := w.servers[a].define(ctx, definitions); err != nil {
			return nil, fmt.Errorf("%s: %w", a, err)
		}
	}
	fmt.Fprintf(os.Stderr, "manifests: both APIs serve all kinds after %.1f s\n", time.Since(begin).Seconds())
	return w, nil
}

func (w *world) close() {
	var err error
	if w.plane != nil {
		err = w.plane.Close()
	}
	if err := errors.Join(err, os.RemoveAll(w.dir)); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}

func newServer(kubeconfig string) (*server, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, err
	}
	config.QPS, config.Burst = 1000, 1000
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	found, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return nil, err
	}
	return &server{client: client, mapper: restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(found))}, nil
}

// define has the server serve the kinds.
func (s *server) define(ctx context.Context, definitions []*unstructured.Unstructured) error {
	for _, crd := range definitions {
		if _, err := s.patch(ctx, crd, metav1.PatchOptions{}); err != nil {
			return fmt.Errorf("%s: %w", crd.GetName(), err)
		}
	}
	for _, crd := range definitions {
		err := wait.PollUntilContextTimeout(ctx, 100*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
			return s.established(ctx, crd.GetName())
		})
		if err != nil {
			return fmt.Errorf("%s is not served: %w", crd.GetName(), err)
		}
	}
	s.mapper.Reset()
	return nil
}

func (s *server) established(ctx context.Context, crd string) (bool, error) {
	resource := schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
	object, err := s.client.Resource(resource).Get(ctx, crd, metav1.GetOptions{})
	if err != nil {
		return false, err
	}
	conditions, _, err := unstructured.NestedSlice(object.Object, "status", "conditions")
	for _, c := range conditions {
		if c, ok := c.(map[string]any); ok && c["type"] == "Established" && c["status"] == "True" {
			return true, nil
		}
	}
	return false, err
}

// dryRun asks the server whether it would accept the object, without an unknown or
// duplicate field.
func (s *server) dryRun(ctx context.Context, object *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	return s.patch(ctx, object, metav1.PatchOptions{DryRun: []string{metav1.DryRunAll}})
}

// apply is like dryRun, but persists the object.
func (s *server) apply(ctx context.Context, object *unstructured.Unstructured) error {
	_, err := s.patch(ctx, object, metav1.PatchOptions{})
	return err
}

func (s *server) patch(ctx context.Context, object *unstructured.Unstructured, o metav1.PatchOptions) (*unstructured.Unstructured, error) {
	resource, err := s.resource(object)
	if err != nil {
		return nil, err
	}
	data, err := object.MarshalJSON()
	if err != nil {
		return nil, err
	}
	force := true
	o.FieldManager, o.FieldValidation, o.Force = "test", metav1.FieldValidationStrict, &force
	return resource.Patch(ctx, object.GetName(), types.ApplyPatchType, data, o)
}

func (s *server) resource(object *unstructured.Unstructured) (dynamic.ResourceInterface, error) {
	kind := object.GroupVersionKind()
	mapping, err := s.mapper.RESTMapping(kind.GroupKind(), kind.Version)
	if err != nil {
		return nil, err
	}
	if mapping.Scope.Name() == meta.RESTScopeNameRoot {
		if object.GetNamespace() != "" {
			return nil, fmt.Errorf("%s is not namespaced, but this one has namespace %q", kind.Kind, object.GetNamespace())
		}
		return s.client.Resource(mapping.Resource), nil
	}
	namespace := object.GetNamespace()
	if namespace == "" {
		namespace = metav1.NamespaceDefault // of a base, which is given one where it is used
	}
	return s.client.Resource(mapping.Resource).Namespace(namespace), nil
}

package karmada

import (
	"context"
	"strings"
	"time"

	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"

	clusterv1alpha1 "github.com/karmada-io/karmada/pkg/apis/cluster/v1alpha1"

	"github.com/nearcast/nearcast/internal/base/apiwatch"
)

// objects accesses the objects of one resource as a generated client does. client-go's
// gentype would do so too, but its fakes link OpenAPI code.
type objects[L runtime.Object] struct {
	client          rest.Interface
	name, namespace string
	newList         func() L
}

// List implements apiwatch.Lists.
func (r objects[L]) List(ctx context.Context, o metav1.ListOptions) (L, error) {
	list := r.newList()
	return list, r.get(o).Do(ctx).Into(list)
}

// Watch implements apiwatch.Lists.
func (r objects[L]) Watch(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
	o.Watch = true
	return r.get(o).Watch(ctx)
}

func (r objects[L]) get(o metav1.ListOptions) *rest.Request {
	request := preferred(r.client, r.client.Get()).NamespaceIfScoped(r.namespace, r.namespace != "").Resource(r.name).VersionedParams(&o, parameters)
	if o.TimeoutSeconds != nil {
		request.Timeout(time.Duration(*o.TimeoutSeconds) * time.Second)
	}
	return request
}

// preferred makes the request ask for protobuf if the API's own kinds support it.
func preferred(client rest.Interface, request *rest.Request) *rest.Request {
	return request.UseProtobufAsDefaultIfPreferred(!strings.HasSuffix(client.APIVersion().Group, ".karmada.io"))
}

// lists returns how to list and watch the resource.
func lists[L any, PL interface {
	*L
	runtime.Object
}](client rest.Interface, name string) Lists {
	return func(namespace string) cache.ListerWatcher {
		return apiwatch.From(client, objects[PL]{client, name, namespace, func() PL { return new(L) }})
	}
}

func createEvent(client rest.Interface) func(context.Context, *eventsv1.Event) error {
	return func(ctx context.Context, e *eventsv1.Event) error {
		request := preferred(client, client.Post()).Namespace(e.Namespace).Resource("events").VersionedParams(&metav1.CreateOptions{}, parameters)
		return request.Body(e).Do(ctx).Error()
	}
}

func patchCluster(client rest.Interface) func(ctx context.Context, name string, patch []byte) (*clusterv1alpha1.Cluster, error) {
	return func(ctx context.Context, name string, patch []byte) (*clusterv1alpha1.Cluster, error) {
		request := client.Patch(types.MergePatchType).Resource("clusters").Name(name).VersionedParams(&metav1.PatchOptions{FieldManager: "nearcast"}, parameters)
		after := &clusterv1alpha1.Cluster{}
		return after, request.Body(patch).Do(ctx).Into(after)
	}
}

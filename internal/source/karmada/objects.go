package karmada

import (
	"context"
	"net/http"

	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"

	clusterv1alpha1 "github.com/karmada-io/karmada/pkg/apis/cluster/v1alpha1"

	"github.com/nearcast/nearcast/internal/base/apiclient"
	"github.com/nearcast/nearcast/internal/base/apistream"
)

// lists returns how to list and watch the resource, whose objects have the type T.
func lists[T any, P apistream.Object[T]](group apiclient.Group, resource string) Lists {
	return func(namespace string, keep keep) cache.ListerWatcher {
		read := func(obj P, err error) kept { return keepOf(keep(obj, err)) }
		return apistream.ListWatch(group, resource, apiclient.Selection{Namespace: namespace}, read, unread...)
	}
}

func createEvent(group apiclient.Group) func(context.Context, *eventsv1.Event) error {
	return func(ctx context.Context, e *eventsv1.Event) error {
		return group.Request(http.MethodPost, &metav1.CreateOptions{}).Namespace(e.Namespace).Resource("events").Body(e).Do(ctx).Error()
	}
}

func patchCluster(group apiclient.Group) func(ctx context.Context, name string, patch []byte) (*clusterv1alpha1.Cluster, error) {
	return func(ctx context.Context, name string, patch []byte) (*clusterv1alpha1.Cluster, error) {
		request := group.Request(http.MethodPatch, &metav1.PatchOptions{FieldManager: "nearcast"}).SetHeader("Content-Type", string(types.MergePatchType))
		after := &clusterv1alpha1.Cluster{}
		return after, request.Resource("clusters").Name(name).Body(patch).Do(ctx).Into(after)
	}
}

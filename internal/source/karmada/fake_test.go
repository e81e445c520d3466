package karmada

import (
	"context"

	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"

	clusterv1alpha1 "github.com/karmada-io/karmada/pkg/apis/cluster/v1alpha1"
	"github.com/karmada-io/karmada/pkg/generated/clientset/versioned"

	"github.com/nearcast/nearcast/internal/base/apistream"
	"github.com/nearcast/nearcast/internal/base/apiwatch"
)

// fakeAPI is the API of fake clientsets.
func fakeAPI(k versioned.Interface, core kubernetes.Interface, ready func(context.Context) error) API {
	return API{
		Clusters: func(_ string, keep keep) cache.ListerWatcher {
			return apiwatch.From(k, reduced[*clusterv1alpha1.ClusterList]{k.ClusterV1alpha1().Clusters(), keep})
		},
		ResourceBindings:     fakes(k, k.WorkV1alpha2().ResourceBindings),
		Services:             fakes(core, core.CoreV1().Services),
		Deployments:          fakes(core, core.AppsV1().Deployments),
		StatefulSets:         fakes(core, core.AppsV1().StatefulSets),
		DaemonSets:           fakes(core, core.AppsV1().DaemonSets),
		Ingresses:            fakes(core, core.NetworkingV1().Ingresses),
		MultiClusterServices: fakes(k, k.NetworkingV1alpha1().MultiClusterServices),
		CreateEvent: func(ctx context.Context, e *eventsv1.Event) error {
			_, err := core.EventsV1().Events(e.Namespace).Create(ctx, e, metav1.CreateOptions{})
			return err
		},
		Ready: ready,
	}
}

func fakes[L runtime.Object, K apiwatch.Lists[L]](clientset any, in func(namespace string) K) Lists {
	return func(namespace string, keep keep) cache.ListerWatcher {
		return apiwatch.From(clientset, reduced[L]{in(namespace), keep})
	}
}

// reduced delivers a fake's objects as items, as a decoder does.
type reduced[L runtime.Object] struct {
	from apiwatch.Lists[L]
	keep keep
}

func (r reduced[L]) item(obj runtime.Object) runtime.Object {
	m, err := meta.Accessor(obj)
	if err != nil {
		return obj // a Status
	}
	return apistream.NewItem(m, keepOf(r.keep(m, nil)))
}

func (r reduced[L]) List(ctx context.Context, o metav1.ListOptions) (*apistream.Items[kept], error) {
	list, err := r.from.List(ctx, o)
	if err != nil {
		return nil, err
	}
	all := &apistream.Items[kept]{}
	return all, meta.EachListItem(list, func(obj runtime.Object) error {
		all.Items = append(all.Items, r.item(obj).(*item))
		return nil
	})
}

func (r reduced[L]) Watch(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
	w, err := r.from.Watch(ctx, o)
	if err != nil {
		return nil, err
	}
	return watch.Filter(w, func(e watch.Event) (watch.Event, bool) {
		e.Object = r.item(e.Object)
		return e, true
	}), nil
}

func mergeInto(k versioned.Interface) func(context.Context, string, []byte) (*clusterv1alpha1.Cluster, error) {
	return func(ctx context.Context, name string, patch []byte) (*clusterv1alpha1.Cluster, error) {
		return k.ClusterV1alpha1().Clusters().Patch(ctx, name, types.MergePatchType, patch, metav1.PatchOptions{})
	}
}

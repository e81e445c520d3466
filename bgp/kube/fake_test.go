package kube

import (
	"context"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"

	"github.com/nearcast/nearcast/internal/base/apiwatch"
)

// api is what a speaker on the node does with the fake API.
func (a *fakeAPI) api(node string) api {
	leases := a.CoordinationV1().Leases("nearcast-system")
	return api{
		services: apiwatch.From(a, a.CoreV1().Services("")),
		slices:   apiwatch.From(a, a.DiscoveryV1().EndpointSlices("")),
		node:     apiwatch.From(a, oneNode{a.CoreV1().Nodes(), fields.OneTermEqualSelector(metav1.ObjectNameField, node).String()}),
		patchStatus: func(ctx context.Context, s types.NamespacedName, patch []byte) error {
			_, err := a.CoreV1().Services(s.Namespace).Patch(ctx, s.Name, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: fieldManager}, "status")
			return err
		},
		lease: leaseAPI{
			name: types.NamespacedName{Namespace: "nearcast-system", Name: leaseName},
			get: func(ctx context.Context) (*coordinationv1.Lease, error) {
				return leases.Get(ctx, leaseName, metav1.GetOptions{})
			},
			create: func(ctx context.Context, l *coordinationv1.Lease) (*coordinationv1.Lease, error) {
				return leases.Create(ctx, l, metav1.CreateOptions{})
			},
			update: func(ctx context.Context, l *coordinationv1.Lease) (*coordinationv1.Lease, error) {
				return leases.Update(ctx, l, metav1.UpdateOptions{})
			},
		},
	}
}

// oneNode lists and watches a single node.
type oneNode struct {
	typedcorev1.NodeInterface
	selector string
}

func (n oneNode) List(ctx context.Context, o metav1.ListOptions) (*corev1.NodeList, error) {
	o.FieldSelector = n.selector
	return n.NodeInterface.List(ctx, o)
}

func (n oneNode) Watch(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
	o.FieldSelector = n.selector
	return n.NodeInterface.Watch(ctx, o)
}

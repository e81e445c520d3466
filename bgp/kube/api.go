package kube

import (
	"context"
	"net/http"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"

	"github.com/nearcast/nearcast/internal/base/apiclient"
)

// api is what the speaker does with the Kubernetes API, and all that its role permits.
type api struct {
	services, slices, node cache.ListerWatcher
	// patchStatus merges the patch into the status of a Service.
	patchStatus func(ctx context.Context, service types.NamespacedName, patch []byte) error
	lease       leaseAPI
}

// leaseAPI reads and writes the Lease.
type leaseAPI struct {
	name   types.NamespacedName
	get    func(context.Context) (*coordinationv1.Lease, error)
	create func(context.Context, *coordinationv1.Lease) (*coordinationv1.Lease, error)
	update func(context.Context, *coordinationv1.Lease) (*coordinationv1.Lease, error)
}

// known are the kinds that are read and written.
var known = apiclient.NewKinds(corev1.AddToScheme, discoveryv1.AddToScheme, coordinationv1.AddToScheme)

// connect returns the API that access leads to, without contacting it. The Lease is in the
// namespace.
func connect(access *rest.Config, namespace, node string) (api, error) {
	read, err := groupsOf(access, corev1.SchemeGroupVersion, discoveryv1.SchemeGroupVersion)
	if err != nil {
		return api{}, err
	}
	bounded := rest.CopyConfig(access)
	bounded.Timeout = writeTimeout // no watch would survive it
	write, err := groupsOf(bounded, corev1.SchemeGroupVersion, coordinationv1.SchemeGroupVersion)
	if err != nil {
		return api{}, err
	}
	core := read[corev1.SchemeGroupVersion]
	return api{
		services:    apiclient.ListWatch[corev1.ServiceList](core, "services", apiclient.Selection{}),
		slices:      apiclient.ListWatch[discoveryv1.EndpointSliceList](read[discoveryv1.SchemeGroupVersion], "endpointslices", apiclient.Selection{}),
		node:        apiclient.ListWatch[corev1.NodeList](core, "nodes", apiclient.Selection{Name: node}),
		patchStatus: patchStatus(write[corev1.SchemeGroupVersion]),
		lease:       leaseOf(write[coordinationv1.SchemeGroupVersion], types.NamespacedName{Namespace: namespace, Name: leaseName}),
	}, nil
}

// groupsOf returns clients of the groups, which share connections.
func groupsOf(access *rest.Config, versions ...schema.GroupVersion) (map[schema.GroupVersion]apiclient.Group, error) {
	client, err := rest.HTTPClientFor(access)
	if err != nil {
		return nil, err
	}
	groups := map[schema.GroupVersion]apiclient.Group{}
	for _, v := range versions {
		if groups[v], err = known.Group(*access, client, v, apiclient.Protobuf); err != nil {
			return nil, err
		}
	}
	return groups, nil
}

func patchStatus(group apiclient.Group) func(context.Context, types.NamespacedName, []byte) error {
	return func(ctx context.Context, service types.NamespacedName, patch []byte) error {
		return group.Request(http.MethodPatch, &metav1.PatchOptions{FieldManager: fieldManager}).
			SetHeader("Content-Type", string(types.MergePatchType)).
			Namespace(service.Namespace).Resource("services").Name(service.Name).SubResource("status").
			Body(patch).Do(ctx).Error()
	}
}

func leaseOf(group apiclient.Group, name types.NamespacedName) leaseAPI {
	send := func(ctx context.Context, request *rest.Request) (*coordinationv1.Lease, error) {
		lease := &coordinationv1.Lease{}
		return lease, request.Do(ctx).Into(lease)
	}
	leases := func(method string, options runtime.Object) *rest.Request {
		return group.Request(method, options).Namespace(name.Namespace).Resource("leases")
	}
	return leaseAPI{
		name: name,
		get: func(ctx context.Context) (*coordinationv1.Lease, error) {
			return send(ctx, leases(http.MethodGet, &metav1.GetOptions{}).Name(name.Name))
		},
		create: func(ctx context.Context, l *coordinationv1.Lease) (*coordinationv1.Lease, error) {
			return send(ctx, leases(http.MethodPost, &metav1.CreateOptions{}).Body(l))
		},
		update: func(ctx context.Context, l *coordinationv1.Lease) (*coordinationv1.Lease, error) {
			return send(ctx, leases(http.MethodPut, &metav1.UpdateOptions{}).Name(name.Name).Body(l))
		},
	}
}

package karmada

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"

	clusterv1alpha1 "github.com/karmada-io/karmada/pkg/apis/cluster/v1alpha1"
	karmadanetworkingv1alpha1 "github.com/karmada-io/karmada/pkg/apis/networking/v1alpha1"
	workv1alpha2 "github.com/karmada-io/karmada/pkg/apis/work/v1alpha2"

	"github.com/nearcast/nearcast/internal/base/apiclient"
	"github.com/nearcast/nearcast/internal/federation/staging"
)

// keep returns what an object of the API says; err is why it was decoded in part.
type keep func(obj metav1.Object, err error) staging.Reading

// Lists returns a ListerWatcher for the objects of a kind in a namespace; "" means all
// namespaces. The objects arrive as items.
type Lists func(namespace string, keep keep) cache.ListerWatcher

// API gives access to one Karmada API server, and only to the kinds that Nearcast uses:
// the clientsets of Kubernetes and Karmada link every kind there is.
type API struct {
	Clusters, ResourceBindings, Services, Deployments, StatefulSets, DaemonSets, Ingresses, MultiClusterServices Lists
	// CreateEvent creates the Event.
	CreateEvent func(context.Context, *eventsv1.Event) error
	// Ready queries the server's /readyz.
	Ready func(context.Context) error
	// Follow keeps the credentials current until its context ends; it may be nil.
	Follow func(ctx context.Context, onError func(error))
}

// Connect makes an API from a kubeconfig file. It does not contact the server.
func Connect(kubeconfig string) (API, error) {
	c, err := openCredentials(kubeconfig)
	if err != nil {
		return API{}, err
	}
	// No client-side limit: with fifty namespaces, listing would take a minute. The
	// server has its own (API Priority and Fairness), and readers back off.
	api, err := connect(&rest.Config{Host: c.current.Load().server.String(), QPS: -1}, &http.Client{Transport: c})
	api.Follow = c.follow
	return api, err
}

func connect(config *rest.Config, client *http.Client) (API, error) {
	of := map[schema.GroupVersion]apiclient.Group{}
	for _, version := range []schema.GroupVersion{
		corev1.SchemeGroupVersion, appsv1.SchemeGroupVersion, networkingv1.SchemeGroupVersion, eventsv1.SchemeGroupVersion,
		clusterVersion, workVersion, networkingVersion,
	} {
		var err error
		if of[version], err = groupOf(*config, client, version); err != nil {
			return API{}, err
		}
	}
	core, apps := of[corev1.SchemeGroupVersion], of[appsv1.SchemeGroupVersion]
	clusters, works := of[clusterVersion], of[workVersion]
	networking, karmadaNetworking := of[networkingv1.SchemeGroupVersion], of[networkingVersion]
	return API{
		Clusters:             lists[clusterv1alpha1.Cluster](clusters, "clusters"),
		ResourceBindings:     lists[workv1alpha2.ResourceBinding](works, "resourcebindings"),
		Services:             lists[corev1.Service](core, "services"),
		Deployments:          lists[appsv1.Deployment](apps, "deployments"),
		StatefulSets:         lists[appsv1.StatefulSet](apps, "statefulsets"),
		DaemonSets:           lists[appsv1.DaemonSet](apps, "daemonsets"),
		Ingresses:            lists[networkingv1.Ingress](networking, "ingresses"),
		MultiClusterServices: lists[karmadanetworkingv1alpha1.MultiClusterService](karmadaNetworking, "multiclusterservices"),
		CreateEvent:          createEvent(of[eventsv1.SchemeGroupVersion]),
		Ready:                readyz(clusters),
	}, nil
}

// groupOf returns a client of a group: Karmada's are custom resources.
func groupOf(config rest.Config, client *http.Client, version schema.GroupVersion) (apiclient.Group, error) {
	encoding := apiclient.Protobuf
	if strings.HasSuffix(version.Group, ".karmada.io") {
		encoding = apiclient.JSON
	}
	group, err := known.Group(config, client, version, encoding)
	if err != nil {
		return group, fmt.Errorf("karmada: %w", err)
	}
	return group, nil
}

func readyz(group apiclient.Group) func(context.Context) error {
	return func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, confirmInterval)
		defer cancel()
		var status int
		err := group.Request(http.MethodGet, &metav1.GetOptions{}).AbsPath("/readyz").Do(ctx).StatusCode(&status).Error()
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("/readyz answered %d", status)
		}
		return err
	}
}

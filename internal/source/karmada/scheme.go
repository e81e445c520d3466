package karmada

import (
	"fmt"
	"net/http"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/client-go/rest"

	clusterv1alpha1 "github.com/karmada-io/karmada/pkg/apis/cluster/v1alpha1"
	karmadanetworkingv1alpha1 "github.com/karmada-io/karmada/pkg/apis/networking/v1alpha1"
	workv1alpha2 "github.com/karmada-io/karmada/pkg/apis/work/v1alpha2"
)

// known holds the types of the kinds that are read and written.
var known = func() *runtime.Scheme {
	s := runtime.NewScheme()
	metav1.AddToGroupVersion(s, schema.GroupVersion{Version: "v1"}) // for Status
	for _, add := range []func(*runtime.Scheme) error{
		corev1.AddToScheme, appsv1.AddToScheme, networkingv1.AddToScheme, eventsv1.AddToScheme,
		clusterv1alpha1.Install, workv1alpha2.Install, karmadanetworkingv1alpha1.Install,
	} {
		utilruntime.Must(add(s))
	}
	return s
}()

// The versions of Karmada's API groups that are read and written.
var (
	clusterVersion    = schema.GroupVersion(clusterv1alpha1.GroupVersion)
	workVersion       = schema.GroupVersion(workv1alpha2.GroupVersion)
	networkingVersion = schema.GroupVersion(karmadanetworkingv1alpha1.GroupVersion)
)

var (
	codecs     = serializer.NewCodecFactory(known)
	parameters = runtime.NewParameterCodec(known)
)

// clientOf returns the client of a group version, built as generated clientsets build it.
func clientOf(config rest.Config, client *http.Client, gv schema.GroupVersion) (*rest.RESTClient, error) {
	config.GroupVersion, config.APIPath = &gv, "/apis"
	if gv.Group == "" {
		config.APIPath = "/api"
	}
	config.NegotiatedSerializer = rest.CodecFactoryForGeneratedClient(known, codecs).WithoutConversion()
	c, err := rest.RESTClientForConfigAndClient(&config, client)
	if err != nil {
		return nil, fmt.Errorf("karmada: %s: %w", gv, err)
	}
	return c, nil
}

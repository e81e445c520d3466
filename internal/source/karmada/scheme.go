package karmada

import (
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	clusterv1alpha1 "github.com/karmada-io/karmada/pkg/apis/cluster/v1alpha1"
	karmadanetworkingv1alpha1 "github.com/karmada-io/karmada/pkg/apis/networking/v1alpha1"
	workv1alpha2 "github.com/karmada-io/karmada/pkg/apis/work/v1alpha2"

	"github.com/nearcast/nearcast/internal/base/apiclient"
)

// known are the kinds that are read and written.
var known = apiclient.NewKinds(
	corev1.AddToScheme, appsv1.AddToScheme, networkingv1.AddToScheme, eventsv1.AddToScheme,
	clusterv1alpha1.Install, workv1alpha2.Install, karmadanetworkingv1alpha1.Install,
)

// The versions of Karmada's API groups that are read and written.
var (
	clusterVersion    = schema.GroupVersion(clusterv1alpha1.GroupVersion)
	workVersion       = schema.GroupVersion(workv1alpha2.GroupVersion)
	networkingVersion = schema.GroupVersion(karmadanetworkingv1alpha1.GroupVersion)
)

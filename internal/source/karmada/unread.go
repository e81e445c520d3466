package karmada

import (
	"github.com/go-json-experiment/json"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	clusterv1alpha1 "github.com/karmada-io/karmada/pkg/apis/cluster/v1alpha1"
	policyv1alpha1 "github.com/karmada-io/karmada/pkg/apis/policy/v1alpha1"
	workv1alpha2 "github.com/karmada-io/karmada/pkg/apis/work/v1alpha2"

	"github.com/nearcast/nearcast/internal/base/apistream"
)

// unread are the parts of Karmada's objects that are not decoded: they take time, and nothing
// reads them.
var unread = []*json.Unmarshalers{
	apistream.Unread[[]metav1.ManagedFieldsEntry](),
	apistream.Unread[[]metav1.OwnerReference](),
	apistream.Unread[*policyv1alpha1.Placement](),
	apistream.Unread[*workv1alpha2.ReplicaRequirements](),
	apistream.Unread[[]clusterv1alpha1.APIEnablement](),
}

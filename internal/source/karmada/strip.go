package karmada

import (
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	clusterv1alpha1 "github.com/karmada-io/karmada/pkg/apis/cluster/v1alpha1"
	workv1alpha2 "github.com/karmada-io/karmada/pkg/apis/work/v1alpha2"
)

// strip removes large fields that are never read from an object. It may be applied twice.
func strip(obj any) {
	if m, ok := obj.(metav1.Object); ok {
		m.SetManagedFields(nil)
		m.SetFinalizers(nil)
		m.SetOwnerReferences(nil)
	}
	switch obj := obj.(type) {
	case *workv1alpha2.ResourceBinding:
		obj.Spec.Placement = nil
		obj.Spec.ReplicaRequirements = nil
		obj.Status.Conditions = slices.DeleteFunc(obj.Status.Conditions, func(c metav1.Condition) bool { return c.Type != workv1alpha2.Scheduled })
	case *clusterv1alpha1.Cluster:
		obj.Status.APIEnablements = nil
	case *appsv1.Deployment:
		obj.Spec.Template.Spec = corev1.PodSpec{RuntimeClassName: obj.Spec.Template.Spec.RuntimeClassName}
		obj.Status = appsv1.DeploymentStatus{}
	case *appsv1.StatefulSet:
		obj.Spec.Template.Spec = corev1.PodSpec{RuntimeClassName: obj.Spec.Template.Spec.RuntimeClassName}
		obj.Spec.VolumeClaimTemplates = nil
		obj.Status = appsv1.StatefulSetStatus{}
	case *appsv1.DaemonSet:
		obj.Spec.Template.Spec = corev1.PodSpec{RuntimeClassName: obj.Spec.Template.Spec.RuntimeClassName}
		obj.Status = appsv1.DaemonSetStatus{}
	}
}

package karmada

import (
	"context"
	"encoding/json"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/karmada-io/karmada/pkg/generated/clientset/versioned"

	"github.com/nearcast/nearcast/internal/federation"
)

// SetDrain annotates a Cluster so that every site moves traffic away from it, or
// no more, with the credentials of the one who asks: a kubeconfig file, or where
// that is "" what kubectl would take.
func SetDrain(ctx context.Context, kubeconfig, cluster string, drain bool) error {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = kubeconfig
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, nil).ClientConfig()
	if err != nil {
		return fmt.Errorf("kubeconfig: %w; name the Karmada API's with --kubeconfig", err)
	}
	client, err := versioned.NewForConfig(config)
	if err != nil {
		return err
	}
	var value any // null takes the annotation away
	if drain {
		value = "true"
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": map[string]any{federation.DrainAnnotation: value}}})
	if err != nil {
		return err
	}
	_, err = client.ClusterV1alpha1().Clusters().Patch(ctx, cluster, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: "nearcast"})
	if err != nil {
		return fmt.Errorf("cluster %s: %w", cluster, err)
	}
	return nil
}

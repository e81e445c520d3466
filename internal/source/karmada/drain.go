package karmada

import (
	"context"
	"encoding/json"
	"fmt"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	clusterv1alpha1 "github.com/karmada-io/karmada/pkg/apis/cluster/v1alpha1"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/federation/annotation"
)

// Drained is the state of a Cluster after SetDrain.
type Drained struct {
	// Leaving says why traffic moves away from it; "" if it does not.
	Leaving string
	// Shed is the share of the clients that move away from it.
	Shed federation.Eighths
	// Faults are the annotations that no site can read.
	Faults []federation.Fault
}

// SetDrain annotates a Cluster so that every site moves a share of the traffic away from it, or
// none with 0. It uses the caller's credentials: a kubeconfig file or, if that is "",
// what kubectl would use. It returns the resulting state in the API, which a webhook may
// have changed.
func SetDrain(ctx context.Context, kubeconfig, cluster string, drain federation.Eighths) (Drained, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = kubeconfig
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, nil).ClientConfig()
	if err != nil {
		return Drained{}, fmt.Errorf("kubeconfig: %w; pass the kubeconfig of the Karmada API with --kubeconfig", err)
	}
	if config.UserAgent == "" {
		config.UserAgent = rest.DefaultKubernetesUserAgent()
	}
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return Drained{}, fmt.Errorf("kubeconfig: %w", err)
	}
	group, err := groupOf(*config, client, clusterVersion)
	if err != nil {
		return Drained{}, err
	}
	return setDrain(ctx, patchCluster(group), cluster, drain)
}

func setDrain(ctx context.Context, merge func(ctx context.Context, name string, patch []byte) (*clusterv1alpha1.Cluster, error), cluster string, drain federation.Eighths) (Drained, error) {
	var value any // null removes the annotation
	switch drain {
	case 0:
	case federation.Everybody:
		value = "true"
	default:
		value = drain.String()
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": map[string]any{annotation.Drain: value}}})
	if err != nil {
		return Drained{}, err
	}
	patched, err := merge(ctx, cluster, patch)
	if err != nil {
		return Drained{}, fmt.Errorf("cluster %s: %w", cluster, err)
	}
	r := read(patched)
	var after Drained
	if c, ok := r.Object.(*federation.Cluster); ok {
		after = Drained{c.Leaving, c.Shed, r.Faults}
	}
	return after, nil
}

package kube

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

func stripNode(n *corev1.Node) bool {
	n.ObjectMeta = metav1.ObjectMeta{Name: n.Name, ResourceVersion: n.ResourceVersion, Labels: n.Labels}
	n.Spec, n.Status = corev1.NodeSpec{Taints: n.Spec.Taints}, corev1.NodeStatus{}
	return true
}

// drained returns why the node is to be drained; "" for no reason, also if it does not exist, which
// is logged once.
func (c *Cluster) drained() string {
	node := c.nodes.all()[types.NamespacedName{Name: c.config.Node}]
	if node == nil {
		if !c.nodeless {
			c.log.Warn("the cluster has no node of this name: taints and labels cannot drain this node, and it has no endpoints", "node", c.config.Node)
		}
		c.nodeless = true
		return ""
	}
	c.nodeless = false
	for _, t := range node.Spec.Taints {
		if slices.Contains(c.config.DrainTaints, t.Key) {
			return fmt.Sprintf("node %s has taint %s", node.Name, t.Key)
		}
	}
	for _, key := range c.config.DrainLabels {
		if _, is := node.Labels[key]; is { // with any value, as in Kubernetes
			return fmt.Sprintf("node %s has label %s", node.Name, key)
		}
	}
	return ""
}

package kube

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// maxServices is how many Services of one namespace are read, oldest first: bgp gives as many
// addresses to a namespace, and futile requests by thousands of Services would delay the changes of
// other namespaces.
const maxServices = 256

var tooMany = fmt.Sprintf("is ignored: its namespace has %d older Services that request addresses, the maximum of one namespace", maxServices)

// beyond returns the Services that exceed the limit of their namespaces.
func beyond(services map[types.NamespacedName]*corev1.Service) map[types.NamespacedName]bool {
	of := map[string][]*corev1.Service{}
	for name, s := range services {
		of[name.Namespace] = append(of[name.Namespace], s)
	}
	left := map[types.NamespacedName]bool{}
	for _, all := range of {
		if len(all) <= maxServices {
			continue
		}
		slices.SortFunc(all, byAge)
		for _, s := range all[maxServices:] {
			left[nameOf(s)] = true
		}
	}
	return left
}

// byAge orders the oldest first, as bgp does; an unknown age counts as youngest.
func byAge(a, b *corev1.Service) int {
	at, bt := a.CreationTimestamp, b.CreationTimestamp
	switch {
	case at.IsZero() != bt.IsZero() && at.IsZero():
		return 1
	case at.IsZero() != bt.IsZero():
		return -1
	}
	return cmp.Or(at.Compare(bt.Time), strings.Compare(a.Name, b.Name))
}

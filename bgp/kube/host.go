package kube

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/nearcast/nearcast/internal/federation"
)

// hostOf returns the host that a probe sends: the annotated one if it is one of the Service's
// names, otherwise the first annotated name that is not a wildcard. The speaker probes from the
// node, and an endpoint may answer for other names too.
func hostOf(s *corev1.Service, t *federation.Template, annotated string) (string, error) {
	if annotated == "" {
		return firstName(t), nil
	}
	name, err := federation.ParseHostname(annotated)
	if err != nil || !isOwn(s, t, name) {
		return "", fmt.Errorf("nearcast.dev/probe: host %s is not a hostname of the Service, and its probe may request no other; "+
			"a TCP probe is used instead", annotated)
	}
	return strings.TrimSuffix(name, "."), nil
}

// isOwn reports whether the name is annotated, or below an annotated wildcard. The default name is
// in a zone that the speaker does not know.
func isOwn(s *corev1.Service, t *federation.Template, name string) bool {
	if len(t.Hostnames) == 0 {
		return strings.HasPrefix(name, s.Name+"."+s.Namespace+".")
	}
	return slices.ContainsFunc(t.Hostnames, func(own string) bool {
		below, wildcard := strings.CutPrefix(own, "*")
		return name == own || wildcard && strings.HasSuffix(name, below)
	})
}

// firstName returns the first annotated name that is not a wildcard; "" for none.
func firstName(t *federation.Template) string {
	for _, name := range t.Hostnames {
		if name[0] != '*' {
			return strings.TrimSuffix(name, ".")
		}
	}
	return ""
}

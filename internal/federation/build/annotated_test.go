package build

import (
	"testing"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/federation/annotation"
)

func FuzzAnnotations(f *testing.F) {
	for _, seed := range []string{"a=1,b=2", "http://:8080/x", "192.0.2.1:80", "*.a.b", "[::1]:5", "50.1,8", "Deployment/x", "true"} {
		f.Add(seed)
	}
	keys := []string{annotation.Hostname, annotation.Workload, annotation.Policy, annotation.Weights, annotation.Probe, annotation.TTL, annotation.VIP, annotation.Access, annotation.Address, annotation.Address + ".h"}
	f.Fuzz(func(t *testing.T, value string) {
		for _, key := range keys {
			m := federation.Meta{Common: &federation.Common{Kind: "Service", Namespace: "ns"}, Name: "web", Annotations: federation.Annotations{{Key: key, Value: value}}}
			tmpl := &federation.Template{Meta: m}
			if len(annotation.Parse(tmpl)) == 0 { // an accepted annotation can be built
				world(Options{}, tmpl)
			}
		}
		for _, key := range []string{annotation.Address, annotation.Coordinates, annotation.Drain} {
			annotation.Parse(&federation.Cluster{Meta: federation.Meta{Common: &federation.Common{}, Annotations: federation.Annotations{{Key: key, Value: value}}}})
		}
	})
}

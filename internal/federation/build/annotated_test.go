package build

import (
	"testing"

	"github.com/nearcast/nearcast/internal/federation"
)

func FuzzAnnotations(f *testing.F) {
	for _, seed := range []string{"a=1,b=2", "http://:8080/x", "192.0.2.1:80", "*.a.b", "[::1]:5", "50.1,8", "Deployment/x", "true"} {
		f.Add(seed)
	}
	keys := []string{federation.KeyHostname, federation.KeyWorkload, federation.KeyPolicy, federation.KeyWeights, federation.KeyProbe, federation.KeyTTL, federation.KeyVIP, federation.KeyAccess, federation.KeyAddress, federation.KeyAddress + ".h"}
	f.Fuzz(func(t *testing.T, value string) {
		for _, key := range keys {
			m := federation.Meta{Ref: federation.Ref{Kind: "Service", Namespace: "ns", Name: "web"}, Annotations: federation.Annotations{{Key: key, Value: value}}}
			tmpl := &federation.Template{Meta: m}
			if len(federation.ParseTemplate(tmpl)) == 0 { // what is accepted can be built
				world(Options{}, tmpl)
			}
		}
		for _, key := range []string{federation.KeyAddress, federation.KeyCoordinates, federation.KeyDrain} {
			federation.ParseCluster(&federation.Cluster{Meta: federation.Meta{Annotations: federation.Annotations{{Key: key, Value: value}}}})
		}
	})
}

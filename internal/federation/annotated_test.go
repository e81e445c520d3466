package federation

import (
	"testing"
)

func FuzzAnnotations(f *testing.F) {
	for _, seed := range []string{"a=1,b=2", "http://:8080/x", "192.0.2.1:80", "*.a.b", "[::1]:5", "50.1,8", "Deployment/x", "true"} {
		f.Add(seed)
	}
	keys := []string{KeyHostname, KeyWorkload, KeyPolicy, KeyWeights, KeyProbe, KeyTTL, KeyVIP, KeyAccess, KeyAddress, KeyAddress + ".h"}
	f.Fuzz(func(t *testing.T, value string) {
		for _, key := range keys {
			m := Meta{Ref: Ref{Kind: "Service", Namespace: "ns", Name: "web"}, Annotations: Annotations{{Key: key, Value: value}}}
			tmpl := &Template{Meta: m}
			if len(ParseTemplate(tmpl)) == 0 { // what is accepted can be built
				world(Options{}, tmpl)
			}
		}
		for _, key := range []string{KeyAddress, KeyCoordinates, KeyDrain} {
			ParseCluster(&Cluster{Meta: Meta{Annotations: Annotations{{Key: key, Value: value}}}})
		}
	})
}

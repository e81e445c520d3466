package federation

import (
	"fmt"
	"strings"
	"testing"
)

func TestBadAnnotationsAreNamedWithTheirLine(t *testing.T) {
	for _, c := range []struct{ key, value, want string }{
		{"polcy", "nearest", "unknown annotation; did you mean nearcast.dev/policy?"},
		{"something-else", "x", "unknown annotation; known are"},
		{"policy", "nearst", `unknown policy "nearst"`},
		{"policy", "", "is empty"},
		{"hostname", "a b", `"a b" is not a hostname`},
		{"hostname", "*.*.x", "is not a hostname"},
		{"hostname", strings.Repeat("a", 64) + ".x", "is not a hostname"},
		{"hostname", strings.Repeat("a.", 128), "is not a hostname"},
		{"workload", "Pod/x", `"Pod/x" is not Kind/name`},
		{"weights", "a=1,a=2", `cluster "a" is named twice`},
		{"weights", "a=-1", "is not cluster=weight"},
		{"probe", "grpc://:9000/x", "is not a probe; known are"},
		{"probe", "tcp://host:99", "is not tcp://:PORT"},
		{"probe", "http://:0/", `port "0" is not from 1 to 65535`},
		// Without the slashes what follows would be appended to the address.
		{"probe", "http:@169.254.169.254/latest/", "is not scheme://"},
		{"probe", "http:8080/healthz", "is not scheme://"},
		{"probe", "http://user@host/", "is not scheme://"},
		{"hostname", strings.Repeat("a.b.example,", 9) + manyNames(65), "more names than the 64"},
		{"hostname", strings.Repeat("a", maxValue+1), "is 8193 bytes long; the most is 8192"},
		{"ttl", "1h", "is not a number of seconds"},
		{"vip", "192.0.2.300", `"192.0.2.300" is not an IP address`},
		{"access", "private", "not supported by this version"},
		{"access", "secret", "neither public nor private"},
		{"address", "192.0.2.1", "is not cluster=address"},
		{"address", "a=nowhere", `cluster a: "nowhere" is not an address`},
		{"address.", "a=192.0.2.1", "unknown annotation"},
		{"address", "a=192.0.2.1:80,a=192.0.2.2:81", "ports 80 and 81 differ"},
	} {
		tmpl := &Template{Meta: Meta{
			Ref:         Ref{Kind: "Service", Namespace: "ns", Name: "web"},
			Annotations: map[string]string{annotationPrefix + c.key: c.value},
			Origin:      Origin{File: "f.yaml", Line: 3, Keys: map[string]int{annotationPrefix + c.key: 7}},
		}}
		faults := ParseTemplate(tmpl)
		if len(faults) != 1 {
			t.Errorf("%s=%q: %d faults, want one", c.key, c.value, len(faults))
			continue
		}
		got := faults[0].Error()
		want := "f.yaml:7: Service ns/web: nearcast.dev/" + c.key + ": "
		if !strings.HasPrefix(got, want) || !strings.Contains(got, c.want) {
			t.Errorf("%s=%q: %s\nwant %s…%s", c.key, c.value, got, want, c.want)
		}
	}
}

// manyNames returns n different hostnames.
func manyNames(n int) string {
	var names []string
	for i := range n {
		names = append(names, fmt.Sprintf("n%d.fn.example.org", i))
	}
	return strings.Join(names, ",")
}

func FuzzAnnotations(f *testing.F) {
	for _, seed := range []string{"a=1,b=2", "http://:8080/x", "192.0.2.1:80", "*.a.b", "[::1]:5", "50.1,8", "Deployment/x", "true"} {
		f.Add(seed)
	}
	keys := []string{keyHostname, keyWorkload, keyPolicy, keyWeights, keyProbe, keyTTL, keyVIP, keyAccess, keyAddress, keyAddress + ".h"}
	f.Fuzz(func(t *testing.T, value string) {
		for _, key := range keys {
			m := Meta{Ref: Ref{Kind: "Service", Namespace: "ns", Name: "web"}, Annotations: map[string]string{key: value}}
			tmpl := &Template{Meta: m}
			if len(ParseTemplate(tmpl)) == 0 { // what is accepted can be built
				Build(storeOf(tmpl), Options{Zones: []string{"fn.example.org."}})
			}
		}
		for _, key := range []string{keyAddress, keyCoordinates, keyDrain} {
			ParseCluster(&Cluster{Meta: Meta{Annotations: map[string]string{key: value}}})
		}
	})
}

func storeOf(o Object) *Store {
	s := NewStore()
	s.Put(o)
	return s
}

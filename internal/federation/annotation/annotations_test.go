package annotation

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/nearcast/nearcast/internal/base/brief"
	"github.com/nearcast/nearcast/internal/federation"
)

func TestBadAnnotationsAreNamedWithTheirLine(t *testing.T) {
	for _, c := range []struct{ key, value, want string }{
		{"polcy", "nearest", "unknown annotation; did you mean nearcast.dev/policy?"},
		{"something-else", "x", "unknown annotation; known annotations: "},
		{"policy", "nearst", `unknown policy "nearst"`},
		{"policy", "", "is empty"},
		{"hostname", "a b", `"a b" is not a hostname`},
		{"hostname", "*.*.x", "is not a hostname"},
		{"hostname", strings.Repeat("a", 64) + ".x", "is not a hostname"},
		{"hostname", strings.Repeat("a.", 128), "is not a hostname"},
		{"workload", "web", `"web" is not Kind/name or Kind.group/name`},
		{"workload", "Deploymnt/x", "did you mean Deployment?"},
		{"workload", "Rollout./x", "is not Kind/name"},
		{"address", "gateways", "is not cluster=address"},
		{"address.vpn", "a=gateway", "gateway is only for nearcast.dev/address"},
		{"weights", "a=1,a=2", `cluster "a" is named twice`},
		{"weights", "a=-1", "is not cluster=weight"},
		{"probe", "exec://:9000/x", "is not a probe; known probes:"},
		{"probe", "grpc://host/x", "is not grpc://"},
		{"expect", "status=100", `status "100" is not N or N-N with statuses from 200 to 599`},
		{"expect", "status=299-200", "is not N or N-N"},
		{"expect", "header=X", "is not header=NAME:VALUE"},
		{"expect", "body=", "body= has no text"},
		{"expect", "code=200", "unknown expectation"},
		{"port", "0", "is not [name=]port[/protocol]"},
		{"port", "web=80/sctp", `protocol "sctp" is neither tcp nor udp`},
		{"port", "a_b=80", "is not a service name"},
		{"port", "web=80,web=81", "the name is given twice"},
		{"alpn", "h2,", "is not an ALPN identifier"},
		{"hostname", "a" + deepNames(9), "more labels than the 1024"},
		{"txt", strings.Repeat("a\n", 17), "17 lines are more than the 16 records"},
		{"probe", "tcp://host:99", "is not tcp://:PORT"},
		{"probe", "http://:0/", `port "0" is not from 1 to 65535`},
		// Without the slashes, the rest would be appended to the address.
		{"probe", "http:@169.254.169.254/latest/", "is not scheme://"},
		{"probe", "http:8080/healthz", "is not scheme://"},
		{"probe", "http://user@host/", "is not scheme://"},
		{"hostname", strings.Repeat("a.b.example,", 9) + manyNames(65), "more names than the 64"},
		{"hostname", strings.Repeat("a", maxValue+1), "is 8193 bytes long; the limit is 8192"},
		{"ttl", "1h", "is not a number of seconds"},
		{"vip", "192.0.2.300", `"192.0.2.300" is not an IP address`},
		{"access", "secret", "neither public nor private"},
		{"address", "192.0.2.1", "is not cluster=address"},
		{"address", "a=nowhere", `cluster a: "nowhere" is not an address`},
		{"address.", "a=192.0.2.1", "unknown annotation"},
		{"address", "a=192.0.2.1:80,a=192.0.2.2:81", "ports 80 and 81 differ"},
	} {
		tmpl := &federation.Template{Meta: federation.Meta{
			Common: &federation.Common{Kind: "Service", Namespace: "ns", File: "f.yaml"}, Name: "web", Line: 3,
			Annotations: federation.Annotations{{Key: Prefix + c.key, Value: c.value, Below: 4}},
		}}
		faults := Parse(tmpl)
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

func TestAWorkloadMayHaveAnyKind(t *testing.T) {
	for v, want := range map[string]federation.Ref{
		"Deployment/x": {Group: "apps", Kind: "Deployment"}, "Service/x": {Group: "serving.knative.dev", Kind: "Service"}, "CloneSet/x": {Group: "apps.kruise.io", Kind: "CloneSet"},
		"StatefulSet.apps.kruise.io/x": {Group: "apps.kruise.io", Kind: "StatefulSet"}, "Fleet.example.org/x": {Group: "example.org", Kind: "Fleet"},
		// These names have too little in common with a known one to be typos.
		"Model/x": {Group: federation.AnyGroup, Kind: "Model"}, "Proxy/x": {Group: federation.AnyGroup, Kind: "Proxy"}, "Foo/x": {Group: federation.AnyGroup, Kind: "Foo"},
	} {
		want.Namespace, want.Name = "ns", "x"
		if got, err := parseWorkload(v, "ns"); err != nil || got != want {
			t.Errorf("%s: %+v, %v, want %+v", v, got, err, want)
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

func TestValuesAreParsedToWhatTheyMean(t *testing.T) {
	tmpl := &federation.Template{Meta: federation.Meta{Common: &federation.Common{}, Annotations: Own(map[string]string{
		Port: "https=8443, dns=53/udp,9000", ALPN: "h2,http/1.1,h2", TXT: "v=1 a\n\n b ",
		Expect: "status=200-204 header=x-ready:yes body=all is well", Probe: "grpc://:9000/pkg.Service", Access: "private",
	}, nil)}}
	if faults := Parse(tmpl); len(faults) > 0 {
		t.Fatal(faults)
	}
	want := federation.Template{
		Meta: tmpl.Meta, Service: &federation.Service{Ports: []federation.Port{{Name: "https", Protocol: "tcp", Number: 8443}, {Name: "dns", Protocol: "udp", Number: 53}, {Protocol: "tcp", Number: 9000}}},
		Annotated: &federation.Annotated{
			OwnPorts: true, Private: true, ALPN: []string{"h2", "http/1.1"}, Texts: []string{"v=1 a", "b"},
			Expect: federation.Expect{From: 200, To: 204, Header: "X-Ready", Value: "yes", Body: "all is well"},
			Probe:  &federation.ProbeSpec{Text: "grpc://:9000/pkg.Service", Kind: federation.ProbeGRPC, Port: 9000, Path: "/pkg.Service"},
		},
	}
	if !reflect.DeepEqual(*tmpl, want) {
		t.Errorf("%+v\nwant %+v", *tmpl, want)
	}
	again, err := parseExpect(want.Expect.String())
	if err != nil || again != want.Expect {
		t.Errorf("%q is read as %+v, %v", want.Expect, again, err)
	}
	c := &federation.Cluster{Meta: federation.Meta{Common: &federation.Common{}, Annotations: federation.Annotations{{Key: Cost, Value: "0"}}}}
	if faults := Parse(c); len(faults) > 0 || c.Price() != 0 || new(federation.Cluster).Price() != 1 {
		t.Errorf("cost 0 is %g (%v), none is %g", c.Price(), faults, new(federation.Cluster).Price())
	}
	c.Annotations[0].Value = "NaN"
	if faults := Parse(c); len(faults) != 1 {
		t.Error("a cost that is not a number was accepted")
	}
}

// TestAFaultIsCutAndEscaped: the authors of the annotation, the name and the file
// chose what it contains.
func TestAFaultIsCutAndEscaped(t *testing.T) {
	executed := "\x1b[2J\u202e" + strings.Repeat("A", 4<<10)
	for key, value := range map[string]string{"probe": executed, "hostname": executed, "workload": executed, "policy": executed, "unknown": "x"} {
		tmpl := &federation.Template{Meta: federation.Meta{
			Common: &federation.Common{Kind: "Service", Namespace: "ns", File: "f\u202e.yaml"}, Name: "web\x1b[31m", Line: 3,
			Annotations: federation.Annotations{{Key: Prefix + key, Value: value}},
		}}
		faults := Parse(tmpl)
		if len(faults) != 1 {
			t.Fatalf("%s: %d faults", key, len(faults))
		}
		if reason := faults[0].Reason; len(reason) > brief.Most || brief.Escape(reason) != reason {
			t.Errorf("%s: %d octets: %q", key, len(reason), reason)
		}
		if text := faults[0].Error(); brief.Escape(text) != text {
			t.Errorf("%s: %q", key, text)
		}
	}
	// The longest of our own messages has room for everything that it names.
	unknown := parse(&federation.Meta{Common: &federation.Common{}, Annotations: federation.Annotations{{Key: Prefix + "something-else", Value: "x"}}}, &federation.Template{Annotated: &federation.Annotated{}}, templateParsers)
	for _, p := range templateParsers {
		if name := strings.TrimPrefix(p.key, Prefix); !strings.Contains(unknown[0].Reason, name) {
			t.Errorf("%q does not name %s", unknown[0].Reason, name)
		}
	}
}

// deepNames returns n more hostnames, each with the maximum of labels.
func deepNames(n int) (all string) {
	for i := range n {
		all += fmt.Sprintf(",%s%d", strings.Repeat("a.", 125), i)
	}
	return all
}

// annotated is a Service with annotations, in pairs of key and value, that shares what it can.
func annotated(namespace, name string, annotations ...string) *federation.Template {
	all := map[string]string{}
	for pair := range slices.Chunk(annotations, 2) {
		all[Prefix+pair[0]] = pair[1]
	}
	t := &federation.Template{Meta: federation.Meta{Common: &federation.Common{Kind: "Service", Namespace: namespace}, Name: name, Annotations: Own(all, nil)}}
	Parse(t)
	federation.Share(t)
	return t
}

func TestTemplatesWithTheSameAnnotationsShareThem(t *testing.T) {
	one, other := annotated("ns", "one", "ttl", "5", "weights", "a=1"), annotated("ns", "other", "ttl", "5", "weights", "a=1")
	if one.Annotated != other.Annotated || &one.Annotations[0] != &other.Annotations[0] {
		t.Error("two templates with the same annotations do not share them")
	}
	for name, third := range map[string]*federation.Template{
		"another value": annotated("ns", "x", "ttl", "5", "weights", "a=2"), "one annotation less": annotated("ns", "x", "ttl", "5"),
		// The workload is in the template's own namespace.
		"another namespace": annotated("other", "x", "ttl", "5", "weights", "a=1"),
	} {
		if third.Annotated == one.Annotated {
			t.Errorf("%s: shared anyway", name)
		}
	}
}

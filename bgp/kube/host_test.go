package kube

import (
	"strings"
	"testing"

	discoveryv1 "k8s.io/api/discovery/v1"

	"github.com/nearcast/nearcast/internal/federation"
)

// TestAProbeRequestsOnlyHostnamesOfTheService: any other host is rejected by name, and a
// TCP probe is used instead; the Service keeps its addresses.
func TestAProbeRequestsOnlyHostnamesOfTheService(t *testing.T) {
	for _, c := range []struct{ probe, hostnames, host, refused string }{
		{"http:///", "", "", ""},
		{"http:///", "b.example.org", "b.example.org", ""},
		{"http://B.example.org/", "a.example.org,b.example.org", "b.example.org", ""},
		{"https://x.b.example.org:80/", "*.b.example.org", "x.b.example.org", ""},
		{"http://a.media.fn.example.org/", "", "a.media.fn.example.org", ""},
		{"http://ledger.bank.fn.example.org/account", "b.example.org", "", "ledger.bank.fn.example.org"},
		{"http://ledger.bank.fn.example.org/account", "", "", "ledger.bank.fn.example.org"},
		{"https://b.example.org/", "*.b.example.org", "", "b.example.org"},
		{"https://xb.example.org/", "*.b.example.org", "", "xb.example.org"},
		{"http://a.media.fn.example.org/", "b.example.org", "", "a.media.fn.example.org"},
		{"grpc://169.254.169.254:80/x", "b.example.org", "", "169.254.169.254"},
		{"http://[fd00:ec2::254]/", "b.example.org", "", "fd00:ec2::254"},
		{"http://a.mediaX.fn.example.org/", "", "", "a.mediaX.fn.example.org"},
	} {
		k := mirrored(t)
		k.services.Put(balanced("a", annotated("nearcast.dev/probe", c.probe), annotated("nearcast.dev/hostname", c.hostnames)))
		k.slices.Put(sliceOf("a", "a-1", 8080, "192.0.2.1"))
		d, _ := k.read()
		if len(d.Services) != 1 || len(d.Services[0].Addresses) != 1 {
			t.Fatalf("%s: %+v", c.probe, d)
		}
		got := d.Services[0].Probe
		switch {
		case c.refused == "" && (got.Host != c.host || got.Kind == federation.ProbeTCP || len(d.Refused) > 0):
			t.Errorf("%s of %q: got %+v, refused %v", c.probe, c.hostnames, got, d.Refused)
		case c.refused != "" && (got != federation.Target{Kind: federation.ProbeTCP} || len(d.Refused) != 1 ||
			!strings.Contains(d.Refused[0].String(), "Service media/a: nearcast.dev/probe: host "+c.refused+" is not a hostname of")):
			t.Errorf("%s of %q: got %+v, refused %v", c.probe, c.hostnames, got, d.Refused)
		}
	}
}

// TestAPortThatTheServiceLacksIsForeign, if none of its slices has it either.
func TestAPortThatTheServiceLacksIsForeign(t *testing.T) {
	for probe, want := range map[string]struct{ foreign, at, own uint16 }{
		"":                  {0, 8080, 0},
		"tcp://:80":         {0, 8080, 0},
		"tcp://:8080":       {0, 8080, 0}, // its target
		"tcp://:10250":      {10250, 10250, 8080},
		"https://:6443/x":   {6443, 6443, 8080},
		"grpc://:2379/etcd": {2379, 2379, 8080},
		"none":              {0, 0, 0},
	} {
		r := newRequest(balanced("a", annotated("nearcast.dev/probe", probe)), nil)
		d := r.declaration([]*discoveryv1.EndpointSlice{sliceOf("a", "a-1", 8080, "192.0.2.1")}, "node")
		e := d.Endpoints[0]
		if d.ForeignPort != want.foreign || e.Addr.Port() != want.at || e.Own != want.own {
			t.Errorf("%q: got %d, probed at %d, own %d; want %+v", probe, d.ForeignPort, e.Addr.Port(), e.Own, want)
		}
	}
}

package federation_test

import (
	"net/netip"
	"testing"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/federation/annotation"
)

var (
	gateway     = federation.Endpoint{V4: []netip.Addr{netip.MustParseAddr("192.0.2.3")}, Gateway: true}
	own         = federation.Endpoint{V4: []netip.Addr{netip.MustParseAddr("192.0.2.7")}}
	vip         = federation.Endpoint{V4: []netip.Addr{netip.MustParseAddr("198.51.100.80")}, VIP: true}
	httpAndTLS  = []federation.Port{{"http", "tcp", 80}, {"https", "tcp", 443}}
	webNumbers  = []federation.PortNumbers{{80, 8080, 30080}, {443, 8443, 30443}}
	overBoth    = []federation.Port{{"dns", "udp", 53}, {"dns-tcp", "tcp", 53}}
	withMetrics = []federation.Port{{"metrics", "tcp", 9090}, {"https", "tcp", 443}, {"h3", "udp", 443}}
)

func on(e federation.Endpoint, port uint16) federation.Endpoint {
	e.Port = port
	return e
}

// TestClientsAreSentToThePortThatAnswers checks that each port of a function is given as
// it is reached at the endpoint.
func TestClientsAreSentToThePortThatAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		ports   []federation.Port
		numbers []federation.PortNumbers
		at      federation.Endpoint
		probe   string
		want    []uint16
	}{
		"a gateway's own":                           {httpAndTLS, webNumbers, gateway, "", []uint16{80, 443}},
		"a gateway accepts HTTPS at 443":            {[]federation.Port{{"http", "tcp", 8080}, {"https", "tcp", 8443}, {"grpc", "tcp", 9000}}, nil, gateway, "", []uint16{80, 443, 9000}},
		"a gateway that declares one":               {httpAndTLS, webNumbers, on(gateway, 30443), "", []uint16{80, 30443}},
		"one that is the node port of another port": {httpAndTLS, webNumbers, on(gateway, 30080), "", []uint16{30080, 443}},
		"one that is another's own":                 {httpAndTLS, nil, on(own, 80), "", []uint16{80, 443}},
		"one at which the probe speaks HTTP":        {httpAndTLS, nil, on(own, 8000), "http:///healthz", []uint16{8000, 443}},
		"the only port":                             {[]federation.Port{{"http", "tcp", 80}}, nil, on(gateway, 30443), "", []uint16{30443}},
		"https precedes the first port":             {withMetrics, nil, on(gateway, 30443), "", []uint16{9090, 30443, 30443}},
		"an address's":                              {httpAndTLS, webNumbers, on(own, 9443), "", []uint16{80, 9443}},
		"a load balancer's":                         {httpAndTLS, webNumbers, own, "", []uint16{80, 443}},
		"TCP and UDP of one number":                 {overBoth, nil, on(own, 5353), "", []uint16{5353, 5353}},
		"only UDP":                                  {overBoth[:1], nil, on(own, 5353), "", []uint16{5353}},
		"UDP beside TCP":                            {[]federation.Port{{"https", "tcp", 443}, {"dns", "udp", 53}}, nil, on(gateway, 30443), "", []uint16{30443, 53}},
		"the probe's, of the nodes":                 {httpAndTLS, webNumbers, gateway, "https://:30443/", []uint16{80, 30443}},
		"the probe's, of the pods":                  {httpAndTLS, webNumbers, gateway, "http://:8080/healthz", []uint16{8080, 443}},
		"the probe's before a gateway's":            {httpAndTLS, webNumbers, on(gateway, 443), "tcp://:30443", []uint16{80, 30443}},
		"a health check of the function's own":      {withMetrics, nil, gateway, "http://:9090/", []uint16{9090, 443, 443}},
		"a health check on none of its ports":       {httpAndTLS, webNumbers, gateway, "http://:9100/", []uint16{80, 443}},
		"no probe":                                  {httpAndTLS, webNumbers, on(gateway, 30443), "none", []uint16{80, 30443}},
		"a VIP, which the Service has everywhere":   {httpAndTLS, webNumbers, vip, "tcp://:30443", []uint16{80, 443}},
	} {
		f := &federation.Template{Meta: federation.NewMeta(federation.Ref{}), Service: &federation.Service{Ports: c.ports, Numbers: c.numbers}, Annotated: &federation.Annotated{}}
		if c.probe != "" {
			f.Probe = probeSpec(t, c.probe)
		}
		for i, p := range c.ports {
			if got := f.PortAt(c.at, p); got != c.want[i] {
				t.Errorf("%s: %s is at %d, want %d", name, p.Name, got, c.want[i])
			}
		}
	}
}

func probeSpec(t *testing.T, text string) *federation.ProbeSpec {
	t.Helper()
	parsed := &federation.Template{Meta: federation.Meta{Common: &federation.Common{}, Annotations: federation.Annotations{{Key: annotation.Probe, Value: text}}}}
	if faults := annotation.Parse(parsed); len(faults) > 0 {
		t.Fatal(faults)
	}
	return parsed.Probe
}

// TestAnnotatedPortsHoldAtAGateway: the author of the annotation knows the gateway.
func TestAnnotatedPortsHoldAtAGateway(t *testing.T) {
	f := &federation.Template{Meta: federation.NewMeta(federation.Ref{}), Service: &federation.Service{Ports: []federation.Port{{"https", "tcp", 8443}}}, Annotated: &federation.Annotated{OwnPorts: true}}
	for at, want := range map[uint16]uint16{0: 8443, 30443: 30443} {
		if got := f.PortAt(on(gateway, at), f.Ports[0]); got != want || f.HTTPSAt(on(gateway, at)) != want {
			t.Errorf("at a gateway with port %d: %d and %d, want %d", at, got, f.HTTPSAt(on(gateway, at)), want)
		}
	}
}

// TestHTTPSGoesToThePortThatAcceptsIt checks the same for a function without a port of
// that name.
func TestHTTPSGoesToThePortThatAcceptsIt(t *testing.T) {
	for name, c := range map[string]struct {
		tcp     uint16
		ports   []federation.Port
		numbers []federation.PortNumbers
		at      federation.Endpoint
		probe   string
		want    uint16
	}{
		"by name":                      {80, httpAndTLS, webNumbers, on(gateway, 30443), "", 30443},
		"without a name":               {8443, []federation.Port{{"", "tcp", 8443}}, nil, own, "", 8443},
		"a gateway's":                  {8443, nil, nil, gateway, "", 443},
		"a gateway that declares one":  {8443, nil, nil, on(gateway, 30443), "", 30443},
		"a load balancer's first port": {8443, nil, nil, own, "", 8443},
		"no HTTPS at 80":               {80, nil, nil, own, "", 443},
		"or at the port http":          {8080, []federation.Port{{"http", "tcp", 8080}}, nil, own, "", 443},
		"but where an address says so": {80, nil, nil, on(own, 80), "", 80},
		"the probe's":                  {443, nil, []federation.PortNumbers{{443, 0, 30443}}, gateway, "https://:30443", 30443},
		"a VIP's":                      {8443, nil, nil, vip, "", 8443},
		"no port at all":               {0, nil, nil, own, "", 443},
	} {
		f := &federation.Template{Meta: federation.NewMeta(federation.Ref{}), Service: &federation.Service{TCPPort: c.tcp, Ports: c.ports, Numbers: c.numbers}, Annotated: &federation.Annotated{}}
		if c.probe != "" {
			f.Probe = probeSpec(t, c.probe)
		}
		if got := f.HTTPSAt(c.at); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

package build

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/federation/annotation"
	"github.com/nearcast/nearcast/internal/federation/claims"
)

func TestAPortThatIsNotTheFunctionsNeedsAClaim(t *testing.T) {
	prefix := func(s string) []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix(s)} }
	ports := func(namespace, cidr string, ports ...claims.PortRange) claims.Claim {
		c := claims.Claim{Namespace: namespace, Names: []string{"fn.example.org."}, Ports: ports}
		if cidr != "" {
			c.Addresses = prefix(cidr)
		}
		return c
	}
	names := ports("ns", "")
	for _, c := range []struct {
		name        string
		annotations []string
		claims      claims.List
		gateway     string
		want        string
		fault       string // the key
	}{
		{"the Service's", []string{"probe", "tcp://:80"}, nil, "192.0.2.1", "tcp://192.0.2.1:80", ""},
		{"its pods'", []string{"probe", "tcp://:8080"}, nil, "192.0.2.1", "tcp://192.0.2.1:8080", ""},
		{"the annotated", []string{"probe", "tcp://:9000", "port", "grpc=9000"}, nil, "192.0.2.1", "tcp://192.0.2.1:9000", ""},
		{"the gateway's", []string{"probe", "tcp://:8443"}, nil, "192.0.2.1:8443", "tcp://192.0.2.1:8443", ""},
		{"every gateway's", []string{"probe", "http://:80/"}, claims.List{names}, "192.0.2.1:8443", "http://192.0.2.1:80/ (host web.ns.fn.example.org)", ""},
		{"HTTPS", []string{"probe", "https:///"}, nil, "192.0.2.1", "https://192.0.2.1:443/ (host web.ns.fn.example.org)", ""},
		{"no other", []string{"probe", "tcp://:9100"}, nil, "192.0.2.1", "tcp://192.0.2.1:443", annotation.Probe},
		{"with claims of names neither", []string{"probe", "http://:9100/metrics"}, claims.List{names}, "192.0.2.1:8443", "tcp://192.0.2.1:8443", annotation.Probe},
		{"nor gRPC's", []string{"probe", "grpc://:9100/"}, nil, "192.0.2.1", "tcp://192.0.2.1:443", annotation.Probe},
		{"UDP is another", []string{"probe", "tcp://:53", "port", "dns=53/udp"}, nil, "192.0.2.1", "tcp://192.0.2.1:443", annotation.Probe},
		{"claimed", []string{"probe", "tcp://:9100"}, claims.List{ports("ns", "", claims.PortRange{First: 9100, Last: 9100})}, "192.0.2.1", "tcp://192.0.2.1:9100", ""},
		{"claimed as one of many", []string{"probe", "tcp://:31000"}, claims.List{ports("ns", "", claims.PortRange{First: 1, Last: 2}, claims.PortRange{First: 30000, Last: 32767})}, "192.0.2.1", "tcp://192.0.2.1:31000", ""},
		{"claimed for all", []string{"probe", "tcp://:9100"}, claims.List{ports("*", "", claims.PortRange{First: 9100, Last: 9100})}, "192.0.2.1", "tcp://192.0.2.1:9100", ""},
		{"claimed for another", []string{"probe", "tcp://:9100"}, claims.List{names, ports("bank", "", claims.PortRange{First: 9100, Last: 9100})}, "192.0.2.1", "tcp://192.0.2.1:443", annotation.Probe},
		{"another is claimed", []string{"probe", "tcp://:9100"}, claims.List{ports("ns", "", claims.PortRange{First: 9101, Last: 9200})}, "192.0.2.1", "tcp://192.0.2.1:443", annotation.Probe},
		{"its address is claimed", []string{"probe", "tcp://:9100"}, claims.List{ports("ns", "192.0.2.0/24")}, "192.0.2.1", "tcp://192.0.2.1:9100", ""},
		{"another address is claimed", []string{"probe", "tcp://:9100"}, claims.List{ports("ns", "198.51.100.0/24")}, "192.0.2.1", "tcp://192.0.2.1:443", annotation.Probe},
		{"claimed elsewhere", []string{"probe", "tcp://:9100"}, claims.List{ports("ns", "198.51.100.0/24", claims.PortRange{First: 9100, Last: 9100})}, "192.0.2.1", "tcp://192.0.2.1:443", annotation.Probe},
		{"its address, less the port", []string{"probe", "tcp://:9100"}, claims.List{ports("ns", "192.0.2.0/24", claims.PortRange{First: 1, Last: 1})}, "192.0.2.1", "tcp://192.0.2.1:443", annotation.Probe},
		{"an address's", []string{"address", "a=192.0.2.7:9100"}, nil, "192.0.2.1", "tcp://192.0.2.7:80", annotation.Address},
		{"an address's own", []string{"address", "a=192.0.2.7:8080"}, nil, "192.0.2.1", "tcp://192.0.2.7:8080", ""},
		{"a horizon's", []string{"address.vpn", "a=192.0.2.7:9100"}, nil, "", "tcp://192.0.2.7:80", annotation.Address + ".vpn"},
		{"HTTPS of an address", []string{"address", "a=192.0.2.7", "probe", "tcp://:443"}, nil, "192.0.2.1", "tcp://192.0.2.7:80", annotation.Probe},
	} {
		web := service("ns", "web", c.annotations...)
		web.Numbers = []federation.PortNumbers{{Port: 80, Target: 8080}}
		s := world(Options{Claims: c.claims}, cluster("a", c.gateway), cluster("b", c.gateway), web, bound(web.Ref(), "a"))
		got, faults := targetOf(t, s, web.Ref())
		if got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
		if c.fault == "" && len(faults) > 0 || c.fault != "" && (len(faults) != 1 || faults[0].Key != c.fault) {
			t.Errorf("%s: faults %v, want one of %q", c.name, faults, c.fault)
		}
	}
}

func TestAPortsFaultIsReportedOnce(t *testing.T) {
	web := service("ns", "web", "probe", "tcp://:9100")
	s := world(Options{}, cluster("a", "192.0.2.1"), cluster("b", "192.0.2.2"), web, bound(web.Ref(), "a", "b"))
	if len(s.Faults) != 1 {
		t.Errorf("%v", s.Faults)
	}
}

func TestAnIngressHasTheHTTPPorts(t *testing.T) {
	for port, own := range map[string]bool{"80": true, "443": true, "9100": false} {
		in := service("ns", "web", "probe", "tcp://:"+port, "address", "a=192.0.2.7")
		in.Group, in.Kind, in.TCPPort = "networking.k8s.io", "Ingress", 443
		got, faults := targetOf(t, world(Options{}, cluster("a", "192.0.2.1"), in, bound(in.Ref(), "a")), in.Ref())
		if strings.HasSuffix(got, ":"+port) != own || (len(faults) == 0) != own {
			t.Errorf("%s: %s, %v", port, got, faults)
		}
	}
}

// TestAClaimedNodePortThatIsProbedIsWhereClientsAreSent covers gateways and the port that
// the probe's scheme implies, and checks that an unclaimed port does not count.
func TestAClaimedNodePortThatIsProbedIsWhereClientsAreSent(t *testing.T) {
	claimed := claims.List{{Namespace: "ns", Names: []string{"fn.example.org."}, Ports: []claims.PortRange{{First: 30000, Last: 32767}, {First: 9100, Last: 9100}}}}
	for name, c := range map[string]struct {
		claims      claims.List
		gateway     string
		annotations []string
		http, https uint16
	}{
		"by HTTPS":               {claimed, "192.0.2.3", []string{"probe", "https://:30443/"}, 80, 30443},
		"by TCP":                 {claimed, "192.0.2.3", []string{"probe", "tcp://:30443"}, 80, 30443},
		"by HTTP":                {claimed, "192.0.2.3", []string{"probe", "http://:30080/healthz"}, 30080, 443},
		"at a gateway of IPv6":   {claimed, "2001:db8::3", []string{"probe", "tcp://:30443"}, 80, 30443},
		"before the gateway's":   {claimed, "192.0.2.3:8443", []string{"probe", "tcp://:30443"}, 80, 30443},
		"not claimed":            {nil, "192.0.2.3", []string{"probe", "tcp://:30443"}, 80, 443},
		"not a node port":        {claimed, "192.0.2.3", []string{"probe", "http://:9100/"}, 80, 443},
		"not behind its address": {claimed, "192.0.2.3", []string{"probe", "tcp://:30443", "address", "a=192.0.2.7"}, 80, 443},
	} {
		c.claims = append(slices.Clip(c.claims), claims.Claim{Namespace: "other", Addresses: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}})
		web := service("ns", "web", c.annotations...)
		web.Ports = []federation.Port{{Name: "http", Protocol: "tcp", Number: 80}, {Name: "https", Protocol: "tcp", Number: 443}}
		if name == "not behind its address" {
			c.claims = append(c.claims, claims.Claim{Namespace: "ns", Names: []string{"fn.example.org."}, Addresses: []netip.Prefix{netip.MustParsePrefix("192.0.2.7/32")}, Ports: []claims.PortRange{{First: 1, Last: 1}}})
		}
		s := world(Options{Claims: c.claims}, cluster("a", c.gateway), web, bound(web.Ref(), "a"))
		f := only(t, s)
		e := f.Placements[0].Endpoint("")
		if http, https := f.PortAt(e, f.Ports[0]), f.PortAt(e, f.Ports[1]); http != c.http || https != c.https {
			t.Errorf("%s: http is at %d and https at %d, want %d and %d", name, http, https, c.http, c.https)
		}
		if probed := f.Placements[0].Target.Value().Addr.Port(); c.claims[0].Namespace == "ns" && len(s.Faults) == 0 && probed != f.Probe.Port {
			t.Errorf("%s: port %d is probed, want %d", name, probed, f.Probe.Port)
		}
	}
}

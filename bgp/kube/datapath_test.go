package kube

import (
	"fmt"
	"net/netip"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// TestADataPathAcceptsTheAddressesOfTheService has Services with two addresses, and the addresses
// that no data path accepts.
func TestADataPathAcceptsTheAddressesOfTheService(t *testing.T) {
	external := func(addrs ...string) func(*corev1.Service) {
		return func(s *corev1.Service) { s.Spec.ExternalIPs = addrs }
	}
	proxied := func(s *corev1.Service) {
		mode := corev1.LoadBalancerIPModeProxy
		s.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: vip4, IPMode: &mode}}
	}
	modeless := func(s *corev1.Service) {
		s.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: vip4}, {Hostname: "lb.example.org"}}
	}
	const vip6 = "2001:db8::80"
	for name, c := range map[string]struct {
		change []func(*corev1.Service)
		want   string
	}{
		"nothing":                             {nil, "[198.51.100.80 2001:db8::80]"},
		"both in the status":                  {[]func(*corev1.Service){has(vip4, vip6)}, "[]"},
		"one in the status":                   {[]func(*corev1.Service){has(vip4)}, "[2001:db8::80]"},
		"one without a mode, and a name":      {[]func(*corev1.Service){modeless}, "[2001:db8::80]"},
		"one of mode Proxy":                   {[]func(*corev1.Service){proxied}, "[198.51.100.80 2001:db8::80]"},
		"another":                             {[]func(*corev1.Service){has("198.51.100.81")}, "[198.51.100.80 2001:db8::80]"},
		"a ClusterIP only":                    {[]func(*corev1.Service){clusterIP}, "[]"},
		"both external, of a ClusterIP":       {[]func(*corev1.Service){clusterIP, external("2001:0db8::0080", vip4)}, "[]"},
		"one external, one in the status":     {[]func(*corev1.Service){has(vip4), external(vip6)}, "[]"},
		"of another class, and in its status": {[]func(*corev1.Service){ofClass("example.org/lb"), has(vip4, vip6)}, "[]"},
	} {
		s := balanced("a", c.change...)
		stripService(s)
		if got := fmt.Sprint(untaken(s, []netip.Addr{netip.MustParseAddr(vip4), netip.MustParseAddr(vip6)})); got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
}

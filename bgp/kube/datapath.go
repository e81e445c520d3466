package kube

import (
	"net/netip"

	corev1 "k8s.io/api/core/v1"
)

// untaken returns the addresses to which the cluster's data path takes no packets. All data paths
// agree on one rule: kube-proxy in its iptables, ipvs and nftables modes, and replacements such as
// Cilium's eBPF, take the addresses in a Service's status and its external addresses, and no
// others. A Service that has neither and is not of type LoadBalancer leaves its address to
// something unknown to the API, such as a proxy on the node: only its checks decide.
func untaken(s *corev1.Service, addrs []netip.Addr) (all []netip.Addr) {
	if s.Spec.Type != corev1.ServiceTypeLoadBalancer && len(s.Spec.ExternalIPs) == 0 {
		return nil
	}
	taken := map[netip.Addr]bool{}
	for _, text := range s.Spec.ExternalIPs {
		if a, err := netip.ParseAddr(text); err == nil {
			taken[a.Unmap()] = true
		}
	}
	for _, ingress := range s.Status.LoadBalancer.Ingress {
		a, err := netip.ParseAddr(ingress.IP)
		// In the mode Proxy, packets arrive with other destinations: the address does not count.
		if err == nil && (ingress.IPMode == nil || *ingress.IPMode == corev1.LoadBalancerIPModeVIP) {
			taken[a.Unmap()] = true
		}
	}
	for _, a := range addrs {
		if !taken[a] {
			all = append(all, a)
		}
	}
	return all
}

package kube

import (
	"net/netip"

	corev1 "k8s.io/api/core/v1"
)

// untaken returns those of the addresses that the cluster's data path takes no packets to.
// What it takes is the one thing that all of them agree on: kube-proxy in its modes
// iptables, ipvs and nftables, and what stands in its place, such as Cilium's eBPF, take
// the addresses in a Service's status and its external addresses, and no others. A Service
// that has neither, and is no load balancer's, leaves its address to something that the API
// knows nothing of, such as a proxy on the node: its checks alone decide.
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
		// With the mode Proxy packets come with other destinations, and these are let be.
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

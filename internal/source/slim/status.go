package slim

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/nearcast/nearcast/internal/federation"
)

// The meaning of a resource's status in one cluster depends on its kind, and on what
// interprets the kind for Karmada: testdata/health.yaml records what Karmada calls
// healthy. Most statuses omit counts of zero.

// readStatus reads the status fields of the kind, each on its own, and returns those that
// cannot be read. replicas is Karmada's count for the cluster. It ignores the statuses of
// unknown kinds.
func readStatus(of federation.Ref, raw []byte, replicas int32, o *federation.Observed) (unread []string) {
	if len(raw) == 0 {
		return nil
	}
	var status fields
	if err := json.Unmarshal(raw, &status); err != nil {
		unread = []string{notReadable("status", err)}
	} else {
		unread = status.read(of, replicas, o)
	}
	if !of.IsRead() {
		return nil
	}
	return unread
}

func (f fields) read(of federation.Ref, replicas int32, o *federation.Observed) (unread []string) {
	switch {
	case of.Declares():
		return f.balancer(o)
	case of.IsKnative():
		f.knative(o)
		return nil
	case of.Group == "" && of.Kind == "Pod":
		f.pod(o)
		return nil
	case of.IsCounted() && of.Kind == "DaemonSet":
		return f.daemonSet(o)
	}
	return f.replicas(of, replicas, o)
}

// fields is a status whose fields are decoded on demand.
type fields map[string]json.RawMessage

// get decodes the field into v; if the field does not exist, v is unchanged.
func (f fields) get(name string, v any) error {
	raw, ok := f[name]
	if !ok {
		return nil
	}
	return json.Unmarshal(raw, v)
}

// has reports whether the field exists, even if it is unreadable.
func (f fields) has(name string) bool {
	_, ok := f[name]
	return ok
}

// count reads a replica count; false if it is missing or unreadable.
func (f fields) count(name string, unread *[]string) (n int32, ok bool) {
	err := f.get(name, &n)
	if err != nil {
		*unread = append(*unread, notReadable(name, err))
		return 0, false
	}
	return max(n, 0), f.has(name)
}

// replicas reads the counts of a Deployment and of all kinds with the same fields:
// replicas, updatedReplicas and readyReplicas. Karmada wants karmadas of them; an
// autoscaler in the member cluster may want another number.
func (f fields) replicas(of federation.Ref, karmadas int32, o *federation.Observed) (unread []string) {
	all, hasAll := f.count("replicas", &unread)
	ready, hasReady := f.count("readyReplicas", &unread)
	updated, hasUpdated := f.count("updatedReplicas", &unread)
	if len(unread) > 0 && !hasReady || !of.IsCounted() && karmadas == 0 && !hasReady && !hasAll {
		return unread
	}
	rolling := hasUpdated || !f.has("updatedReplicas") && of.IsCounted()
	desired := all
	if rolling && updated < all && of.Kind != "StatefulSet" { // a StatefulSet has no surge
		desired = wanted(all, ready, updated, karmadas)
	}
	if all == 0 {
		desired, _ = f.count("unavailableReplicas", &unread) // wanted, but none was created
	}
	o.Capacity = &federation.Capacity{Desired: max(ready, desired), Ready: ready}
	o.Idle = o.Capacity.Desired == 0 && len(unread) == 0 && o.Health != federation.Unhealthy
	return unread
}

// wanted returns how many of all replicas should be ready during a rollout. Replicas of
// the new version that are not ready may be its surge, and are then no loss: those beyond
// Karmada's count, if that is not more than exist.
func wanted(all, ready, updated, karmadas int32) int32 {
	if karmadas > all {
		karmadas = 0 // an autoscaler of the member wants fewer
	}
	return max(ready, all-updated, karmadas)
}

// daemonSet reads the counts of nodes. If the cluster has no node for a DaemonSet, a call
// does not start it.
func (f fields) daemonSet(o *federation.Observed) (unread []string) {
	all, _ := f.count("desiredNumberScheduled", &unread)
	ready, hasReady := f.count("numberReady", &unread)
	if len(unread) == 0 || hasReady {
		o.Capacity = &federation.Capacity{Desired: max(ready, all), Ready: ready}
	}
	return unread
}

type condition struct{ Type, Status string }

func (f fields) condition(kind string) string {
	var all []condition
	_ = f.get("conditions", &all) // unreadable conditions are ignored
	for _, c := range all {
		if c.Type == kind {
			return c.Status
		}
	}
	return ""
}

// pod reads a Pod as one replica.
func (f fields) pod(o *federation.Observed) {
	if f.condition("Ready") == "" {
		return
	}
	o.Capacity = &federation.Capacity{Desired: 1}
	if f.condition("Ready") == "True" {
		o.Capacity.Ready = 1
	}
}

// knative reads a Knative Service, which has no counts: that it always has a replica is
// reported as minScale by manifests/karmada/interpreters. Ready is for the newest
// revision: while that is not ready, the previous one serves.
func (f fields) knative(o *federation.Observed) {
	var ready, created string
	_ = f.get("latestReadyRevisionName", &ready) // unreadable names are ignored
	_ = f.get("latestCreatedRevisionName", &created)
	rollout := f.condition("Ready") == "Unknown" || created != "" && created != ready
	if o.Health == federation.Unhealthy && ready != "" && rollout && f.condition("RoutesReady") != "False" {
		o.Health = federation.Healthy
	}
	o.Idle = f.minScale() < 1
}

// minScale returns the minimum number of replicas, 0 by default. Annotations are strings.
func (f fields) minScale() int {
	var n int
	if f.get("minScale", &n) == nil {
		return n
	}
	var text string
	_ = f.get("minScale", &text)
	n, _ = strconv.Atoi(text) // 0 if it is not a number
	return n
}

// balancer reads the addresses or names of a load balancer, each entry on its own.
func (f fields) balancer(o *federation.Observed) (unread []string) {
	var balancer struct{ Ingress []json.RawMessage }
	if err := f.get("loadBalancer", &balancer); err != nil {
		return []string{notReadable("loadBalancer", err)}
	}
	var names []string
	if n := len(balancer.Ingress); n > federation.MaxAddresses {
		balancer.Ingress = balancer.Ingress[:federation.MaxAddresses]
		unread = append(unread, fmt.Sprintf("loadBalancer.ingress has %d entries; only the first %d are read", n, federation.MaxAddresses))
	}
	for _, raw := range balancer.Ingress {
		var ingress struct{ IP, Hostname string }
		err := json.Unmarshal(raw, &ingress)
		if err == nil && ingress.Hostname != "" {
			var name string
			if name, err = federation.ParseHostname(ingress.Hostname); err == nil {
				names = append(names, name)
			}
		}
		if err != nil {
			unread = append(unread, notReadable("loadBalancer.ingress", err))
		}
		if ingress.IP == "" {
			continue
		}
		a, err := netip.ParseAddr(strings.TrimSpace(ingress.IP))
		if err != nil || a.Zone() != "" { // no prefix contains an address with a zone
			unread = append(unread, fmt.Sprintf("loadBalancer.ingress.ip %q is not an IP address", ingress.IP))
			continue
		}
		o.LoadBalancer = o.LoadBalancer.Add(a)
	}
	if o.LoadBalancer.IsZero() {
		o.LoadBalancerNames = names
	}
	return unread
}

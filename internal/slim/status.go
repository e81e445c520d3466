package slim

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/nearcast/nearcast/internal/federation"
)

// What the status of a resource in one cluster says depends on its kind, and on what
// interprets the kind for Karmada; see doc.go for what it calls healthy. Counts of zero
// are left out of most statuses.

// readStatus reads what the kind says in its status, each field by itself, and returns
// those that cannot be read. It ignores the statuses of kinds that are no workloads.
func readStatus(of federation.Ref, raw []byte, o *federation.Observed) (unread []string) {
	if len(raw) == 0 {
		return nil
	}
	var status fields
	if err := json.Unmarshal(raw, &status); err != nil {
		if !isRead(of) {
			return nil
		}
		return []string{notReadable("status", err)}
	}
	switch {
	case of.Declares():
		unread = status.balancer(o)
	case of.IsKnative():
		status.knative(o)
	case of.Group == "" && of.Kind == "Pod":
		status.pod(o)
	case of.Group == "apps" && of.Kind == "DaemonSet":
		unread = status.daemonSet(o)
	default:
		unread = status.replicas(of, o)
	}
	if !isRead(of) {
		return nil
	}
	return unread
}

// fields are a status, of which each field is decoded when it is asked for.
type fields map[string]json.RawMessage

// get decodes the field into v, which stays as it is where there is none.
func (f fields) get(name string, v any) error {
	raw, ok := f[name]
	if !ok {
		return nil
	}
	return json.Unmarshal(raw, v)
}

// count reads a number of replicas; there is none where the field is absent.
func (f fields) count(name string, unread *[]string) (n int32, ok bool) {
	err := f.get(name, &n)
	if err != nil {
		*unread = append(*unread, notReadable(name, err))
	}
	_, present := f[name]
	return n, present && err == nil
}

// isRead reports whether a status of the kind that cannot be read is a fault: the kinds
// that Nearcast knows. What others mean by theirs is not for it to judge.
func isRead(of federation.Ref) bool { return of.Declares() || isCounted(of) || of.IsKnative() }

// isCounted reports whether a status of the kind has counts, so that those that are
// absent are zero.
func isCounted(of federation.Ref) bool {
	switch of.Group {
	case "apps":
		return of.Kind == "Deployment" || of.Kind == "StatefulSet" || of.Kind == "ReplicaSet" || of.Kind == "DaemonSet"
	case "core.spinkube.dev":
		return of.Kind == "SpinApp"
	case "apps.kruise.io":
		return of.Kind == "CloneSet" || of.Kind == "StatefulSet"
	case "argoproj.io":
		return of.Kind == "Rollout"
	}
	return false
}

// replicas reads the counts of a Deployment and of all kinds that have their like:
// replicas, updatedReplicas and readyReplicas.
func (f fields) replicas(of federation.Ref, o *federation.Observed) (unread []string) {
	all, hasAll := f.count("replicas", &unread)
	ready, hasReady := f.count("readyReplicas", &unread)
	updated, hasUpdated := f.count("updatedReplicas", &unread)
	if len(unread) > 0 || !isCounted(of) && !hasReady && !hasAll {
		return unread
	}
	if !hasUpdated && !isCounted(of) {
		updated = all
	}
	o.Capacity = &federation.Capacity{Desired: max(ready, wanted(all, ready, updated)), Ready: ready}
	o.Idle = all == 0 && ready == 0 && o.Health != federation.Unhealthy
	return unread
}

// wanted is how many of all replicas are to be ready. During a rollout, while not all are
// of the new version, those of it that are not ready may be its surge, and are no loss.
func wanted(all, ready, updated int32) int32 {
	if updated >= all {
		return all
	}
	return max(ready, all-updated)
}

// daemonSet reads the counts of nodes. A DaemonSet for which the cluster has no node
// does not start with a call.
func (f fields) daemonSet(o *federation.Observed) (unread []string) {
	all, _ := f.count("desiredNumberScheduled", &unread)
	ready, _ := f.count("numberReady", &unread)
	updated, hasUpdated := f.count("updatedNumberScheduled", &unread)
	if len(unread) > 0 {
		return unread
	}
	if !hasUpdated {
		updated = all // a pod on each node is replaced in its place: there is no surge to speak of
	}
	o.Capacity = &federation.Capacity{Desired: max(ready, wanted(all, ready, updated)), Ready: ready}
	return nil
}

type condition struct{ Type, Status string }

func (f fields) condition(kind string) string {
	var all []condition
	_ = f.get("conditions", &all) // what cannot be read says nothing
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
// what manifests/karmada/interpreters brings back as minScale. Ready is of the newest
// revision: while that is not ready, the one before serves.
func (f fields) knative(o *federation.Observed) {
	var ready, created string
	_ = f.get("latestReadyRevisionName", &ready) // what cannot be read says nothing
	_ = f.get("latestCreatedRevisionName", &created)
	rollout := f.condition("Ready") == "Unknown" || created != "" && created != ready
	if o.Health == federation.Unhealthy && ready != "" && rollout && f.condition("RoutesReady") != "False" {
		o.Health = federation.Healthy
	}
	o.Idle = f.minScale() < 1
}

// minScale is the least number of replicas, 0 by default. Annotations are strings.
func (f fields) minScale() int {
	var n int
	if f.get("minScale", &n) == nil {
		return n
	}
	var text string
	_ = f.get("minScale", &text)
	n, _ = strconv.Atoi(text) // 0 for what is none
	return n
}

// balancer reads the addresses or names of a load balancer, each entry by itself.
func (f fields) balancer(o *federation.Observed) (unread []string) {
	var balancer struct{ Ingress []json.RawMessage }
	if err := f.get("loadBalancer", &balancer); err != nil {
		return []string{notReadable("loadBalancer", err)}
	}
	var names []string
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
		if err != nil {
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

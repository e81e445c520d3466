package slim

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	policyv1alpha1 "github.com/karmada-io/karmada/pkg/apis/policy/v1alpha1"
	workv1alpha2 "github.com/karmada-io/karmada/pkg/apis/work/v1alpha2"

	"github.com/nearcast/nearcast/internal/base/brief"
	"github.com/nearcast/nearcast/internal/federation"
)

// binding reads where a resource is placed and in what state. A status item that cannot
// be read affects only itself. It reads only statuses of kinds that may matter: those of
// other kinds may mean anything.
func binding(obj *workv1alpha2.ResourceBinding, meta federation.Meta) (federation.Object, []federation.Fault) {
	r := obj.Spec.Resource
	gv, err := schema.ParseGroupVersion(r.APIVersion)
	if err != nil || r.Kind == "" || r.Name == "" {
		return nil, []federation.Fault{bindingFault(&meta, "spec.resource", "names no resource: apiVersion, kind and name are required")}
	}
	if r.Namespace != meta.Namespace {
		return nil, []federation.Fault{bindingFault(&meta, "spec.resource", fmt.Sprintf("is in namespace %q; a ResourceBinding can only name a resource of its own namespace", r.Namespace))}
	}
	b := federation.NewBinding(meta, federation.Ref{Group: gv.Group, Kind: r.Kind, Namespace: r.Namespace, Name: r.Name})
	b.Members = make([]federation.Member, 0, max(len(obj.Spec.Clusters), len(obj.Status.AggregatedStatus)))
	b.Unscheduled = unscheduled(obj.Status.Conditions, obj.Spec.Suspension)
	for _, snapshot := range obj.Spec.RequiredBy {
		for _, c := range snapshot.Clusters {
			b.Place(c.Name, c.Replicas)
		}
	}
	for _, c := range obj.Spec.Clusters {
		b.Place(c.Name, c.Replicas)
	}
	for _, task := range obj.Spec.GracefulEvictionTasks {
		b.Evictions = append(b.Evictions, federation.Eviction{Cluster: task.FromCluster, Purged: purged(task.PurgeMode)})
	}
	var faults []federation.Fault
	for i := range obj.Status.AggregatedStatus {
		item := &obj.Status.AggregatedStatus[i]
		if item.ClusterName == "" {
			continue // says nothing about any cluster
		}
		seen, unread := observed(b.Resource(), item, b.In(item.ClusterName).Replicas)
		for _, reason := range unread {
			faults = append(faults, bindingFault(&meta, "status.aggregatedStatus of "+item.ClusterName, reason))
		}
		b.Observe(item.ClusterName, seen)
	}
	suspended(b, obj.Spec.Suspension)
	return b, faults
}

func bindingFault(m *federation.Meta, key, reason string) federation.Fault {
	return federation.Fault{File: m.File, Line: int(m.Line), Object: m.String(), Key: key, Reason: brief.Text(reason)}
}

// unscheduled returns the scheduler's complaint, shortened and escaped; "" if it has
// none.
func unscheduled(conditions []metav1.Condition, s *workv1alpha2.Suspension) string {
	scheduled := meta.FindStatusCondition(conditions, workv1alpha2.Scheduled)
	switch {
	case s != nil && s.Scheduling != nil && *s.Scheduling:
		return "its scheduling is suspended"
	case scheduled == nil || scheduled.Status != metav1.ConditionFalse:
		return ""
	case scheduled.Message == "":
		return brief.Text(scheduled.Reason)
	}
	return brief.Text(scheduled.Reason + ": " + scheduled.Message)
}

// suspended records why nothing has been applied yet if dispatching is suspended; Karmada
// itself does not say so.
func suspended(b *federation.Binding, s *workv1alpha2.Suspension) {
	if s == nil {
		return
	}
	for _, m := range slices.Clone(b.Members) {
		everywhere := s.Dispatching != nil && *s.Dispatching
		here := s.DispatchingOnClusters != nil && slices.Contains(s.DispatchingOnClusters.ClusterNames, m.Cluster())
		if seen := m.Observed(); m.Placed && (everywhere || here) && !seen.Applied && seen.Message == "" {
			seen.Message = "its dispatching is suspended"
			b.Observe(m.Cluster(), seen)
		}
	}
}

// purged reports whether the mode removes the work at once. Older policies still use the
// deprecated spelling.
func purged(mode policyv1alpha1.PurgeMode) bool {
	return mode == policyv1alpha1.PurgeModeDirectly || mode == "Immediately"
}

// observed reads what Karmada last saw in one cluster, and returns the parts that cannot
// be read.
func observed(of federation.Ref, item *workv1alpha2.AggregatedStatusItem, replicas int32) (federation.Observed, []string) {
	o := federation.Observed{Applied: item.Applied, Message: item.AppliedMessage}
	switch item.Health {
	case workv1alpha2.ResourceHealthy:
		o.Health = federation.Healthy
	case workv1alpha2.ResourceUnhealthy:
		o.Health = federation.Unhealthy
	}
	if item.Status == nil {
		return o, nil
	}
	unread := readStatus(of, item.Status.Raw, replicas, &o)
	if len(unread) > 0 {
		o.Unread = unread[0]
	}
	return o, unread
}

// notReadable formats a fault of a status field.
func notReadable(field string, err error) string {
	return fmt.Sprintf("%s is not readable: %s", field, Mistyped(err))
}

// Mistyped formats an error of encoding/json in the terms of the value's author.
func Mistyped(err error) string {
	var mistyped *json.UnmarshalTypeError
	if !errors.As(err, &mistyped) {
		return strings.TrimPrefix(err.Error(), "json: ")
	}
	text := mistyped.Value + " where " + expected(mistyped.Type) + " is expected"
	if mistyped.Type.Kind() == reflect.String && (mistyped.Value == "bool" || strings.HasPrefix(mistyped.Value, "number")) {
		text += ": put it in quotes"
	}
	if mistyped.Field != "" {
		text = mistyped.Field + ": " + text
	}
	return text
}

func expected(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Struct, reflect.Map:
		return "an object"
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int32, reflect.Int64, reflect.Uint32, reflect.Uint64:
		return "a whole number"
	case reflect.Pointer:
		return expected(t.Elem())
	}
	return "a " + t.Kind().String()
}

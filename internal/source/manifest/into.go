package manifest

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	clusterv1alpha1 "github.com/karmada-io/karmada/pkg/apis/cluster/v1alpha1"
	workv1alpha2 "github.com/karmada-io/karmada/pkg/apis/work/v1alpha2"
	"go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/runtime"
	kjson "sigs.k8s.io/json"

	"github.com/nearcast/nearcast/internal/base/plainyaml"
	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/federation/annotation"
	"github.com/nearcast/nearcast/internal/source/slim"
)

// into decodes the node through JSON, as kubectl does. It ignores fields of a newer API,
// so that a file printed by a newer cluster still works. It leaves out, and returns as
// faults, annotations that are not strings and, for Clusters and bindings, on which other
// things depend, the unreadable parts of the status. An API server would accept none of
// these. The last argument gives the lines of the annotations: see below.
func into(node *yaml.Node, typed runtime.Object, d *flaws, lines map[string]int) ([]federation.Fault, error) {
	if plainyaml.Decode(node, typed) {
		return nil, nil // as most are without a fault
	}
	var plain any
	if err := node.Decode(&plain); err != nil {
		if templated(node) {
			return nil, errors.New(isTemplate)
		}
		return nil, errors.New(message(err))
	}
	bad := leaveOutTexts(plain, "annotations", d, lines)
	switch typed.(type) {
	case *clusterv1alpha1.Cluster, *workv1alpha2.ResourceBinding:
		bad = append(bad, leaveOutTexts(plain, "labels", d, nil)...)
	default:
		return bad, fromPlain(plain, typed)
	}
	if _, ok := typed.(*workv1alpha2.ResourceBinding); ok {
		bad = append(bad, leaveOutItems(plain, d)...)
	}
	if fromPlain(plain, typed.DeepCopyObject()) != nil {
		bad = append(bad, leaveOutStatus(plain, typed, d)...)
	}
	return bad, fromPlain(plain, typed)
}

func fromPlain(plain any, into any) error {
	data, err := json.Marshal(plain)
	if err == nil {
		err = kjson.UnmarshalCaseSensitivePreserveInts(data, into)
	}
	if err != nil {
		return errors.New(discreet(slim.Mistyped(err)))
	}
	return nil
}

// leaveOutTexts removes annotations or labels that are not strings, because YAML parses
// numbers and true without quotes, and returns the faults of those that are Nearcast's.
func leaveOutTexts(plain any, of string, d *flaws, lines map[string]int) (bad []federation.Fault) {
	texts, _ := field(field(plain, "metadata"), of).(map[string]any)
	for _, key := range slices.Sorted(maps.Keys(texts)) {
		if _, text := texts[key].(string); text {
			continue
		}
		if annotation.IsLike(key) {
			f := d.fault(key, shown(texts[key])+" is not text: put it in quotes")
			f.Line += lines[key]
			bad = append(bad, f)
		}
		delete(texts, key)
	}
	return bad
}

// shown returns a short value, or else a description of it.
func shown(value any) string {
	switch value := value.(type) {
	case map[string]any:
		return "an object"
	case []any:
		return "a list"
	default:
		return fmt.Sprint(value)
	}
}

// leaveOutItems replaces each malformed item of a binding's aggregatedStatus by one that
// only names its cluster, so that the other items and the spec count.
func leaveOutItems(plain any, d *flaws) (bad []federation.Fault) {
	items, _ := field(field(plain, "status"), "aggregatedStatus").([]any)
	for i, item := range items {
		err := fromPlain(item, new(workv1alpha2.AggregatedStatusItem))
		if err == nil {
			continue
		}
		cluster, _ := field(item, "clusterName").(string)
		bad = append(bad, d.fault(strings.TrimSuffix("status.aggregatedStatus of "+cluster, " of "), err.Error()))
		items[i] = map[string]any{"clusterName": cluster, "appliedMessage": "its status item is not readable: " + err.Error()}
	}
	return bad
}

// leaveOutStatus removes the status fields that make the object unreadable, if it is
// readable without them.
func leaveOutStatus(plain any, typed runtime.Object, d *flaws) (bad []federation.Fault) {
	object, _ := plain.(map[string]any)
	all, isObject := object["status"].(map[string]any)
	if object["status"] == nil || fromPlain(without(object, "status"), typed.DeepCopyObject()) != nil {
		return nil // the problem is elsewhere
	}
	try := func(status any) error { // each field alone, as there may be many
		return fromPlain(map[string]any{"status": status}, typed.DeepCopyObject())
	}
	if !isObject {
		return []federation.Fault{d.fault("status", "must be an object")}
	}
	for _, key := range slices.Sorted(maps.Keys(all)) {
		if err := try(map[string]any{key: all[key]}); err != nil {
			bad = append(bad, d.fault("status."+key, strings.TrimLeft(strings.TrimPrefix(err.Error(), "status."+key), ".: ")))
			delete(all, key)
		}
	}
	object["status"] = all
	return bad
}

// without returns an object without a key.
func without(object map[string]any, key string) map[string]any {
	rest := maps.Clone(object)
	delete(rest, key)
	return rest
}

// field returns the value of a key of a mapping, or nil.
func field(of any, key string) any {
	mapping, _ := of.(map[string]any)
	return mapping[key]
}

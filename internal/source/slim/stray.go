package slim

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/federation/annotation"
)

// Silence is the worst answer: an object that has a key of Nearcast's but is not read for
// it gets a warning that names the key.

// carrier says what an object is, when its keys are checked.
type carrier uint8

const (
	// onFunction: annotations have been parsed, and the label is correct.
	onFunction carrier = iota
	// onCluster: annotations have been parsed, and labels have no effect.
	onCluster
	// undeclared is a Service or Ingress that declares no function.
	undeclared
	// onOther is an object of a kind that declares nothing.
	onOther
)

// selected lists labels of Nearcast's own manifests, which policies select by; see
// manifests/network/policies and manifests/federation/placement.
var selected = []string{"announced", "functions", "gateway", "isolation", "spin", "spread", "tenant"}

// inheriting lists kinds to which Kubernetes itself copies the labels of a Service.
var inheriting = []string{"Endpoints", "EndpointSlice"}

// announcedByClass is the load balancer class of the speaker. A Service with this class
// needs no label: the cluster that it is in announces it.
const announcedByClass = "nearcast.dev/anycast"

// Strays returns a warning for each label and annotation of Nearcast's on an object of a
// kind that Nearcast does not read. The last argument is as in Read.
func Strays(ref federation.Ref, labels, annotations map[string]string, origin federation.Origin, below map[string]int) []federation.Fault {
	obj := &metav1.ObjectMeta{Name: ref.Name, Namespace: ref.Namespace, Labels: labels, Annotations: annotations}
	meta := metaOf(obj, ref, origin, below)
	return strays(obj, &meta, onOther)
}

// strays returns a warning for each key of the object that is not read.
func strays(obj metav1.Object, m *federation.Meta, what carrier) []federation.Fault {
	labels, annotations := obj.GetLabels(), obj.GetAnnotations()
	if len(labels) == 0 && len(annotations) == 0 || slices.Contains(inheriting, m.Kind) {
		return nil // as most objects have none
	}
	if what == undeclared && announced(obj) {
		annotations = nil // the speaker reads them
	}
	strays := few{of: m}
	for _, key := range like(labels) {
		if why := strayLabel(key, labels[key], what, m); why != "" {
			strays.ignore("label "+key, why)
		}
	}
	for _, key := range like(annotations) {
		if why := strayAnnotation(key, what, m); why != "" {
			strays.ignore(key, why)
		}
	}
	return strays.all()
}

// like returns, in order, the keys that are Nearcast's or meant to be.
func like(all map[string]string) (keys []string) {
	for key := range all {
		if annotation.IsLike(key) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// few holds the first warnings of an object, and the number of further ones.
type few struct {
	of     *federation.Meta
	faults []federation.Fault
	more   int
}

func (f *few) ignore(key, why string) {
	if len(f.faults) == federation.MostOfObject {
		f.more++
		return
	}
	f.faults = append(f.faults, f.of.Ignored(key, why))
}

func (f *few) all() []federation.Fault {
	if f.more == 0 {
		return f.faults
	}
	return append(f.faults, f.of.Ignored("", fmt.Sprintf("has %d more ignored keys; only %d are listed", f.more, federation.MostOfObject)))
}

func strayLabel(key, value string, what carrier, m *federation.Meta) string {
	name := strings.TrimPrefix(key, annotation.Prefix)
	switch {
	case key == federation.FunctionLabel && what == onFunction:
		return ""
	case key == federation.FunctionLabel && what == undeclared:
		return "is " + strconv.Quote(value) + ` and declares no function: only "true" does`
	case key == federation.FunctionLabel:
		return "is ignored on kind " + kind(m) + ": label the function's Service or Ingress instead"
	case strings.EqualFold(key, federation.FunctionLabel):
		return "is ignored: keys are case-sensitive; did you mean " + federation.FunctionLabel + "?"
	case slices.Contains(selected, name):
		return ""
	case annotation.IsKnown(key):
		return "is ignored as a label: it is an annotation"
	}
	return "is ignored: the only label is " + federation.FunctionLabel
}

func strayAnnotation(key string, what carrier, m *federation.Meta) string {
	parsed := what == onFunction || what == onCluster
	switch {
	case strings.HasPrefix(key, annotation.Prefix) && parsed:
		return "" // or it already has a fault
	case strings.EqualFold(key, federation.FunctionLabel) && what != onCluster:
		return "is ignored as an annotation: it is a label"
	case parsed, !strings.HasPrefix(key, annotation.Prefix):
		return "is ignored: keys are case-sensitive; did you mean " + strings.ToLower(key) + "?"
	case what == undeclared:
		return "is ignored: the " + m.Kind + ` has no label nearcast.dev/function: "true"`
	}
	return "is ignored on kind " + kind(m) + ": annotate the function's Service or Ingress instead"
}

// kind returns the object's kind, with its group if a kind that is read has the same name.
func kind(m *federation.Meta) string {
	if m.Kind == "Service" || m.Kind == "Ingress" {
		return m.Kind + "." + m.Group
	}
	return m.Kind
}

// announced reports whether the object is a Service for the speaker only.
func announced(obj metav1.Object) bool {
	s, ok := obj.(*corev1.Service)
	return ok && s.Spec.LoadBalancerClass != nil && *s.Spec.LoadBalancerClass == announcedByClass
}

package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	clusterv1alpha1 "github.com/karmada-io/karmada/pkg/apis/cluster/v1alpha1"
	workv1alpha2 "github.com/karmada-io/karmada/pkg/apis/work/v1alpha2"
	"go.yaml.in/yaml/v3"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/nearcast/nearcast/internal/base/brief"
	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/source/slim"
)

// scheme contains the kinds that are read.
var scheme = func() *runtime.Scheme {
	s := runtime.NewScheme()
	if err := slim.AddToScheme(s); err != nil {
		panic(err) // a programming error: two types for one kind
	}
	return s
}()

// byteOrderMarks are the byte order byteOrderMarks of UTF-8 and UTF-16.
var byteOrderMarks = []string{"\ufeff", "\xff\xfe", "\xfe\xff"}

// parse reads one file of YAML documents or JSON values, each an object or a List. It
// returns a fault if the file is neither.
func parse(path string, data []byte) (file, *federation.Fault) {
	if format, yes := Compressed("", data); yes {
		return file{}, &federation.Fault{File: path, Reason: Decompress(format)}
	}
	data = Text(data)
	if fault := unfit(path, data); fault != nil {
		return file{}, fault
	}
	var line int
	var notJSON error
	if mayBeJSON(data) {
		var f file
		if f, line, notJSON = parseJSON(path, data); notJSON == nil {
			return f, nil
		}
	}
	f, fault := parseYAML(path, data)
	if fault != nil && notJSON != nil && fault.Reason != isTemplate {
		fault.Line, fault.Reason = line, brief.Text("is not JSON: "+notJSON.Error())
	}
	return f, fault
}

// Text converts text that begins with a byte order mark to UTF-8 without the mark, and
// returns any other text unchanged, without a copy.
func Text(data []byte) []byte {
	if !slices.ContainsFunc(byteOrderMarks, func(mark string) bool { return bytes.HasPrefix(data, []byte(mark)) }) {
		return data
	}
	text, _, err := transform.Bytes(unicode.BOMOverride(transform.Nop), data)
	if err != nil {
		return data
	}
	return text
}

// typeMeta is the type of an object.
type typeMeta struct{ apiVersion, kind string }

// typeOf returns the type that an object states, or else the one that its list implies.
func typeOf(node *yaml.Node, listed typeMeta) typeMeta {
	t := typeMeta{scalar(node, "apiVersion"), scalar(node, "kind")}
	if t == (typeMeta{}) {
		return listed
	}
	return t
}

// items returns the type of the items of a list that state none.
func (t typeMeta) items() typeMeta {
	if t.kind == "List" {
		return typeMeta{}
	}
	return typeMeta{t.apiVersion, strings.TrimSuffix(t.kind, "List")}
}

// add adds one node: an object, or a list of objects.
func (f *file) add(path string, node *yaml.Node, listed typeMeta) {
	if isNull(node) {
		return // an empty document
	}
	t := typeOf(node, listed)
	items := child(node, "items")
	if strings.HasSuffix(t.kind, "List") && items == nil && child(node, "Items") != nil || t.kind == "List" && items != nil && !isNull(items) && items.Kind != yaml.SequenceNode {
		f.refuse(path, node.Line, fmt.Errorf("%s: items must be a list", t.kind))
		return
	}
	switch {
	case t.kind == "List" && isNull(items):
		return
	case strings.HasSuffix(t.kind, "List") && items != nil && items.Kind == yaml.SequenceNode:
		for _, item := range items.Content {
			f.add(path, item, t.items())
		}
		return
	}
	d, err := decode(path, node, t)
	if err != nil {
		f.refuse(path, node.Line, err)
		return
	}
	if d != (document{}) {
		f.documents = append(f.documents, d)
	}
}

// refuse adds the fault of a document that names no object. The document may be two
// octets long, so the number of faults is limited.
func (f *file) refuse(path string, line int, err error) {
	if len(f.faults) == mostFaults {
		f.more++
		return
	}
	f.faults = append(f.faults, federation.Fault{File: path, Line: line, Reason: brief.Text(err.Error())})
}

// decode returns the zero document for a kind that is not read and has no key of
// Nearcast's.
func decode(path string, node *yaml.Node, t typeMeta) (document, error) {
	if t.apiVersion == "" || t.kind == "" {
		return document{}, noObject(path, node)
	}
	gvk := schema.FromAPIVersionAndKind(t.apiVersion, t.kind)
	metadata := child(node, "metadata")
	d := flaws{Meta: federation.MetaAt(
		federation.Ref{Group: gvk.Group, Kind: t.kind, Namespace: scalar(metadata, "namespace"), Name: scalar(metadata, "name")},
		federation.Origin{File: path, Line: node.Line},
	)}
	typed, err := scheme.New(gvk)
	if err == nil {
		if _, read := slim.Ref(typed); !read {
			return unread(d, node), nil
		}
	} else if err = unknownKind(gvk); err == nil {
		return unread(d, node), nil
	}
	if d.Name == "" || templated(metadata) {
		return document{}, unnamed(t.kind, node)
	}
	lines := below(node.Line, child(metadata, "annotations"))
	var bad []federation.Fault
	if err == nil {
		err = bound(node)
	}
	if err == nil {
		bad, err = into(node, typed, &d, lines)
	}
	if err == nil && d.Namespace == "" && gvk.Group != clusterv1alpha1.GroupName {
		err = errors.New("metadata.namespace is required: a file has no current namespace")
	}
	if isForeign(typed, node) {
		if err != nil {
			return document{}, nil //nolint:nilerr // not our kind to judge
		}
		bad = nil
	}
	if err != nil {
		d.faults = []federation.Fault{d.fault("", err.Error())}
		return d.keep(nil), nil
	}
	r := slim.Read(typed, d.Origin(), lines)
	if _, whole := r.Object.(*federation.Template); whole && len(bad) > 0 {
		r.Object = nil // slim refuses a function whole, too
	}
	if d.faults = slices.Concat(bad, r.Faults, d.misplaced(node)); r.Object == nil || len(d.faults) > 0 {
		return d.keep(r.Object), nil
	}
	return document{r.Object}, nil
}

// isForeign reports whether the object is the binding of a kind that Nearcast does not
// know and therefore does not judge.
func isForeign(typed runtime.Object, node *yaml.Node) bool {
	if _, binding := typed.(*workv1alpha2.ResourceBinding); !binding {
		return false
	}
	resource := child(child(node, "spec"), "resource")
	kind, gv := scalar(resource, "kind"), schema.FromAPIVersionAndKind(scalar(resource, "apiVersion"), "").GroupVersion()
	return kind != "" && !federation.Ref{Group: gv.Group, Kind: kind}.IsRead()
}

// unread warns about keys of Nearcast's on an object of a kind that is not read.
func unread(d flaws, node *yaml.Node) document {
	metadata := child(node, "metadata")
	annotations := child(metadata, "annotations")
	d.faults = append(d.misplaced(node), slim.Strays(d.Ref(), texts(child(metadata, "labels")), texts(annotations), d.Origin(), below(node.Line, annotations))...)
	if len(d.faults) == 0 {
		return document{}
	}
	d.ofOther = true
	return d.keep(nil)
}

// noObject explains a node that lacks apiVersion or kind.
func noObject(path string, node *yaml.Node) error {
	switch {
	case templated(node):
		return errors.New(isTemplate)
	case strings.EqualFold(filepath.Base(path), "Chart.yaml"):
		return errors.New("is a Helm chart's: render the chart with `helm template`, and use its output")
	case node.Kind == yaml.SequenceNode:
		return errors.New("is a list: put its objects into the items of one object with `apiVersion: v1` and `kind: List`, as kubectl also requires")
	}
	return errors.New("is not a Kubernetes object: apiVersion and kind are required")
}

// unnamed explains an object that has no name, or whose name is a template.
func unnamed(kind string, node *yaml.Node) error {
	if templated(node) {
		return errors.New(isTemplate)
	}
	return fmt.Errorf("%s: metadata.name is required", kind)
}

// unknownKind accepts kinds of other API groups: a directory may contain more than is
// read. It returns an error for a kind of ours with an unknown version, and for a kind
// that a version of ours does not have: otherwise a misspelt kind would be ignored in
// silence.
func unknownKind(gvk schema.GroupVersionKind) error {
	for known := range scheme.AllKnownTypes() {
		if known.Group == gvk.Group && known.Kind == gvk.Kind && isRead(known) {
			return fmt.Errorf("apiVersion %s of %s is not supported; use %s", gvk.GroupVersion(), gvk.Kind, known.GroupVersion())
		}
	}
	if scheme.IsVersionRegistered(gvk.GroupVersion()) {
		return fmt.Errorf("%s has no kind %s", gvk.GroupVersion(), gvk.Kind)
	}
	return nil
}

// isRead reports whether objects of the kind are read.
func isRead(kind schema.GroupVersionKind) bool {
	typed, err := scheme.New(kind)
	_, read := slim.Ref(typed)
	return err == nil && read
}

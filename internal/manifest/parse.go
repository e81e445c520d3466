package manifest

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	kjson "sigs.k8s.io/json"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/slim"
)

// scheme knows the kinds that are read.
var scheme = func() *runtime.Scheme {
	s := runtime.NewScheme()
	if err := slim.AddToScheme(s); err != nil {
		panic(err) // a programming error: two types under one kind
	}
	return s
}()

// file is what one file holds.
type file struct {
	sum       [sha256.Size]byte // of its bytes
	documents []document
	faults    []federation.Fault // of documents that name no object
	// broken is set where the file is not YAML; the rest is then as of when it was.
	broken *federation.Fault
}

// document is one object. A function has two of them, so that they are small.
type document struct {
	object federation.Object
	flaws  *flaws // nil for a good object
}

// flaws are of an object that is refused, whole or in part, or that says nothing to
// Nearcast.
type flaws struct {
	ref    federation.Ref
	origin federation.Origin
	faults []federation.Fault
}

func (d document) ref() federation.Ref {
	if d.flaws != nil {
		return d.flaws.ref
	}
	return federation.MetaOf(d.object).Ref
}

func (d document) origin() federation.Origin {
	if d.flaws != nil {
		return d.flaws.origin
	}
	return federation.MetaOf(d.object).Origin
}

func (d document) faults() []federation.Fault {
	if d.flaws == nil {
		return nil
	}
	return d.flaws.faults
}

// parse reads one file: YAML documents or JSON, each an object or a List. The
// fault is returned where the file is not YAML at all.
func parse(path string, data []byte) (file, *federation.Fault) {
	var f file
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var root yaml.Node
		err := decoder.Decode(&root)
		if errors.Is(err, io.EOF) {
			return f, nil
		}
		if err != nil {
			return file{}, &federation.Fault{File: path, Line: syntaxLine(err), Reason: "is not YAML: " + strings.TrimPrefix(err.Error(), "yaml: ")}
		}
		if len(root.Content) == 1 {
			f.add(path, root.Content[0])
		}
	}
}

// syntaxLine finds the line in the YAML library's message, which carries it in
// no other way, and leaves it out where it is the first.
func syntaxLine(err error) int {
	line := 1
	if _, scan := fmt.Sscanf(strings.TrimPrefix(err.Error(), "yaml: "), "line %d:", &line); scan != nil {
		return 1
	}
	return line
}

// add reads one node: an object, or a list of them.
func (f *file) add(path string, node *yaml.Node) {
	if node.Tag == "!!null" {
		return // an empty document
	}
	kind := scalar(node, "kind")
	if items := child(node, "items"); items != nil && strings.HasSuffix(kind, "List") {
		for _, item := range items.Content {
			f.add(path, item)
		}
		return
	}
	d, err := decode(path, node)
	if err != nil {
		f.faults = append(f.faults, federation.Fault{File: path, Line: node.Line, Reason: err.Error()})
		return
	}
	if d != (document{}) {
		f.documents = append(f.documents, d)
	}
}

// decode returns the zero document for a kind that is not read.
func decode(path string, node *yaml.Node) (document, error) {
	apiVersion := scalar(node, "apiVersion")
	kind := scalar(node, "kind")
	if apiVersion == "" || kind == "" {
		return document{}, errors.New("is no Kubernetes object: apiVersion and kind are required")
	}
	gvk := schema.FromAPIVersionAndKind(apiVersion, kind)
	typed, err := scheme.New(gvk)
	if err != nil {
		if err = unknownKind(gvk); err == nil {
			return document{}, nil
		}
	}
	metadata := child(node, "metadata")
	ref := federation.Ref{Group: gvk.Group, Kind: kind, Namespace: scalar(metadata, "namespace"), Name: scalar(metadata, "name")}
	if ref.Name == "" {
		return document{}, fmt.Errorf("%s: metadata.name is required", kind)
	}
	origin := federation.Origin{File: path, Line: node.Line}
	if err == nil {
		err = into(node, typed)
	}
	if err != nil {
		faults := []federation.Fault{{File: path, Line: node.Line, Object: ref.String(), Reason: err.Error()}}
		return document{flaws: &flaws{ref, origin, faults}}, nil //nolint:nilerr // the fault is the document's
	}
	if _, read := slim.Ref(typed); !read {
		return document{}, nil
	}
	object, faults := slim.Object(typed, origin, below(node.Line, child(metadata, "annotations")))
	if object == nil || len(faults) > 0 {
		return document{object, &flaws{ref, origin, faults}}, nil
	}
	return document{object: object}, nil
}

// unknownKind lets kinds of other groups pass: a folder may hold more than is
// read. A kind of ours in a version that is not known is an error, and so is one
// that a version of ours does not have: a misspelt one would be lost in silence.
func unknownKind(gvk schema.GroupVersionKind) error {
	for known := range scheme.AllKnownTypes() {
		if known.Group == gvk.Group && known.Kind == gvk.Kind {
			return fmt.Errorf("apiVersion %s of %s is not one that is read; %s is", gvk.GroupVersion(), gvk.Kind, known.GroupVersion())
		}
	}
	if scheme.IsVersionRegistered(gvk.GroupVersion()) {
		return fmt.Errorf("%s has no kind %s", gvk.GroupVersion(), gvk.Kind)
	}
	return nil
}

// into decodes the node by way of JSON, as kubectl does. Fields of a newer API
// are ignored: a file printed by a newer cluster must go on working.
func into(node *yaml.Node, typed runtime.Object) error {
	var plain any
	if err := node.Decode(&plain); err != nil {
		return err
	}
	data, err := json.Marshal(plain)
	if err != nil {
		return err
	}
	err = kjson.UnmarshalCaseSensitivePreserveInts(data, typed)
	var mistyped *json.UnmarshalTypeError
	if errors.As(err, &mistyped) && mistyped.Field != "" {
		return fmt.Errorf("%s: %s where %s is expected", mistyped.Field, mistyped.Value, mistyped.Type)
	}
	return err
}

// below returns how many lines below the first the keys of a mapping are.
func below(first int, node *yaml.Node) map[string]int {
	lines := map[string]int{}
	if node != nil && node.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(node.Content); i += 2 {
			lines[node.Content[i].Value] = node.Content[i].Line - first
		}
	}
	return lines
}

// child returns the value of a key of a mapping, or nil.
func child(node *yaml.Node, key string) *yaml.Node {
	if node == nil || node.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == key {
			return node.Content[i+1]
		}
	}
	return nil
}

// scalar returns the text of a key of a mapping, or "".
func scalar(node *yaml.Node, key string) string {
	c := child(node, key)
	if c == nil || c.Kind != yaml.ScalarNode {
		return ""
	}
	return c.Value
}

package karmada

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/nearcast/nearcast/lab/controlplane"
)

// spread is a directory of manifests for the Karmada API, and where its objects must
// arrive: everything except policies, in these members and in no others, and namespaces
// in all members.
type spread struct {
	folder       string
	replacements []string
	members      []string
	// differs are the fields that overrides change, by Kind/name.
	differs map[string][]string
}

// apply applies the directory, and waits until everything has arrived as intended. It
// logs a table of it.
func (sp spread) apply(s *scene) {
	s.Helper()
	text := strings.NewReplacer(sp.replacements...).Replace(s.kubectl("", "", "kustomize", filepath.Join("../../manifests", sp.folder)))
	s.apply(text)
	declared := sp.propagated(s, text)
	if len(declared) == 0 {
		s.Fatalf("%s declares nothing", sp.folder)
	}
	found := map[string]map[string]*unstructured.Unstructured{}
	// Twice: what is not to arrive might, as long as nothing has.
	for _, m := range slices.Repeat(controlplane.ThreeMembers, 2) {
		s.within(fmt.Sprintf("%s has arrived in %s as intended", sp.folder, m.Name), time.Minute, func() (err error) {
			if found[m.Name], err = s.have(m.Name, declared); err != nil {
				return err
			}
			return sp.arrived(m.Name, declared, found[m.Name])
		})
	}
	s.Log(sp.table(declared, found))
}

// propagated are the objects that Karmada is to carry to members.
func (sp spread) propagated(s *scene, text string) (all []*unstructured.Unstructured) {
	s.Helper()
	decoder := yaml.NewYAMLOrJSONDecoder(strings.NewReader(text), 4096)
	for {
		o := &unstructured.Unstructured{}
		if err := decoder.Decode(&o.Object); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			s.Fatalf("%s: %v", sp.folder, err)
		}
		if o.GroupVersionKind().Group != "policy.karmada.io" {
			all = append(all, o)
		}
	}
}

func nameOf(o *unstructured.Unstructured) string {
	return strings.TrimPrefix(o.GetNamespace()+"/", "/") + o.GetKind() + "/" + o.GetName()
}

// have returns those of the objects that the member has.
func (s *scene) have(member string, declared []*unstructured.Unstructured) (map[string]*unstructured.Unstructured, error) {
	list := &unstructured.UnstructuredList{Object: map[string]any{"apiVersion": "v1", "kind": "List"}}
	for _, o := range declared {
		list.Items = append(list.Items, *o)
	}
	input, err := list.MarshalJSON()
	if err != nil {
		return nil, err
	}
	out, err := w.plane.Kubectl(s.Context(), member, string(input), "get", "-f", "-", "-o", "json", "--ignore-not-found")
	have := map[string]*unstructured.Unstructured{}
	if err != nil || out == "" {
		return have, err
	}
	got := &unstructured.Unstructured{}
	if err := got.UnmarshalJSON([]byte(out)); err != nil {
		return nil, err
	}
	if !got.IsList() {
		have[nameOf(got)] = got
		return have, nil
	}
	return have, got.EachListItem(func(o runtime.Object) error {
		one := o.(*unstructured.Unstructured)
		have[nameOf(one)] = one
		return nil
	})
}

// arrived compares what the member has with what it is to have.
func (sp spread) arrived(member string, declared []*unstructured.Unstructured, have map[string]*unstructured.Unstructured) error {
	for _, o := range declared {
		name := nameOf(o)
		here := o.GetKind() == "Namespace" || slices.Contains(sp.members, member)
		switch got := have[name]; {
		case here && got == nil:
			return fmt.Errorf("missing %s", name)
		case !here && got != nil:
			return fmt.Errorf("unexpected %s", name)
		case here:
			differs := slices.Sorted(maps.Keys(differences(o.Object, got.Object, "")))
			if wanted := sp.differs[o.GetKind()+"/"+o.GetName()]; !slices.Equal(differs, wanted) {
				return fmt.Errorf("%s differs in %q from its declaration, want %q", name, differs, wanted)
			}
		}
	}
	return nil
}

// differences are the fields of what was declared that are otherwise in what is
// there, with what they are.
func differences(declared, there any, path string) map[string]any {
	all := map[string]any{}
	switch declared := declared.(type) {
	case map[string]any:
		there, _ := there.(map[string]any)
		for key, value := range declared {
			maps.Copy(all, differences(value, there[key], path+"/"+key))
		}
	case []any:
		there, _ := there.([]any)
		if len(there) != len(declared) {
			return map[string]any{path: there}
		}
		for i := range declared {
			maps.Copy(all, differences(declared[i], there[i], fmt.Sprintf("%s/%d", path, i)))
		}
	default:
		// Decoders do not agree on the types of numbers.
		if fmt.Sprint(declared) != fmt.Sprint(there) {
			all[path] = there
		}
	}
	return all
}

// table says which object reached which member, and what is different there.
func (sp spread) table(declared []*unstructured.Unstructured, found map[string]map[string]*unstructured.Unstructured) string {
	var text strings.Builder
	out := tabwriter.NewWriter(&text, 0, 8, 2, ' ', 0)
	fmt.Fprintf(out, "\n%s", sp.folder)
	for _, m := range controlplane.ThreeMembers {
		fmt.Fprintf(out, "\t%s", m.Name)
	}
	for _, o := range declared {
		fmt.Fprintf(out, "\n%s", nameOf(o))
		for _, m := range controlplane.ThreeMembers {
			fmt.Fprintf(out, "\t%s", there(o, found[m.Name][nameOf(o)]))
		}
	}
	out.Flush()
	return text.String()
}

func there(declared, got *unstructured.Unstructured) string {
	if got == nil {
		return "-"
	}
	differs := differences(declared.Object, got.Object, "")
	if len(differs) == 0 {
		return "as declared"
	}
	var all []string
	for _, path := range slices.Sorted(maps.Keys(differs)) {
		value := strings.Join(strings.Fields(fmt.Sprint(differs[path])), " ")
		all = append(all, filepath.Base(path)+": "+value[:min(len(value), 40)])
	}
	return strings.Join(all, "; ")
}

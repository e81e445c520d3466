package manifest

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/federation/annotation"
)

// misplaces lists where people put mappings that look like labels and annotations of the
// object but are not.
var misplaces = [][]string{{}, {"metadata"}, {"spec"}, {"spec", "metadata"}, {"spec", "template", "metadata"}}

// misplaced returns a warning for each key of Nearcast's in a mapping that is meant as
// the object's labels or annotations: in the pod template, outside of metadata or in
// another case.
func (d *flaws) misplaced(node *yaml.Node) (faults []federation.Fault) {
	for _, path := range misplaces {
		of := node
		for _, key := range path {
			of = child(of, key)
		}
		if of == nil || of.Kind != yaml.MappingNode {
			continue
		}
		for i := 0; i+1 < len(of.Content) && len(faults) < federation.MostOfObject; i += 2 {
			name := of.Content[i].Value
			if !isKeys(name) {
				continue // as most are
			}
			where := strings.Join(append(path[:len(path):len(path)], name), ".")
			if where != "metadata.labels" && where != "metadata.annotations" {
				faults = append(faults, d.keysIn(where, of.Content[i+1])...)
			}
		}
	}
	return faults
}

func (d *flaws) keysIn(where string, node *yaml.Node) (faults []federation.Fault) {
	if node.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(node.Content) && len(faults) < federation.MostOfObject; i += 2 {
		if key := node.Content[i]; annotation.IsMisplaced(key.Value) {
			f := d.fault(key.Value, fmt.Sprintf("is ignored in %s: keys take effect only in metadata.labels and metadata.annotations of the object", where))
			f.Line, f.Warning = key.Line, true
			faults = append(faults, f)
		}
	}
	return faults
}

// isKeys reports whether a mapping with the name is meant for labels or annotations.
func isKeys(name string) bool {
	if n := len(name); n > 0 && (name[n-1] == 's' || name[n-1] == 'S') {
		name = name[:n-1]
	}
	return strings.EqualFold(name, "label") || strings.EqualFold(name, "annotation")
}

package federation

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/nearcast/nearcast/internal/base/intern"
)

// Label is one label of an object, or of those that a selector matches.
type Label struct{ Key, Value string }

// Labels are sorted by key. There are few of them for each of many objects, like Annotations.
type Labels []Label

// LabelsOf returns the labels of the map; nil if there are none.
func LabelsOf(all map[string]string) Labels {
	if len(all) == 0 {
		return nil
	}
	labels := make(Labels, 0, len(all))
	for _, key := range slices.Sorted(maps.Keys(all)) {
		labels = append(labels, Label{intern.String(key), all[key]})
	}
	return labels
}

// Has reports whether the label is one of them.
func (all Labels) Has(l Label) bool {
	i, found := slices.BinarySearchFunc(all, l.Key, func(o Label, key string) int { return strings.Compare(o.Key, key) })
	return found && all[i] == l
}

// Match reports whether all labels of the selector are among them.
func (all Labels) Match(selector Labels) bool {
	return !slices.ContainsFunc(selector, func(l Label) bool { return !all.Has(l) })
}

// UnmarshalJSON reads an object with a value for each key, as snapshots of format 3 have it.
func (all *Labels) UnmarshalJSON(data []byte) error {
	var read map[string]string
	if err := json.Unmarshal(data, &read); err != nil {
		return err
	}
	*all = LabelsOf(read)
	return nil
}

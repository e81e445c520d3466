package plainyaml

import (
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"
)

// field is a field of a structure or of a structure that is embedded in it.
type field struct {
	index  []int
	decode decoder
}

// structure returns the decoder of a type of structures.
func structure(t reflect.Type) decoder {
	fields := map[string]field{}
	if !addFields(fields, t, nil) {
		return unsure
	}
	return func(n *yaml.Node, v reflect.Value) bool {
		if n.Kind != yaml.MappingNode {
			return isNull(n)
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			key, value := n.Content[i], n.Content[i+1]
			if kindOf(key) != str {
				return false
			}
			f, known := fields[key.Value]
			if !known && !valid(value) || known && !f.decode(value, v.FieldByIndex(f.index)) {
				return false
			}
		}
		return true
	}
}

// addFields adds the fields of the type, which is embedded at the index. It returns false
// if it is not sure of their names.
func addFields(fields map[string]field, t reflect.Type, index []int) bool {
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		at := append(index[:len(index):len(index)], i)
		switch _, twice := fields[name]; {
		case f.Anonymous && name == "" && f.Type.Kind() == reflect.Struct:
			if !addFields(fields, f.Type, at) {
				return false
			}
		case !f.IsExported() || name == "-" && options == "":
		case name == "" || twice || strings.Contains(options, "string"):
			return false
		default:
			fields[name] = field{at, later(f.Type)}
		}
	}
	return true
}

package config

import (
	"reflect"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/nearcast/nearcast/internal/base/typo"
)

// YAML reports an unknown key and a value of the wrong kind by the names of Go types, which an
// operator does not know, and without the key's path.

// unknownKey returns the text of the fault of a key that the type has no field for.
func unknownKey(name string, t reflect.Type) string {
	if near := typo.Nearest(name, keysOf(t)); near != "" {
		return "unknown key; did you mean " + near + "?"
	}
	return "unknown key"
}

// wrongKind returns the text of the fault of a mapping or list that stands for a value of type t.
func wrongKind(k yaml.Kind, t reflect.Type) string {
	is := "list"
	if k == yaml.MappingNode {
		is = "mapping"
	}
	return "cannot be a " + is + "; write " + shapeOf(t)
}

// fits reports whether YAML can read the scalar as a value of the type: yes is a bool to it, for
// example.
func fits(node *yaml.Node, t reflect.Type) bool {
	return node.Decode(reflect.New(t).Interface()) == nil
}

var duration = reflect.TypeFor[time.Duration]()

// shapeOf describes how a value of the type is written.
func shapeOf(t reflect.Type) string {
	switch {
	case reflect.PointerTo(t).Implements(textReader):
		return whatIs(t)
	case t.Kind() == reflect.Slice:
		return "a list"
	case t.Kind() == reflect.Struct, t.Kind() == reflect.Map:
		return "a mapping"
	case t == duration:
		return "a duration, such as 1s or 500ms"
	case t.Kind() == reflect.Bool:
		return "true or false"
	case isNumber(t.Kind()) && t.PkgPath() == "":
		return "a number"
	}
	return "one value"
}

// isReported reports whether one of the faults says what YAML's own message says.
func isReported(all []fault, read fault) bool {
	byType := strings.Contains(read.text, " not found in type ") || strings.Contains(read.text, "cannot unmarshal ")
	return byType && slices.ContainsFunc(all, func(f fault) bool { return f.line == read.line })
}

// keysOf returns the keys of the fields of a struct.
func keysOf(t reflect.Type) (all []string) {
	for i := range t.NumField() {
		switch name, option, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ","); {
		case option == "inline":
			all = append(all, keysOf(t.Field(i).Type)...)
		case name != "" && name != "-":
			all = append(all, name)
		}
	}
	return all
}

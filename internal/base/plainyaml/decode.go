package plainyaml

import (
	"encoding/json"
	"reflect"
	"sync"

	"go.yaml.in/yaml/v3"
)

// Decode stores a node in the value that into points to, as encoding/json does with the
// node's JSON, but with names of fields in their exact case. It ignores unknown fields. The
// value must be the zero value, and no mapping may have a key twice. Decode returns false
// if the node has a fault or anything rare: aliases, merge keys, binary data, numbers with
// a sign or a fraction, nulls in lists. The value is then the zero value, and encoding/json
// must decide.
func Decode(node *yaml.Node, into any) bool {
	v := reflect.ValueOf(into).Elem()
	if !decoderOf(v.Type())(node, v) {
		v.SetZero()
		return false
	}
	return true
}

// decoder stores a node in a settable zero value, and returns false if it is not sure of
// the result.
type decoder func(*yaml.Node, reflect.Value) bool

var decoders sync.Map // of each reflect.Type, its decoder

func decoderOf(t reflect.Type) decoder {
	if d, known := decoders.Load(t); known {
		return d.(decoder)
	}
	d, _ := decoders.LoadOrStore(t, newDecoder(t))
	return d.(decoder)
}

var (
	unmarshaler     = reflect.TypeFor[json.Unmarshaler]()
	textUnmarshaler = reflect.TypeFor[interface{ UnmarshalText([]byte) error }]()
)

func newDecoder(t reflect.Type) decoder {
	switch to := reflect.PointerTo(t); {
	case to.Implements(unmarshaler):
		return unmarshal
	case to.Implements(textUnmarshaler):
		return unsure
	case t == reflect.TypeFor[map[string]string]():
		return texts
	}
	switch t.Kind() {
	case reflect.Struct:
		return structure(t)
	case reflect.Pointer:
		return pointer(t.Elem())
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return unsure // encoding/json reads base64
		}
		return slice(t)
	case reflect.Map:
		if t.Key().Kind() != reflect.String || reflect.PointerTo(t.Key()).Implements(textUnmarshaler) {
			return unsure
		}
		return mapping(t)
	case reflect.String:
		return text
	case reflect.Bool:
		return boolean
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return number
	}
	return unsure
}

// later returns the decoder of a type, and looks it up when it is first needed: types may
// contain themselves.
func later(t reflect.Type) decoder {
	find := sync.OnceValue(func() decoder { return decoderOf(t) })
	return func(n *yaml.Node, v reflect.Value) bool { return find()(n, v) }
}

func unsure(n *yaml.Node, _ reflect.Value) bool { return isNull(n) }

func isNull(n *yaml.Node) bool { return kindOf(n) == null }

func text(n *yaml.Node, v reflect.Value) bool {
	switch kindOf(n) {
	case str:
		v.SetString(n.Value)
		return true
	case null:
		return true
	}
	return false
}

func boolean(n *yaml.Node, v reflect.Value) bool {
	switch kindOf(n) {
	case boolTrue:
		v.SetBool(true)
		return true
	case boolFalse, null:
		return true
	}
	return false
}

func number(n *yaml.Node, v reflect.Value) bool {
	switch kindOf(n) {
	case count:
		i := countOf(n.Value)
		v.SetInt(i)
		return !v.OverflowInt(i)
	case null:
		return true
	}
	return false
}

// pointer returns the decoder of pointers to a type.
func pointer(to reflect.Type) decoder {
	decode := later(to)
	return func(n *yaml.Node, v reflect.Value) bool {
		if isNull(n) {
			return true
		}
		v.Set(reflect.New(to))
		return decode(n, v.Elem())
	}
}

// slice returns the decoder of a type of slices.
func slice(t reflect.Type) decoder {
	decode := later(t.Elem())
	return func(n *yaml.Node, v reflect.Value) bool {
		if n.Kind != yaml.SequenceNode {
			return isNull(n)
		}
		v.Set(reflect.MakeSlice(t, len(n.Content), len(n.Content)))
		for i, entry := range n.Content {
			if isNull(entry) || !decode(entry, v.Index(i)) {
				return false
			}
		}
		return true
	}
}

// mapping returns the decoder of a type of maps.
func mapping(t reflect.Type) decoder {
	decode := later(t.Elem())
	return func(n *yaml.Node, v reflect.Value) bool {
		if n.Kind != yaml.MappingNode {
			return isNull(n)
		}
		v.Set(reflect.MakeMapWithSize(t, len(n.Content)/2))
		for i := 0; i+1 < len(n.Content); i += 2 {
			key, value := reflect.New(t.Key()).Elem(), reflect.New(t.Elem()).Elem()
			if kindOf(n.Content[i]) != str || isNull(n.Content[i+1]) || !decode(n.Content[i+1], value) {
				return false
			}
			key.SetString(n.Content[i].Value)
			v.SetMapIndex(key, value)
		}
		return true
	}
}

// texts decodes the most frequent type of maps without reflection.
func texts(n *yaml.Node, v reflect.Value) bool {
	if n.Kind != yaml.MappingNode {
		return isNull(n)
	}
	all := make(map[string]string, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if kindOf(key) != str || kindOf(value) != str {
			return false
		}
		all[key.Value] = value.Value
	}
	v.Set(reflect.ValueOf(all))
	return true
}

// unmarshal decodes values that read their JSON themselves.
func unmarshal(n *yaml.Node, v reflect.Value) bool {
	data, ok := appendJSON(nil, n)
	return ok && v.Addr().Interface().(json.Unmarshaler).UnmarshalJSON(data) == nil
}

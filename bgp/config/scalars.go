package config

import (
	"cmp"
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/nearcast/nearcast/bgp/route"
)

// scalars checks single values of a file before YAML decodes them: YAML drops what follows a
// decimal point (port: 17.9), reads a number with a leading zero as octal, and reports neither line
// nor key of an invalid address. It also rewrites AS numbers from asdot to asplain, which YAML
// would read as fractions.
type scalars struct {
	found *faults
	asdot []rewrite
	// external holds the keys with the value anyAS.
	external map[string]bool
}

// anyAS is the asn of a peer in any AS except the site's own.
const anyAS = "external"

// rewrite is a value at a line and column of the file, both counted from 1.
type rewrite struct {
	line, column int
	old, new     string
}

// checkScalars adds the faults, and returns the file with AS numbers as asplain and 0 for each key
// with the value anyAS.
func checkScalars(data []byte, root *yaml.Node, found *faults) (rewritten []byte, external map[string]bool) {
	s := &scalars{found: found, external: map[string]bool{}}
	if len(root.Content) > 0 {
		s.walk(root.Content[0], reflect.TypeFor[Config](), "", 0)
	}
	return s.rewrite(data), s.external
}

var (
	yamlReader = reflect.TypeFor[yaml.Unmarshaler]()
	textReader = reflect.TypeFor[encoding.TextUnmarshaler]()
)

func (s *scalars) walk(node *yaml.Node, t reflect.Type, key string, depth int) {
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if depth > maxDepth {
		return
	}
	if reflect.PointerTo(t).Implements(yamlReader) {
		s.reads(node, t)
		return
	}
	switch {
	case node.Kind == yaml.ScalarNode:
		s.scalar(node, t, key)
	case node.Kind == yaml.MappingNode && t.Kind() == reflect.Struct:
		eachPair(node, func(name, value *yaml.Node) {
			at := strings.TrimPrefix(key+"."+name.Value, ".")
			if field, ok := fieldOf(t, name.Value); ok {
				s.walk(value, field, at, depth+1)
			} else {
				s.fault(name, at, "%s", unknownKey(name.Value, t))
			}
		})
	case node.Kind == yaml.MappingNode && t.Kind() == reflect.Map:
		eachPair(node, func(name, value *yaml.Node) {
			if isNull(name) {
				s.fault(name, key, "has a key without a name")
			}
			s.walk(value, t.Elem(), key+"."+name.Value, depth+1)
		})
	case node.Kind == yaml.SequenceNode && t.Kind() == reflect.Slice:
		for i, child := range node.Content {
			if isNull(resolve(child)) { // YAML would drop it and renumber the others
				s.fault(child, fmt.Sprintf("%s[%d]", key, i), "is empty; remove it")
			}
			s.walk(child, t.Elem(), fmt.Sprintf("%s[%d]", key, i), depth+1)
		}
	case node.Kind == yaml.MappingNode, node.Kind == yaml.SequenceNode:
		s.fault(node, key, "%s", wrongKind(node.Kind, t))
	}
}

// reads adds the faults of a value that decodes itself. The decoder finds them too, unless another
// value stops it first.
func (s *scalars) reads(node *yaml.Node, t reflect.Type) {
	var typed *yaml.TypeError
	if errors.As(reflect.New(t).Interface().(yaml.Unmarshaler).UnmarshalYAML(node), &typed) {
		for _, text := range typed.Errors {
			if f := (fault{line: lineIn(text), text: text}); !slices.Contains(s.found.found, f) { // reported through an alias already
				s.found.found = append(s.found.found, f)
			}
		}
	}
}

// fieldOf returns the type of the field for the key.
func fieldOf(t reflect.Type, key string) (reflect.Type, bool) {
	for i := range t.NumField() {
		field := t.Field(i)
		name, option, _ := strings.Cut(field.Tag.Get("yaml"), ",")
		if option == "inline" {
			if inner, ok := fieldOf(field.Type, key); ok {
				return inner, true
			}
		}
		if name == key && name != "" && name != "-" {
			return field.Type, true
		}
	}
	return nil, false
}

// isNull reports whether a node is null in YAML.
func isNull(node *yaml.Node) bool { return node != nil && node.ShortTag() == "!!null" }

func (s *scalars) fault(node *yaml.Node, key, format string, args ...any) {
	s.found.found = append(s.found.found, fault{line: node.Line, text: fmt.Sprintf("line %d: %s: %s", node.Line, key, fmt.Sprintf(format, args...))})
}

func (s *scalars) scalar(node *yaml.Node, t reflect.Type, key string) {
	fault := func(format string, args ...any) { s.fault(node, key, format, args...) }
	if isNull(node) {
		if selects := strings.HasSuffix(key, ".vips") || strings.HasSuffix(key, ".peers"); selects && t.Kind() == reflect.Slice {
			fault("%s", emptyList)
		}
		return
	}
	switch {
	case reflect.PointerTo(t).Implements(textReader):
		v := reflect.New(t).Interface().(encoding.TextUnmarshaler)
		if err := v.UnmarshalText([]byte(node.Value)); err != nil {
			fault("%q is not %s: %v", node.Value, whatIs(t), err)
		}
	case t == reflect.TypeFor[uint32]() && (key == "asn" || strings.HasSuffix(key, ".asn")):
		s.asn(node, key, fault)
	case isNumber(t.Kind()) && t.PkgPath() == "":
		if why := misreads(node, t); why != "" {
			fault("%s", why)
		}
	case !fits(node, t):
		fault("%q is not %s", node.Value, shapeOf(t))
	}
}

// misreads says why the scalar is not read as the number of the type that it looks like; "" if it
// is.
func misreads(node *yaml.Node, t reflect.Type) string {
	quoted := node.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0
	switch {
	case !route.IsDecimal(node.Value), !quoted && node.ShortTag() != "!!int":
		return node.Value + " is not a whole number in decimal digits"
	case quoted:
		return "write " + node.Value + " without quotes"
	case !fits(node, t):
		return node.Value + " is out of range"
	}
	return ""
}

func isNumber(k reflect.Kind) bool { return k >= reflect.Int && k <= reflect.Uint64 }

// whatIs describes what a value of the type must be.
func whatIs(t reflect.Type) string {
	switch t.Name() {
	case "Addr":
		return "an IP address"
	case "AddrPort":
		return "address:port, such as 127.0.0.1:53 or [::1]:53"
	case "Prefix":
		return "a prefix, such as 198.51.100.64/26"
	case "Bandwidth":
		return "a bandwidth, such as 10G"
	}
	return "a " + t.Name()
}

// asn checks an AS number, and records one that YAML would misread.
func (s *scalars) asn(node *yaml.Node, key string, fault func(string, ...any)) {
	ofPeer := key != "asn"
	switch {
	case ofPeer && node.Value == anyAS:
		s.external[key] = true
		s.rewriteAs(node, "0")
		return
	case ofPeer && !strings.ContainsAny(node.Value, "0123456789"):
		fault("%q is not an AS number: write 64512, 65000.1 in asdot notation, or %s", node.Value, anyAS)
		return
	case !strings.ContainsAny(node.Value, "0123456789"):
		fault("%q is not an AS number: write 64512, or 65000.1 in asdot notation", node.Value)
		return
	}
	n, err := route.ParseASN(node.Value)
	if err != nil {
		fault("%v", err)
		return
	}
	s.rewriteAs(node, strconv.FormatUint(uint64(n), 10))
}

// rewriteAs replaces a value before decoding.
func (s *scalars) rewriteAs(node *yaml.Node, plain string) {
	old := node.Value
	switch node.Style {
	case yaml.SingleQuotedStyle:
		old = "'" + old + "'"
	case yaml.DoubleQuotedStyle:
		old = `"` + old + `"`
	}
	if old != plain {
		s.asdot = append(s.asdot, rewrite{node.Line, node.Column, old, plain})
	}
}

// rewrite returns the file with AS numbers as asplain. It reports a fault if one is not where YAML
// says, because YAML would read another number.
func (s *scalars) rewrite(data []byte) []byte {
	if len(s.asdot) == 0 {
		return data
	}
	lines := strings.SplitAfter(string(data), "\n")
	// From the end to the beginning, so that columns stay valid; a value behind several aliases
	// appears once.
	slices.SortFunc(s.asdot, func(a, b rewrite) int { return cmp.Or(b.line-a.line, b.column-a.column) })
	for _, r := range slices.Compact(s.asdot) {
		line := []rune(lines[min(r.line, len(lines))-1])
		at := min(r.column-1, len(line))
		before, after, found := strings.Cut(string(line[at:]), r.old) // an anchor precedes it
		if !found {
			s.found.found = append(s.found.found, fault{line: r.line, text: fmt.Sprintf("line %d: write %s as %s", r.line, r.old, r.new)})
			continue
		}
		lines[r.line-1] = string(line[:at]) + before + r.new + after
	}
	return []byte(strings.Join(lines, ""))
}

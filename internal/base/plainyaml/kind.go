package plainyaml

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// kind is what a scalar is in JSON.
type kind uint8

const (
	// other is anything else: a collection, an alias, or a scalar whose JSON is not its
	// text.
	other kind = iota
	str
	count // without a sign, less than a billion
	boolTrue
	boolFalse
	null
)

func kindOf(n *yaml.Node) kind {
	if n.Kind != yaml.ScalarNode {
		return other
	}
	switch n.ShortTag() {
	case "!!str":
		return str
	case "!!int":
		if n.Value != "" && isCount(n.Value) {
			return count
		}
	case "!!bool":
		switch n.Value {
		case "true":
			return boolTrue
		case "false":
			return boolFalse
		}
	case "!!null":
		switch n.Value {
		case "", "~", "null":
			return null
		}
	}
	return other
}

// countOf returns the number of a text that isCount accepts.
func countOf(text string) int64 {
	i, _ := strconv.ParseInt(text, 10, 64) // isCount has checked it
	return i
}

// valid reports whether a node certainly has a form in JSON.
func valid(n *yaml.Node) bool {
	switch n.Kind {
	case yaml.MappingNode:
		for i, child := range n.Content {
			if i%2 == 0 && kindOf(child) != str || !valid(child) {
				return false
			}
		}
		return true
	case yaml.SequenceNode:
		return !slices.ContainsFunc(n.Content, func(child *yaml.Node) bool { return !valid(child) })
	}
	return kindOf(n) != other
}

// appendJSON appends the node's JSON, as encoding/json writes it; false if it is not sure
// of it.
func appendJSON(data []byte, n *yaml.Node) ([]byte, bool) {
	ok := true
	switch n.Kind {
	case yaml.MappingNode:
		return appendObject(data, n)
	case yaml.SequenceNode:
		data = append(data, '[')
		for i, child := range n.Content {
			if i > 0 {
				data = append(data, ',')
			}
			if data, ok = appendJSON(data, child); !ok {
				return data, false
			}
		}
		return append(data, ']'), true
	}
	switch kindOf(n) {
	case str:
		return appendText(data, n.Value)
	case count:
		return append(data, n.Value...), true
	case boolTrue:
		return append(data, "true"...), true
	case boolFalse:
		return append(data, "false"...), true
	case null:
		return append(data, "null"...), true
	}
	return data, false
}

// appendObject writes keys in order, as encoding/json does.
func appendObject(data []byte, n *yaml.Node) ([]byte, bool) {
	keys := make([]int, 0, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		if kindOf(n.Content[i]) != str {
			return data, false
		}
		keys = append(keys, i)
	}
	slices.SortFunc(keys, func(a, b int) int { return strings.Compare(n.Content[a].Value, n.Content[b].Value) })
	data = append(data, '{')
	ok := true
	for i, key := range keys {
		if i > 0 {
			data = append(data, ',')
		}
		if data, ok = appendText(data, n.Content[key].Value); !ok {
			return data, false
		}
		if data, ok = appendJSON(append(data, ':'), n.Content[key+1]); !ok {
			return data, false
		}
	}
	return append(data, '}'), true
}

func appendText(data []byte, text string) ([]byte, bool) {
	for _, c := range []byte(text) {
		if c < ' ' || c > '~' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			quoted, err := json.Marshal(text)
			return append(data, quoted...), err == nil
		}
	}
	return append(append(append(data, '"'), text...), '"'), true
}

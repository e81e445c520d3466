package manifest

import (
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// plain reduces a document to mappings, sequences and scalars: it replaces aliases by
// what they stand for, and makes keys strings, as kubectl does. It returns an error if an
// alias contains itself, or if aliases stand for far more than the document contains.
func plain(root *yaml.Node) error {
	if aliased(root) {
		if err := boundMappings(root); err != nil {
			return err
		}
		// The library itself decides what is too much.
		var all any
		if err := root.Decode(&all); err != nil {
			return errors.New(message(err))
		}
	}
	simplify(root)
	return nil
}

func aliased(node *yaml.Node) bool {
	for _, child := range node.Content {
		if child.Kind == yaml.AliasNode || aliased(child) {
			return true
		}
	}
	return false
}

// simplify does not follow aliases: their targets come earlier, and are already
// simplified.
func simplify(node *yaml.Node) {
	for i, child := range node.Content {
		if child.Kind == yaml.AliasNode {
			target := *child.Alias
			target.Line = child.Line
			child = &target
			node.Content[i] = child
		} else {
			simplify(child)
		}
		if child.Kind != yaml.ScalarNode {
			continue
		}
		switch isKey, tag := node.Kind == yaml.MappingNode && i%2 == 0, child.ShortTag(); {
		case tag == "!!str", tag == "!!merge":
		case isKey:
			child.Value, child.Tag = keyText(child), "!!str"
		case tag == "!!timestamp":
			child.Tag = "!!str" // as kubectl does
		}
	}
}

// keyText returns the text of a key; kubectl formats numbers in its own way.
func keyText(key *yaml.Node) string {
	var value any
	if err := key.Decode(&value); err != nil {
		return key.Value
	}
	switch value := value.(type) {
	case int, int64, uint64, bool:
		return fmt.Sprint(value)
	case float64:
		return strconv.FormatFloat(value, 'g', -1, 64)
	}
	return key.Value
}

// child returns the value of a key of a mapping, or nil. The mapping's own keys take
// precedence over merged ones, and among these the first.
func child(node *yaml.Node, key string) *yaml.Node {
	if node == nil || node.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == key {
			return node.Content[i+1]
		}
	}
	for _, merged := range merges(node) {
		if value := child(merged, key); value != nil {
			return value
		}
	}
	return nil
}

// merges returns the mappings that a mapping merges ("<<").
func merges(node *yaml.Node) []*yaml.Node {
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Tag != "!!merge" {
			continue
		}
		if value := node.Content[i+1]; value.Kind == yaml.SequenceNode {
			return value.Content
		}
		return node.Content[i+1 : i+2]
	}
	return nil
}

// scalar returns the text at a key of a mapping, or "".
func scalar(node *yaml.Node, key string) string {
	c := child(node, key)
	if c == nil || c.Kind != yaml.ScalarNode || isNull(c) {
		return ""
	}
	return c.Value
}

// texts returns the scalars of a mapping, including merged ones; nil if there are none.
func texts(node *yaml.Node) map[string]string {
	if node == nil || node.Kind != yaml.MappingNode {
		return nil
	}
	all := map[string]string{}
	for _, merged := range merges(node) {
		maps.Copy(all, texts(merged))
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		all[node.Content[i].Value] = node.Content[i+1].Value
	}
	return all
}

// below returns, for each key of a mapping, the number of lines from the first line.
func below(first int, node *yaml.Node) map[string]int {
	if node == nil || node.Kind != yaml.MappingNode {
		return nil
	}
	lines := make(map[string]int, len(node.Content)/2)
	for i := 0; i+1 < len(node.Content); i += 2 {
		lines[node.Content[i].Value] = node.Content[i].Line - first
	}
	for _, merged := range merges(node) {
		for key, line := range below(first, merged) {
			if _, own := lines[key]; !own {
				lines[key] = line
			}
		}
	}
	return lines
}

// isNull reports whether the node is missing or null.
func isNull(node *yaml.Node) bool {
	return node == nil || node.Kind == yaml.ScalarNode && node.ShortTag() == "!!null"
}

// templated reports whether the node contains a template action that parses as YAML: a
// mapping as the key of a mapping, or a quoted {{ … }}.
func templated(node *yaml.Node) bool {
	if node == nil {
		return false
	}
	if node.Kind == yaml.ScalarNode {
		_, action, begins := strings.Cut(node.Value, "{{")
		return begins && strings.Contains(action, "}}")
	}
	for i, child := range node.Content {
		if node.Kind == yaml.MappingNode && i%2 == 0 && child.Kind == yaml.MappingNode || templated(child) {
			return true
		}
	}
	return false
}

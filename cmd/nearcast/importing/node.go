package importing

import (
	"go.yaml.in/yaml/v3"
)

// node is a value of a configuration: a scalar, a list or a mapping. The methods of a nil node return nothing.
type node struct {
	path string
	line int
	text string
	// quoted is set for a string, even if it looks like a number or a boolean.
	quoted bool
	list   []*node
	keys   []string // of the mapping, in order
	hash   map[string]*node
	read   bool
}

// get returns the value at the keys, or nil.
func (n *node) get(keys ...string) *node {
	for _, key := range keys {
		if n == nil {
			return nil
		}
		n = n.hash[key]
	}
	return n
}

// take returns the scalar, and marks it as used.
func (n *node) take() string {
	if n == nil {
		return ""
	}
	n.read = true
	return n.text
}

// all returns the elements of a list; a value alone is a list of one.
func (n *node) all() []*node {
	switch {
	case n == nil:
		return nil
	case n.list != nil || n.hash != nil:
		return n.list
	}
	return []*node{n}
}

// use marks everything in the value as used.
func (n *node) use() {
	if n == nil {
		return
	}
	n.read = true
	for _, e := range n.list {
		e.use()
	}
	for _, e := range n.hash {
		e.use()
	}
}

// unread returns the scalars, and the empty values, that are not used.
func (n *node) unread() (leaves []*node) {
	if n == nil {
		return nil
	}
	for _, e := range n.list {
		leaves = append(leaves, e.unread()...)
	}
	for _, key := range n.keys {
		leaves = append(leaves, n.hash[key].unread()...)
	}
	if len(n.list) == 0 && len(n.keys) == 0 && !n.read {
		leaves = append(leaves, n)
	}
	return leaves
}

// value returns the value as JSON has it.
func (n *node) value() any {
	switch {
	case n.list != nil:
		all := []any{}
		for _, e := range n.list {
			all = append(all, e.value())
		}
		return all
	case n.hash != nil:
		all := map[string]any{}
		for key, e := range n.hash {
			all[key] = e.value()
		}
		return all
	}
	if n.quoted {
		return n.text
	}
	var v any
	if yaml.Unmarshal([]byte(n.text), &v) != nil {
		return n.text
	}
	return v
}

// below returns the path of a member.
func (n *node) below(key string) string {
	if n.path == "" {
		return key
	}
	return n.path + "." + key
}

// set adds a member, whose path it sets.
func (n *node) set(key string, value *node) {
	if n.hash[key] == nil {
		n.keys = append(n.keys, key)
	}
	n.hash[key] = value
}

// fromYAML makes a node of one of YAML.
func fromYAML(y *yaml.Node, path string) *node {
	n := &node{path: path, line: y.Line, text: y.Value, quoted: y.Kind == yaml.ScalarNode && y.ShortTag() == "!!str"}
	switch y.Kind {
	case yaml.DocumentNode:
		return fromYAML(y.Content[0], path)
	case yaml.AliasNode:
		return fromYAML(y.Alias, path)
	case yaml.SequenceNode:
		n.list = []*node{}
		for _, e := range y.Content {
			n.list = append(n.list, fromYAML(e, path))
		}
	case yaml.MappingNode:
		n.hash = map[string]*node{}
		for at := 0; at+1 < len(y.Content); at += 2 {
			key := y.Content[at].Value
			n.set(key, fromYAML(y.Content[at+1], n.below(key)))
		}
	}
	return n
}

package config

import "go.yaml.in/yaml/v3"

// mergeKey is YAML's merge key: the keys of the mappings in its value count as keys of its own
// mapping.
const mergeKey = "<<"

// resolve returns the target of an alias, and the content of a document; nil for none.
func resolve(node *yaml.Node) *yaml.Node {
	for range maxDepth {
		switch {
		case node == nil:
			return nil
		case node.Kind == yaml.AliasNode:
			node = node.Alias
		case node.Kind == yaml.DocumentNode && len(node.Content) > 0:
			node = node.Content[0]
		default:
			return node
		}
	}
	return nil
}

// eachPair calls fn with every key and value of a mapping: first its own, then merged ones that it
// lacks.
func eachPair(node *yaml.Node, fn func(key, value *yaml.Node)) {
	seen := map[string]bool{}
	pairsOf(node, 0, func(key, value *yaml.Node) {
		if !seen[key.Value] {
			seen[key.Value] = true
			fn(key, value)
		}
	})
}

func pairsOf(node *yaml.Node, depth int, fn func(key, value *yaml.Node)) {
	if node = resolve(node); node == nil || node.Kind != yaml.MappingNode || depth > maxDepth {
		return
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value != mergeKey {
			fn(node.Content[i], node.Content[i+1])
		}
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value != mergeKey {
			continue
		}
		merged := resolve(node.Content[i+1])
		if merged != nil && merged.Kind == yaml.SequenceNode {
			for _, one := range merged.Content {
				pairsOf(one, depth+1, fn)
			}
			continue
		}
		pairsOf(merged, depth+1, fn)
	}
}

// valueOf returns the value of a key in a mapping; nil for none.
func valueOf(node *yaml.Node, key string) (found *yaml.Node) {
	eachPair(node, func(k, value *yaml.Node) {
		if k.Value == key {
			found = value
		}
	})
	return found
}

// keysOfNode returns the keys of a mapping, including merged ones.
func keysOfNode(node *yaml.Node) (all []string) {
	eachPair(node, func(key, _ *yaml.Node) { all = append(all, key.Value) })
	return all
}

// elementsOf returns the elements of a sequence.
func elementsOf(node *yaml.Node) []*yaml.Node {
	if node = resolve(node); node == nil || node.Kind != yaml.SequenceNode {
		return nil
	}
	return node.Content
}

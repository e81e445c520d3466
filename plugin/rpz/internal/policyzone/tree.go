package policyzone

import (
	"hash/maphash"
	"iter"
	"maps"
)

// tree holds the rules of names, by name, in shards: a change copies the shards
// that it touches and shares the others.
type tree struct {
	shards []map[string]node
	// owned are the shards that the current editor has copied; nil once published.
	owned []bool
}

// node is a name that exists: it has a rule, its wildcard has, or something
// below it exists.
type node struct {
	exact, wild rule
	below       int32
}

func (n node) exists() bool { return n.exact.set() || n.wild.set() || n.below > 0 }

// shardCount keeps a shard of a million names so small that copying it takes less time than reading the change from
// the network.
const shardCount = 4096

var seed = maphash.MakeSeed()

func shardOf(name string) int { return int(maphash.String(seed, name) % shardCount) }

func newTree() *tree {
	return &tree{shards: make([]map[string]node, shardCount), owned: make([]bool, shardCount)}
}

// edit returns a tree that shares all shards with t until they are changed.
func (t *tree) edit() *tree {
	shards := make([]map[string]node, shardCount)
	copy(shards, t.shards)
	return &tree{shards: shards, owned: make([]bool, shardCount)}
}

func (t *tree) get(name string) (node, bool) {
	n, ok := t.shards[shardOf(name)][name]
	return n, ok
}

func (t *tree) put(name string, n node) {
	i := shardOf(name)
	if !t.owned[i] {
		t.shards[i] = maps.Clone(t.shards[i])
		t.owned[i] = true
	}
	switch {
	case !n.exists():
		delete(t.shards[i], name)
	case t.shards[i] == nil:
		t.shards[i] = map[string]node{name: n}
	default:
		t.shards[i][name] = n
	}
}

// set gives the name, or its wildcard, a rule; the rule none removes it.
func (t *tree) set(name string, wild bool, r rule) {
	n, before := t.get(name)
	if wild {
		n.wild = r
	} else {
		n.exact = r
	}
	t.put(name, n)
	if after := n.exists(); after != before {
		t.count(name, after)
	}
}

// count updates the ancestors when the name begins to exist or ceases to.
func (t *tree) count(name string, exists bool) {
	for name != "." {
		name = parent(name)
		n, before := t.get(name)
		if exists {
			n.below++
		} else {
			n.below--
		}
		t.put(name, n)
		if n.exists() == before {
			return
		}
	}
}

// find returns the rule that matches the name, which may be none, and its position.
func (t *tree) find(name string) (r rule, at string, wild bool) {
	if n, ok := t.get(name); ok {
		return n.exact, name, false
	}
	for name != "." {
		name = parent(name)
		if n, ok := t.get(name); ok {
			return n.wild, name, true
		}
	}
	return rule{}, "", false
}

func (t *tree) all() iter.Seq2[string, node] {
	return func(yield func(string, node) bool) {
		for _, shard := range t.shards {
			for name, n := range shard {
				if !yield(name, n) {
					return
				}
			}
		}
	}
}

// parent removes the first label of a name that has one.
func parent(name string) string {
	for i := 0; i < len(name); i++ {
		switch name[i] {
		case '\\':
			i++ // the digits of an escape are not dots
		case '.':
			if i+1 == len(name) {
				return "."
			}
			return name[i+1:]
		}
	}
	return "."
}

package site

import (
	"bytes"
	"strings"

	"github.com/nearcast/nearcast/internal/federation"
)

// Names is the tree of the functions' names: what exists, what exists only as
// somebody's ancestor, and what a wildcard stands for (RFC 4592). It is
// immutable.
type Names struct {
	nodes map[string]node
}

// node is one existing name; none stands for no function.
type node struct {
	function int32
	// wildcard is the function of *.name.
	wildcard int32
}

const none = -1

// Existence is what is known of a name.
type Existence uint8

// The outcomes of Lookup.
const (
	// Absent names do not exist.
	Absent Existence = iota
	// Exact names are a function's.
	Exact
	// Synthesised names are covered by a function's wildcard.
	Synthesised
	// Ancestor names have no function, and something exists below them.
	Ancestor
)

// newNames indexes the functions' hostnames; zones are the apexes.
func newNames(functions []*federation.Function, zones []string) *Names {
	n := &Names{nodes: map[string]node{}}
	for _, zone := range zones {
		n.nodes[zone] = node{none, none}
	}
	for i, f := range functions {
		for _, hostname := range f.Hostnames {
			n.add(hostname, int32(i))
		}
	}
	return n
}

func (n *Names) add(hostname string, function int32) {
	n.exist(hostname)
	here := n.nodes[hostname]
	here.function = function
	n.nodes[hostname] = here
	if parent, ok := strings.CutPrefix(hostname, "*."); ok {
		above := n.nodes[parent]
		above.wildcard = function
		n.nodes[parent] = above
	}
}

// exist adds the name and its ancestors up to a zone's apex.
func (n *Names) exist(name string) {
	for name != "" {
		if _, ok := n.nodes[name]; ok {
			return
		}
		n.nodes[name] = node{none, none}
		_, name, _ = strings.Cut(name, ".")
	}
}

// Lookup finds the function that the name, lower case and fully qualified, is
// answered by. It does not allocate.
func (n *Names) Lookup(name []byte) (function int, e Existence) {
	if here, ok := n.nodes[string(name)]; ok {
		if here.function == none {
			return none, Ancestor
		}
		return int(here.function), Exact
	}
	for {
		_, parent, ok := bytes.Cut(name, []byte{'.'})
		if !ok || len(parent) == 0 {
			return none, Absent
		}
		// The closest encloser alone decides: a wildcard above it does not reach past it.
		if encloser, ok := n.nodes[string(parent)]; ok {
			if encloser.wildcard == none {
				return none, Absent
			}
			return int(encloser.wildcard), Synthesised
		}
		name = parent
	}
}

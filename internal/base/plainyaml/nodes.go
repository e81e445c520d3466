package plainyaml

import (
	"hash/maphash"

	"go.yaml.in/yaml/v3"
)

// nodes has the nodes of one document, in slabs, so that a document costs no allocations
// once there is room for the one before.
type nodes struct {
	free  []yaml.Node  // of the current slab
	links []*yaml.Node // the free part of the slab of contents
	open  []*yaml.Node // children of collections that are being read
	slab  []yaml.Node
	all   []*yaml.Node
}

// The smallest and the largest slab, in nodes. A node has 160 octets.
const (
	leastSlab = 256
	mostSlab  = 16 << 10
)

func (n *nodes) reset() {
	n.free, n.links, n.open = n.slab, n.all, n.open[:0]
}

// node returns a node with these fields; it has no others that are ever set.
func (n *nodes) node(kind yaml.Kind, style yaml.Style, tag, value string, line int) *yaml.Node {
	if len(n.free) == 0 {
		n.slab = make([]yaml.Node, min(max(leastSlab, 2*len(n.slab)), mostSlab))
		n.free = n.slab
	}
	node := &n.free[0]
	n.free = n.free[1:]
	node.Kind, node.Style, node.Tag, node.Value, node.Line, node.Content = kind, style, tag, value, line, nil
	return node
}

// mark returns where the children of a collection begin, for since.
func (n *nodes) mark() int { return len(n.open) }

func (n *nodes) push(child *yaml.Node) { n.open = append(n.open, child) }

// since returns the children that were pushed since the mark; nil if there are none.
func (n *nodes) since(mark int) []*yaml.Node {
	children := n.open[mark:]
	n.open = n.open[:mark]
	if len(children) == 0 {
		return nil
	}
	if len(n.links) < len(children) {
		n.all = make([]*yaml.Node, max(len(children), min(max(leastSlab, 2*len(n.all)), mostSlab)))
		n.links = n.all
	}
	content := n.links[:len(children):len(children)]
	n.links = n.links[len(children):]
	copy(content, children)
	return content
}

// recent has the last strings by their hash: most scalars of an object occur in the ones
// before.
type recent struct {
	slots [1024]string
}

// mostShared bounds the length of the strings that are kept, in octets.
const mostShared = 64

var seed = maphash.MakeSeed()

// of returns the text as a string.
func (r *recent) of(text []byte) string {
	if len(text) > mostShared {
		return string(text)
	}
	slot := &r.slots[maphash.Bytes(seed, text)%uint64(len(r.slots))]
	if *slot != string(text) {
		*slot = string(text)
	}
	return *slot
}

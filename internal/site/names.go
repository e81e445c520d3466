package site

import (
	"bytes"
	"iter"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/federation"
)

// Names is the tree of the functions' names: which names exist, which exist only as
// ancestors of others, and which a wildcard covers (RFC 4592). It is immutable.
type Names struct {
	zones []string // the apexes
	show  func(*federation.Function) bool
	nodes shards[node]
	// pointers are the functions whose VIP has this reverse name, in order.
	pointers shards[[]int32]
}

// node is one existing name; the value none means no function.
type node struct {
	function int32
	// wildcard is the function of *.name.
	wildcard int32
	// holds counts the reasons why the name exists: its own uses, and the existing names
	// directly below it.
	holds int32
}

const none = -1

// Existence says whether and how a name exists.
type Existence uint8

// The outcomes of Lookup.
const (
	// Absent names do not exist.
	Absent Existence = iota
	// Exact names belong to a function.
	Exact
	// Synthesised names match a function's wildcard.
	Synthesised
	// Ancestor names have no function, but names below them exist.
	Ancestor
)

// newNames returns the tree without functions. It is for functions that show accepts;
// zones are the apexes.
func newNames(zones []string, show func(*federation.Function) bool) *Names {
	e := shardsEditor[node]{shards: newShards[node]()}
	for _, zone := range zones {
		e.put(zone, node{function: none, wildcard: none, holds: 1})
	}
	return &Names{zones, show, e.shards, newShards[[]int32]()}
}

func public(f *federation.Function) bool { return !f.Private }

// follow returns the tree after updating it from the functions before to the functions
// after.
func (n *Names) follow(before, after functions) *Names {
	e := &namesEditor{shardsEditor[node]{shards: n.nodes}, shardsEditor[[]int32]{shards: n.pointers}, n.zones}
	for i, was := range n.differing(before, after) {
		e.forget(was.before, int32(i)) //nolint:gosec // an index
	}
	for i, is := range n.differing(before, after) {
		e.name(is.after, int32(i)) //nolint:gosec // an index
	}
	if e.owned == nil {
		return n
	}
	return &Names{n.zones, n.show, e.shards, e.pointers.shards}
}

// differing returns the functions whose names differ; nil for a function that is not
// shown.
func (n *Names) differing(before, after functions) iter.Seq2[int, changed] {
	shown := func(f *federation.Function) *federation.Function {
		if f == nil || !n.show(f) {
			return nil
		}
		return f
	}
	return func(yield func(int, changed) bool) {
		for i, c := range changes(before, after) {
			c.before, c.after = shown(c.before), shown(c.after)
			if c.before != nil && c.after != nil && slices.Equal(c.before.Hostnames, c.after.Hostnames) && slices.Equal(c.before.VIPs, c.after.VIPs) {
				continue
			}
			if !yield(i, c) {
				return
			}
		}
	}
}

// namesEditor makes a modified tree.
type namesEditor struct {
	shardsEditor[node]
	pointers shardsEditor[[]int32]
	zones    []string
}

// name adds the function's names; f may be nil.
func (e *namesEditor) name(f *federation.Function, function int32) {
	if f == nil {
		return
	}
	for _, hostname := range f.Hostnames {
		e.hold(hostname)
		e.change(hostname, func(n *node) { n.function = function })
		if parent, ok := strings.CutPrefix(hostname, "*."); ok {
			e.change(parent, func(n *node) { n.wildcard = function })
		}
	}
	for _, name := range e.reverse(f.VIPs) {
		e.hold(name)
		all, _ := e.pointers.at(name)
		i, _ := slices.BinarySearch(all, function)
		e.pointers.put(name, slices.Insert(slices.Clone(all), i, function))
	}
}

// forget removes the function's names; f may be nil.
func (e *namesEditor) forget(f *federation.Function, function int32) {
	if f == nil {
		return
	}
	for _, hostname := range f.Hostnames {
		e.change(hostname, func(n *node) { n.function = none })
		if parent, ok := strings.CutPrefix(hostname, "*."); ok {
			e.change(parent, func(n *node) { n.wildcard = none })
		}
		e.release(hostname)
	}
	for _, name := range e.reverse(f.VIPs) {
		all, _ := e.pointers.at(name)
		i := slices.Index(all, function)
		if all = slices.Delete(slices.Clone(all), i, i+1); len(all) > 0 {
			e.pointers.put(name, all)
		} else {
			e.pointers.remove(name)
		}
		e.release(name)
	}
}

// reverse returns the VIPs' reverse names that are in one of the zones.
func (e *namesEditor) reverse(vips []netip.Addr) (names []string) {
	for _, vip := range vips {
		name, err := dns.ReverseAddr(vip.String())
		if err == nil && slices.ContainsFunc(e.zones, func(zone string) bool { return federation.IsReverse(zone) && dns.IsSubDomain(zone, name) }) {
			names = append(names, name) // an address always has a reverse name
		}
	}
	return names
}

func (e *namesEditor) change(name string, how func(*node)) {
	n, _ := e.at(name)
	how(&n)
	e.put(name, n)
}

// hold gives the name one more reason to exist. While the name exists, so do its
// ancestors up to a zone's apex.
func (e *namesEditor) hold(name string) {
	for name != "" {
		n, exists := e.at(name)
		if !exists {
			n = node{function: none, wildcard: none}
		}
		n.holds++
		e.put(name, n)
		if exists {
			return
		}
		_, name, _ = strings.Cut(name, ".")
	}
}

// release removes one of the reasons that hold added.
func (e *namesEditor) release(name string) {
	for name != "" {
		n, _ := e.at(name)
		if n.holds--; n.holds > 0 {
			e.put(name, n)
			return
		}
		e.remove(name)
		_, name, _ = strings.Cut(name, ".")
	}
}

// Lookup finds the function that answers for the name, lower case and fully qualified,
// for a client that also sees own, which may be nil. A name that the client does not see
// is treated as absent. Lookup does not allocate.
func (n *Names) Lookup(name []byte, own *Names) (function int, e Existence) {
	if here, ok := n.node(name, own); ok {
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
		// Only the closest encloser decides: a wildcard above it does not apply.
		if encloser, ok := n.node(parent, own); ok {
			if encloser.wildcard == none {
				return none, Absent
			}
			return int(encloser.wildcard), Synthesised
		}
		name = parent
	}
}

func (n *Names) node(name []byte, own *Names) (node, bool) {
	here, ok := n.nodes.get(name)
	if own == nil {
		return here, ok
	}
	mine, also := own.nodes.get(name)
	switch {
	case !also:
		return here, ok
	case !ok:
		return mine, true
	}
	// A hostname belongs to one function, so at most one of the two is set.
	return node{function: max(here.function, mine.function), wildcard: max(here.wildcard, mine.wildcard)}, true
}

// Pointers returns the functions whose VIP has the reverse name.
func (n *Names) Pointers(name []byte, own *Names) []int32 {
	all, _ := n.pointers.get(name)
	if own != nil {
		mine, _ := own.pointers.get(name)
		all = append(slices.Clip(all), mine...)
	}
	return all
}

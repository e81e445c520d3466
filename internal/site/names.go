package site

import (
	"bytes"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/gaissmai/bart"
	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/federation"
)

// Names is the tree of the functions' names: what exists, what exists only as
// somebody's ancestor, and what a wildcard stands for (RFC 4592). It is
// immutable.
type Names struct {
	nodes map[string]node
	// pointers are by the reverse name of a VIP.
	pointers map[string][]int32
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

// Tenant says which clients see the private functions of a namespace.
type Tenant struct {
	Namespace string
	Prefixes  []netip.Prefix
}

// newNames indexes the hostnames of the functions that show accepts; zones are
// the apexes.
func newNames(functions []*federation.Function, zones []string, show func(*federation.Function) bool) *Names {
	n := &Names{nodes: map[string]node{}, pointers: map[string][]int32{}}
	for _, zone := range zones {
		n.nodes[zone] = node{none, none}
	}
	for i, f := range functions {
		if !show(f) {
			continue
		}
		for _, hostname := range f.Hostnames {
			n.add(hostname, int32(i))
		}
		for _, vip := range f.VIPs {
			n.point(vip, int32(i), zones)
		}
	}
	return n
}

func public(f *federation.Function) bool { return !f.Private }

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

// point adds the VIP's reverse name where one of the zones holds it.
func (n *Names) point(vip netip.Addr, function int32, zones []string) {
	name, err := dns.ReverseAddr(vip.String())
	if err != nil {
		return // an address always has one
	}
	if slices.ContainsFunc(zones, func(zone string) bool { return federation.IsReverse(zone) && dns.IsSubDomain(zone, name) }) {
		n.exist(name)
		n.pointers[name] = append(n.pointers[name], function)
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
// answered by for a client that also sees own, which may be nil. A name that the
// client does not see is as if absent. It does not allocate.
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
		// The closest encloser alone decides: a wildcard above it does not reach past it.
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
	here, ok := n.nodes[string(name)]
	if own == nil {
		return here, ok
	}
	mine, also := own.nodes[string(name)]
	switch {
	case !also:
		return here, ok
	case !ok:
		return mine, true
	}
	// A hostname is one function's, so at most one of the two is set.
	return node{max(here.function, mine.function), max(here.wildcard, mine.wildcard)}, true
}

// Pointers returns the functions whose VIP has the reverse name.
func (n *Names) Pointers(name []byte, own *Names) []int32 {
	all := n.pointers[string(name)]
	if own != nil {
		all = append(slices.Clip(all), own.pointers[string(name)]...)
	}
	return all
}

// tenantTable maps a source address to the private names that it sees: those of
// every tenant one of whose prefixes holds it.
func tenantTable(tenants []Tenant, functions []*federation.Function, zones []string) *bart.Table[*Names] {
	namespaces := new(bart.Table[[]string])
	for _, t := range tenants {
		for _, p := range t.Prefixes {
			of, _ := namespaces.Get(p)
			namespaces.Insert(p, append(slices.Clip(of), t.Namespace))
		}
	}
	table := new(bart.Table[*Names])
	interned := map[string]*Names{}
	for p := range namespaces.All() {
		seen := map[string]bool{}
		for _, of := range namespaces.Supernets(p) {
			for _, namespace := range of {
				seen[namespace] = true
			}
		}
		key := strings.Join(slices.Sorted(maps.Keys(seen)), " ")
		if interned[key] == nil {
			interned[key] = newNames(functions, zones, func(f *federation.Function) bool {
				return f.Private && seen[f.Namespace]
			})
		}
		table.Insert(p, interned[key])
	}
	return table
}

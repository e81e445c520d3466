// Package zonefile reads the records that an operator adds to zones in a master file (RFC 1035, section 5), and finds
// them by name. It is pure, and what it returns is immutable.
package zonefile

import (
	"bytes"
	"slices"

	"github.com/miekg/dns"
)

// Content is what a file has in the zones of a block.
type Content struct {
	zones map[string]*Zone
	// Faults are the records that are not used, and those that may not do what their author expects.
	Faults []error
}

// Len returns how many records there are.
func (c *Content) Len() (n int) {
	for _, z := range c.zones {
		n += len(z.All())
	}
	return n
}

// Zone returns the records of the zone; nil if there are none.
func (c *Content) Zone(name string) *Zone {
	if c == nil {
		return nil
	}
	return c.zones[name]
}

// Zone is what a file has in one zone.
type Zone struct {
	name string
	// nodes has the zone's own name, all names that have records, and the empty names above these (RFC 4592,
	// section 2.2.2). They are canonical.
	nodes map[string]*Node
	// cuts says whether there are delegations.
	cuts bool
}

// Node is one name.
type Node struct {
	// Name is canonical.
	Name string
	// Sets are sorted by type. There are none at a name that exists only because of names below it.
	Sets []Set
	// Wildcard is the node of *.Name, or nil.
	Wildcard *Node
	// delegation is set at a name that has NS records.
	delegation *Delegation
}

// Set is a record set. Whoever answers with its records copies them.
type Set struct {
	Type    uint16
	Records []dns.RR
	// Line is that of the first record.
	Line int
}

// Delegation is a zone that is served elsewhere.
type Delegation struct {
	*Node
	// Glue are the addresses of its name servers at and below its name.
	Glue []dns.RR
}

// Apex returns the node of the zone's own name; nil for a nil zone.
func (z *Zone) Apex() *Node {
	if z == nil {
		return nil
	}
	return z.nodes[z.name]
}

// Node is At for a string, and for a zone that may be nil.
func (z *Zone) Node(name string) *Node {
	if z == nil {
		return nil
	}
	return z.nodes[name]
}

// At returns the node of a canonical name; nil if it has none. It does not allocate.
func (z *Zone) At(name []byte) *Node { return z.nodes[string(name)] }

// Cut returns the delegation that a canonical name in the zone is at or below; nil if there is none.
func (z *Zone) Cut(name []byte) *Delegation {
	if !z.cuts {
		return nil
	}
	for ; len(name) > len(z.name); name = parent(name) {
		if here := z.nodes[string(name)]; here != nil && here.delegation != nil {
			return here.delegation
		}
	}
	return nil
}

// Encloser returns the closest node above a canonical name in the zone.
func (z *Zone) Encloser(name []byte) *Node {
	for len(name) > len(z.name) {
		name = parent(name)
		if here := z.nodes[string(name)]; here != nil {
			return here
		}
	}
	return z.Apex()
}

// parent returns the name without its first label.
func parent(name []byte) []byte {
	if _, above, _ := bytes.Cut(name, dot); len(above) > 0 {
		return above
	}
	return dot // the root
}

var dot = []byte{'.'}

// Speaks reports whether the name begins with an underscore and says something about a name that leaves no room for a
// function (RFC 8552). A tenant's function at _acme-challenge.mail would get a certificate for mail.
func (z *Zone) Speaks(name []byte) bool {
	about := name
	for len(about) > 0 && about[0] == '_' {
		about = parent(about)
	}
	return len(about) < len(name) && z.At(about).Excludes()
}

// Set returns the records of the type; nil if there are none, or if the node is nil.
func (n *Node) Set(rrtype uint16) []dns.RR {
	if n == nil {
		return nil
	}
	i := slices.IndexFunc(n.Sets, func(s Set) bool { return s.Type == rrtype })
	if i < 0 {
		return nil
	}
	return n.Sets[i].Records
}

// Types returns the types that the node has, sorted; none if it is nil.
func (n *Node) Types() (types []uint16) {
	if n == nil {
		return nil
	}
	for _, s := range n.Sets {
		types = append(types, s.Type)
	}
	return types
}

// exclusive are the types beside which a name has no function: those that a function answers itself, an alias and a
// delegation.
var exclusive = [...]uint16{dns.TypeA, dns.TypeAAAA, dns.TypeHTTPS, dns.TypeSVCB, dns.TypeCNAME, dns.TypeNS}

// Excludes reports whether the records of the name leave no room for a function. A nil node does not.
func (n *Node) Excludes() bool {
	return n != nil && slices.ContainsFunc(n.Sets, isExclusive)
}

func isExclusive(s Set) bool { return slices.Contains(exclusive[:], s.Type) }

// Taken reports whether the file leaves no room for a function of the name, which may begin with an asterisk. A nil
// zone leaves it for all.
func (z *Zone) Taken(name []byte) bool {
	return z != nil && (z.Cut(name) != nil || z.At(name).Excludes() || z.Speaks(name))
}

// Why says which records leave no room for a function of the name, and their line; "" if there is room.
func (z *Zone) Why(name []byte) (what string, line int) {
	if !z.Taken(name) {
		return "", 0
	}
	if cut := z.Cut(name); cut != nil {
		return "NS records of " + cut.Name, cut.lineOf(dns.TypeNS)
	}
	for !z.At(name).Excludes() {
		name = parent(name) // it says something about that
	}
	node := z.At(name)
	set := node.Sets[slices.IndexFunc(node.Sets, isExclusive)]
	return dns.Type(set.Type).String() + " records of " + node.Name, set.Line
}

// Within returns a node with records at or below the name; nil if there is none.
func (z *Zone) Within(name string) *Node {
	if z == nil {
		return nil
	}
	for _, at := range z.names() {
		if n := z.nodes[at]; len(n.Sets) > 0 && dns.IsSubDomain(name, at) {
			return n
		}
	}
	return nil
}

// All returns all records of the zone, in the order of their names, with the glue of delegations.
func (z *Zone) All() (all []dns.RR) {
	if z == nil {
		return nil
	}
	for _, name := range z.names() {
		for _, s := range z.nodes[name].Sets {
			all = append(all, s.Records...)
		}
		if d := z.nodes[name].delegation; d != nil {
			all = append(all, d.Glue...)
		}
	}
	return all
}

// Below returns the name's ancestor, or the name itself, that has one label more than the encloser.
func Below(name []byte, encloser string) []byte {
	for {
		above := parent(name)
		if len(above) <= len(encloser) {
			return name
		}
		name = above
	}
}

package locate

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"github.com/oschwald/maxminddb-golang/v2"
)

// tree is the search tree of an MMDB. The library can look addresses up in it and list
// its networks, but a damaged tree may have more networks than can ever be listed.
type tree struct {
	raw []byte
	// nodes is the number of nodes, each of which has two records of bits bits.
	nodes, bits uint
	// root is the number of bits of an IPv6 address before those that the tree
	// distinguishes.
	root int
}

// treeOf returns the search tree of a database that the library has opened.
func treeOf(raw []byte, m maxminddb.Metadata) (tree, error) {
	t := tree{raw: raw, nodes: m.NodeCount, bits: m.RecordSize}
	switch {
	case m.BinaryFormatMajorVersion != 2:
		return t, fmt.Errorf("has format version %d; only version 2 is supported", m.BinaryFormatMajorVersion)
	case t.bits != 24 && t.bits != 28 && t.bits != 32:
		return t, fmt.Errorf("is damaged: its search tree has records of %d bits, not 24, 28 or 32", t.bits)
	case m.IPVersion != 4 && m.IPVersion != 6:
		return t, fmt.Errorf("is damaged: its IP version is %d, not 4 or 6", m.IPVersion)
	case t.nodes == 0 || t.nodes > uint(len(raw))/(t.bits/4):
		return t, fmt.Errorf("is damaged: its search tree has %d nodes", t.nodes)
	}
	if m.IPVersion == 4 {
		t.root = 96
	}
	end := t.nodes * t.bits / 4
	if separator := raw[end:min(end+16, uint(len(raw)))]; string(separator) != string(make([]byte, 16)) {
		return t, errors.New("is damaged: its search tree does not end where its metadata says")
	}
	return t, nil
}

// children returns the two records of a node: those for a 0 bit and for a 1 bit.
func (t tree) children(node uint) (zero, one uint) {
	raw := t.raw[node*t.bits/4:]
	switch t.bits {
	case 24:
		return uint(binary.BigEndian.Uint32(raw) >> 8), uint(binary.BigEndian.Uint32(raw[2:]) & 0xffffff)
	case 28: // the octet in between holds the high bits of both
		middle := uint(raw[3])
		return middle>>4<<24 | uint(binary.BigEndian.Uint32(raw)>>8), middle&0xf<<24 | uint(binary.BigEndian.Uint32(raw[3:])&0xffffff)
	}
	return uint(binary.BigEndian.Uint32(raw)), uint(binary.BigEndian.Uint32(raw[4:]))
}

var (
	errLoop = errors.New("is damaged: its search tree has a loop")
	errDeep = errors.New("is damaged: its search tree is deeper than an address has bits")
)

// walk calls found with every data pointer of the tree and a network that leads to it. It
// visits each node once, so that it ends for any tree, and returns an error if a look-up
// might not end.
func (t tree) walk(found func(pointer uint, network netip.Prefix)) error {
	w := walker{tree: t, heights: make([]uint8, t.nodes), found: found}
	_, err := w.visit(0, t.root)
	return err
}

type walker struct {
	tree
	// heights holds, by node, the most bits that the tree distinguishes below it; 0 for a
	// node not visited yet, entered for one being visited.
	heights []uint8
	address [16]byte
	found   func(pointer uint, network netip.Prefix)
}

const entered = 255

// visit walks the subtree of a node that depth bits of the address lead to.
func (w *walker) visit(node uint, depth int) (height uint8, err error) {
	switch known := w.heights[node]; {
	case known == entered:
		return 0, errLoop
	case depth+max(int(known), 1) > 128:
		return 0, errDeep
	case known > 0:
		return known, nil
	}
	w.heights[node] = entered
	zero, one := w.children(node)
	below, err := w.follow(zero, depth+1)
	if err != nil {
		return 0, err
	}
	bit := byte(0x80) >> (depth % 8)
	w.address[depth/8] |= bit
	above, err := w.follow(one, depth+1)
	w.address[depth/8] &^= bit
	if err != nil {
		return 0, err
	}
	w.heights[node] = 1 + max(below, above)
	return w.heights[node], nil
}

func (w *walker) follow(record uint, depth int) (height uint8, err error) {
	switch {
	case record < w.nodes:
		return w.visit(record, depth)
	case record > w.nodes:
		w.found(record, w.network(depth))
	}
	return 0, nil
}

// network returns the network of the first bits of the address; IPv4 networks as IPv4.
func (w *walker) network(bits int) netip.Prefix {
	a := netip.AddrFrom16(w.address)
	if bits >= 96 && string(w.address[:12]) == string(make([]byte, 12)) {
		a, bits = netip.AddrFrom4([4]byte(w.address[12:])), bits-96
	}
	return netip.PrefixFrom(a, bits)
}

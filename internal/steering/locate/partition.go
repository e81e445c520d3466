package locate

import (
	"cmp"
	"net/netip"
	"slices"
)

// covered reports whether an entry contains the whole prefix.
func covered(p netip.Prefix, cells map[netip.Prefix]ID) bool {
	for bits := range p.Bits() + 1 {
		shorter, _ := p.Addr().Prefix(bits) // bits is in range
		if _, ok := cells[shorter]; ok {
			return true
		}
	}
	return false
}

type cell struct {
	prefix netip.Prefix
	id     ID
}

func (t *Table) partition(root netip.Prefix, cells []cell) {
	slices.SortFunc(cells, func(a, b cell) int {
		return cmp.Or(a.prefix.Addr().Compare(b.prefix.Addr()), a.prefix.Bits()-b.prefix.Bits())
	})
	if id, uniform := t.split(root, cells, Nowhere); uniform {
		t.insert(root, id)
	}
}

// split divides p until every piece lies in one location. If all of p is in one location,
// it returns that location and leaves it to the caller to insert the piece, so that equal
// neighbours become one.
func (t *Table) split(p netip.Prefix, cells []cell, inherited ID) (id ID, uniform bool) {
	if len(cells) > 0 && cells[0].prefix == p {
		inherited, cells = cells[0].id, cells[1:]
	}
	if len(cells) == 0 {
		return inherited, true
	}
	low, high := halves(p)
	border, _ := slices.BinarySearchFunc(cells, high.Addr(), func(c cell, a netip.Addr) int {
		return c.prefix.Addr().Compare(a)
	})
	lowID, lowUniform := t.split(low, cells[:border], inherited)
	highID, highUniform := t.split(high, cells[border:], inherited)
	if lowUniform && highUniform && lowID == highID {
		return lowID, true
	}
	if lowUniform {
		t.insert(low, lowID)
	}
	if highUniform {
		t.insert(high, highID)
	}
	return 0, false
}

func halves(p netip.Prefix) (low, high netip.Prefix) {
	raw := p.Addr().AsSlice()
	raw[p.Bits()/8] |= 0x80 >> (p.Bits() % 8)
	upper, _ := netip.AddrFromSlice(raw)
	return netip.PrefixFrom(p.Addr(), p.Bits()+1), netip.PrefixFrom(upper, p.Bits()+1)
}

func (t *Table) insert(p netip.Prefix, id ID) {
	t.leaves.Insert(p, leaf{id: id, bits: uint8(p.Bits())})
}

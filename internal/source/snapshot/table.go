package snapshot

// table holds values that a chunk has once, by number.
type table struct {
	all []string
	// numbers and size, in octets, are for writing.
	numbers map[string]uint64
	size    int
}

func newTable() table { return table{numbers: map[string]uint64{}} }

// number returns that of the value, which it adds if it is new.
func (t *table) number(s string) uint64 {
	if n, known := t.numbers[s]; known {
		return n
	}
	return t.add(s)
}

// numberOf is like number.
func (t *table) numberOf(octets []byte) uint64 {
	if n, known := t.numbers[string(octets)]; known {
		return n
	}
	return t.add(string(octets))
}

func (t *table) add(s string) uint64 {
	n := uint64(len(t.all))
	t.numbers[s] = n
	t.all, t.size = append(t.all, s), t.size+len(s)
	return n
}

// clear forgets everything, and keeps the room for as much again.
func (t *table) clear() {
	clear(t.numbers)
	clear(t.all)
	t.all, t.size = t.all[:0], 0
}

package steer

// memory keeps results by what they depend on, for as long as one publish takes. A change of few
// functions has no use for it and does not pay for it: it begins to keep after the first
// few results. The zero memory is empty.
type memory[K comparable, V any] struct {
	seen int
	kept map[K]V
}

// few is more than the placements of most functions. Tests lower it.
var few = 512

// recall returns the result for the key, and false if it is not kept.
func (m *memory[K, V]) recall(key K) (V, bool) {
	v, known := m.kept[key]
	return v, known
}

// keep keeps a result, unless it already has mostInterned.
func (m *memory[K, V]) keep(key K, v V) {
	if m.seen++; m.seen <= few || len(m.kept) >= mostInterned {
		return
	}
	if m.kept == nil {
		m.kept = map[K]V{}
	}
	m.kept[key] = v
}

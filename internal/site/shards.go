package site

import "hash/maphash"

// shards is an immutable map by name, divided into parts: a modified copy copies the
// parts that it changes and shares the others. Parts are hash tables of our own and not
// Go maps, so that a name is hashed once.
type shards[V any] []*part[V]

// shardCount keeps both the list of parts, and a part of a hundred thousand names, at a
// few KB.
const (
	shardBits  = 10
	shardCount = 1 << shardBits
)

var seed = maphash.MakeSeed()

// part is a hash table in which a name is in the first free slot at or after its hash.
type part[V any] struct {
	slots []slot[V] // a power of two; at most half are taken
	taken int
}

type slot[V any] struct {
	name string // "" if free
	hash uint32
	v    V
}

func newShards[V any]() shards[V] { return make(shards[V], shardCount) }

// get returns the value of the name. It does not allocate.
func (s shards[V]) get(name []byte) (v V, ok bool) {
	h := maphash.Bytes(seed, name)
	p := s[h%shardCount]
	if p == nil {
		return v, false
	}
	hash, last := uint32(h>>shardBits), uint32(len(p.slots)-1) //nolint:gosec // the low bits
	for i := hash & last; ; i = (i + 1) & last {
		at := &p.slots[i]
		if at.name == "" {
			return v, false
		}
		if at.hash == hash && at.name == string(name) {
			return at.v, true
		}
	}
}

// find returns the slot of the name, or the free slot where it would be.
func (p *part[V]) find(name string, hash uint32) *slot[V] {
	last := uint32(len(p.slots) - 1) //nolint:gosec // a part is small
	for i := hash & last; ; i = (i + 1) & last {
		if at := &p.slots[i]; at.name == "" || at.hash == hash && at.name == name {
			return at
		}
	}
}

// resized returns a part with this many slots and everything in p except one name.
func (p *part[V]) resized(slots int, but string) *part[V] {
	n := &part[V]{slots: make([]slot[V], slots)}
	for _, s := range p.slots {
		if s.name != "" && s.name != but {
			*n.find(s.name, s.hash) = s
			n.taken++
		}
	}
	return n
}

// leastSlots is the size of a part's first table.
const leastSlots = 4

// shardsEditor makes modified shards.
type shardsEditor[V any] struct {
	shards[V]
	owned []bool // by part; nil if nothing has changed yet
}

// own returns the part of the name, ready to be modified, and the name's hash in it.
func (e *shardsEditor[V]) own(name string) (**part[V], uint32) {
	if e.owned == nil {
		e.owned = make([]bool, shardCount)
		e.shards = append(make(shards[V], 0, shardCount), e.shards...)
	}
	h := maphash.String(seed, name)
	p := &e.shards[h%shardCount]
	switch i := h % shardCount; {
	case *p == nil:
		*p, e.owned[i] = &part[V]{slots: make([]slot[V], leastSlots)}, true
	case !e.owned[i]:
		*p, e.owned[i] = &part[V]{append([]slot[V](nil), (*p).slots...), (*p).taken}, true
	}
	return p, uint32(h >> shardBits) //nolint:gosec // the low bits
}

func (e *shardsEditor[V]) at(name string) (v V, ok bool) { return e.get([]byte(name)) }

func (e *shardsEditor[V]) put(name string, v V) {
	p, hash := e.own(name)
	at := (*p).find(name, hash)
	if at.name == "" {
		if 2*(*p).taken >= len((*p).slots) {
			*p = (*p).resized(2*len((*p).slots), "")
			at = (*p).find(name, hash)
		}
		(*p).taken++
	}
	*at = slot[V]{name, hash, v}
}

func (e *shardsEditor[V]) remove(name string) {
	p, _ := e.own(name)
	slots := len((*p).slots)
	if slots > leastSlots && 8*(*p).taken < slots {
		slots /= 2
	}
	*p = (*p).resized(slots, name)
}

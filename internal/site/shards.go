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
	slots []slot[V] // at most three quarters are taken
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
	hash := uint32(h >> shardBits) //nolint:gosec // the low bits
	for i := p.home(hash); ; i = p.after(i) {
		at := &p.slots[i]
		if at.name == "" {
			return v, false
		}
		if at.hash == hash && at.name == string(name) {
			return at.v, true
		}
	}
}

// home returns the slot at which a search for the hash begins.
func (p *part[V]) home(hash uint32) int {
	return int(uint64(hash) * uint64(len(p.slots)) >> 32) //nolint:gosec // below the length
}

func (p *part[V]) after(slot int) int {
	if slot++; slot == len(p.slots) {
		return 0
	}
	return slot
}

// find returns the slot of the name, or the free slot where it would be.
func (p *part[V]) find(name string, hash uint32) *slot[V] {
	for i := p.home(hash); ; i = p.after(i) {
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

// leastSlots is the size of a part's first table. A table that is too small or too large is replaced by one of
// which half is taken.
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
		if 4*((*p).taken+1) > 3*len((*p).slots) {
			*p = (*p).resized(2*((*p).taken+1), "")
			at = (*p).find(name, hash)
		}
		(*p).taken++
	}
	*at = slot[V]{name, hash, v}
}

func (e *shardsEditor[V]) remove(name string) {
	p, _ := e.own(name)
	slots := len((*p).slots)
	if 4*(*p).taken < slots {
		slots = max(leastSlots, 2*(*p).taken)
	}
	*p = (*p).resized(slots, name)
}

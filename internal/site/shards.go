package site

import (
	"hash/maphash"
	"maps"
)

// shards is an immutable map by name, in parts: a changed one copies the parts that it
// changes and shares the others.
type shards[V any] []map[string]V

// shardCount keeps both the list of parts and a part of a hundred thousand names at a
// few KB.
const shardCount = 1024

var seed = maphash.MakeSeed()

func (s shards[V]) get(name []byte) (V, bool) {
	v, ok := s[maphash.Bytes(seed, name)%shardCount][string(name)]
	return v, ok
}

// shardsEditor makes changed shards.
type shardsEditor[V any] struct {
	shards[V]
	owned []bool // by part; nil while nothing has changed
}

func (e *shardsEditor[V]) at(name string) (V, bool) {
	v, ok := e.shards[maphash.String(seed, name)%shardCount][name]
	return v, ok
}

// own returns the part of the name, to be changed.
func (e *shardsEditor[V]) own(name string) map[string]V {
	if e.owned == nil {
		e.owned = make([]bool, shardCount)
		e.shards = append(make(shards[V], 0, shardCount), e.shards...)
	}
	i := maphash.String(seed, name) % shardCount
	if !e.owned[i] {
		e.owned[i] = true
		if e.shards[i] = maps.Clone(e.shards[i]); e.shards[i] == nil {
			e.shards[i] = map[string]V{}
		}
	}
	return e.shards[i]
}

func (e *shardsEditor[V]) put(name string, v V) { e.own(name)[name] = v }
func (e *shardsEditor[V]) remove(name string)   { delete(e.own(name), name) }

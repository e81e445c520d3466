package snapshot

import (
	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/steering/health"
)

// A frame's content is a chunk: its texts, shapes and lists of members, and its records,
// which refer to these by number. A chunk refers to nothing outside it, so chunks are read in parallel.

// The tags of records. Higher ones are of objects, and say which shape they have.
const (
	tagTimes uint64 = iota
	tagVerdict
	tagLookup
	firstShape
)

// wholeChunk is the size at which a chunk is written, in octets: large enough for what
// objects have in common, small enough for several to be read at once. A chunk is larger
// by one object at most, which is far below what a frame can hold.
const wholeChunk = 256 << 10

// encoder writes records into chunks.
type encoder struct {
	to     *frameWriter
	tables tables
	// records are those of the chunk. shape and chunk are room to write in.
	records, shape, chunk wire
	err                   error
}

// tables are what a chunk has once.
type tables struct{ texts, shapes, members table }

func newEncoder(to *frameWriter) *encoder {
	e := &encoder{to: to, tables: tables{newTable(), newTable(), newTable()}}
	e.records.texts, e.shape.texts = &e.tables.texts, &e.tables.texts
	return e
}

func (e *encoder) times(t times) {
	e.records.uvarint(tagTimes)
	e.records.times(&t)
	e.recorded()
}

func (e *encoder) object(o federation.Object) {
	o = written(o)
	e.shape.data = e.shape.data[:0]
	e.shape.writeShape(o)
	e.records.uvarint(firstShape + e.tables.shapes.numberOf(e.shape.data))
	e.records.own(o)
	if b, ok := o.(*binding); ok {
		e.shape.data = e.shape.data[:0]
		e.shape.writeMembers(b.Members)
		e.records.uvarint(e.tables.members.numberOf(e.shape.data))
	}
	e.recorded()
}

func (e *encoder) verdict(target federation.Target, v health.Verdict) {
	e.records.uvarint(tagVerdict)
	e.records.target(&target)
	e.records.verdict(&v)
	e.recorded()
}

func (e *encoder) lookup(name string, at federation.Endpoint) {
	e.records.uvarint(tagLookup)
	e.records.text(&name)
	e.records.endpoint(&at)
	e.recorded()
}

// recorded writes the chunk if it is whole.
func (e *encoder) recorded() {
	if t := &e.tables; len(e.records.data)+t.texts.size+t.shapes.size+t.members.size >= wholeChunk {
		e.flush()
	}
}

// flush writes the chunk, if it has a record, and begins another one.
func (e *encoder) flush() {
	if len(e.records.data) == 0 || e.err != nil {
		return
	}
	e.chunk.data = e.chunk.data[:0]
	for _, t := range []*table{&e.tables.texts, &e.tables.shapes, &e.tables.members} {
		list(&e.chunk, &t.all, e.chunk.text)
		t.clear()
	}
	e.chunk.data = append(e.chunk.data, e.records.data...)
	e.err = e.to.write(e.chunk.data)
	e.records.data = e.records.data[:0]
}

// end writes what is left, and the last frame.
func (e *encoder) end() error {
	if e.flush(); e.err != nil {
		return e.err
	}
	return e.to.write(nil)
}

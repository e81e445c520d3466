package snapshot

import (
	"errors"
	"io"
	"maps"
	"runtime"

	"golang.org/x/sync/errgroup"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/federation/annotation"
)

// readChunks reads all chunks, as many at once as there are processors: no more of the file
// is in memory at a time.
func readChunks(frames *frameReader) (Contents, error) {
	var parts []*decoder
	var reading errgroup.Group
	reading.SetLimit(runtime.GOMAXPROCS(0))
	for {
		chunk, err := frames.next()
		if err != nil {
			err = errors.Join(notEOF(err), reading.Wait())
			if err != nil {
				return Contents{}, err
			}
			return joined(parts), nil
		}
		part := new(decoder)
		parts = append(parts, part)
		reading.Go(func() error { return part.read(chunk) })
	}
}

func notEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// joined returns the contents of all parts, in their order.
func joined(parts []*decoder) Contents {
	all := empty()
	n := 0
	for _, part := range parts {
		n += len(part.Objects)
	}
	all.Objects = make([]federation.Object, 0, n)
	for _, part := range parts {
		if !part.Saved.IsZero() {
			all.Saved, all.Confirmed = part.Saved, part.Confirmed
		}
		all.Objects = append(all.Objects, part.Objects...)
		all.Refused = append(all.Refused, part.Refused...)
		maps.Copy(all.Verdicts, part.Verdicts)
		maps.Copy(all.Lookups, part.Lookups)
	}
	return all
}

// decoder reads one chunk.
type decoder struct {
	Contents
	shapes  []shape
	members []members
	records wire
}

// shape is what objects have in common.
type shape struct {
	// like is an object of this shape. Its names are of no account.
	like federation.Object
	// complete is set if like is one of the objects that were read, with parsed
	// annotations that others of its shape share.
	complete bool
}

// members are those of bindings that say the same of the same clusters.
type members struct {
	all []federation.Member
	// placing is that of bindings that say nothing else; nil if none was read.
	placing *federation.Placing
}

func (d *decoder) read(chunk []byte) error {
	d.Contents = empty()
	var texts table
	d.records = wire{reading: true, data: chunk, texts: &texts}
	list(&d.records, &texts.all, d.records.text)
	d.shapes = each(d, func(w *wire) shape { return shape{like: w.readShape()} })
	d.members = each(d, func(w *wire) members { return members{all: w.readMembers()} })
	for len(d.records.data) > 0 && d.records.err == nil {
		d.record()
	}
	d.shapes, d.members = nil, nil
	return d.records.err
}

// each reads a table of values that are written for themselves.
func each[T any](d *decoder, read func(*wire) T) []T {
	all := make([]T, d.records.count(0, 1))
	for i := range all {
		w := wire{reading: true, data: d.records.octets(""), texts: d.records.texts}
		if all[i] = read(&w); w.err != nil {
			d.records.failed(w.err)
		}
		if d.records.err != nil {
			return nil
		}
	}
	return all
}

func (d *decoder) record() {
	w := &d.records
	switch tag := w.uvarint(0); tag {
	case tagTimes:
		var t times
		w.times(&t)
		d.Saved, d.Confirmed = t.Saved, t.Confirmed
	case tagVerdict:
		var v verdict
		w.target(&v.Target)
		w.verdict(&v.Verdict)
		d.Verdicts[v.Target] = v.Verdict
	case tagLookup:
		var l lookup
		w.text(&l.Name)
		w.endpoint(&l.Endpoint)
		d.Lookups[l.Name] = l.Endpoint
	default:
		if tag -= firstShape; tag >= uint64(len(d.shapes)) {
			w.fail("there is no shape %d", tag)
			return
		}
		d.object(&d.shapes[tag])
	}
}

// object adds an object of the shape. It parses annotations again, because the file holds
// them and not their parsed form, but only once for all objects of a shape. It leaves out a
// function that this version refuses, and nothing else.
func (d *decoder) object(s *shape) {
	o := copyOf(s.like)
	d.records.own(o)
	if b, ok := o.(*binding); ok {
		d.bind(b)
		return
	}
	if d.records.err != nil {
		return
	}
	if !s.complete {
		faults := annotation.Parse(o)
		d.Refused = append(d.Refused, faults...)
		if _, function := o.(*federation.Template); function && len(faults) > 0 {
			return
		}
		if len(faults) == 0 {
			federation.Share(o)
			s.like, s.complete = o, true
		}
	}
	d.Objects = append(d.Objects, o)
}

// bind adds the binding with its members, which other bindings share.
func (d *decoder) bind(b *binding) {
	n := d.records.uvarint(0)
	if n >= uint64(len(d.members)) {
		d.records.fail("there are no members %d", n)
	}
	if d.records.err != nil {
		return
	}
	made, m := federation.NewBinding(b.Meta, b.Resource), &d.members[n]
	more := len(b.Evictions) > 0 || b.Unscheduled != ""
	if !more && m.placing != nil {
		made.Placing = m.placing
	} else {
		made.Members, made.Evictions, made.Unscheduled = m.all, b.Evictions, b.Unscheduled
		if federation.Share(made); !more {
			m.placing = made.Placing
		}
	}
	d.Objects = append(d.Objects, made)
}

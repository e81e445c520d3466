package manifest

import (
	"reflect"

	"github.com/nearcast/nearcast/internal/base/brief"
	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/federation/staging"
)

// file is the content of one file. It is immutable.
type file struct {
	documents []document
	faults    []federation.Fault // the first faults of documents that name no object
	more      int                // number of further faults
}

// document is one object: what the Store also has, or its *flaws. A function has two
// documents, so nothing else is kept of them.
type document struct{ federation.Object }

// flaws stand for an object that is refused, in whole or in part, or that means nothing to
// Nearcast. Of its Meta they have the Ref and the Origin.
type flaws struct {
	federation.Meta
	object federation.Object // nil if it is refused whole
	faults []federation.Fault
	// ofOther is set for a kind that is not read; nothing else is known about it.
	ofOther bool
}

// keep returns the document of an object with the flaws.
func (d *flaws) keep(object federation.Object) document {
	kept := *d
	kept.object = object
	return document{&kept}
}

func (d document) ref() federation.Ref { return federation.RefOf(d.Object) }

func (d document) origin() federation.Origin { return federation.MetaOf(d.Object).Origin() }

// reading returns what the document says of its object.
func (d document) reading() staging.Reading {
	if flawed, is := d.Object.(*flaws); is {
		return staging.Reading{Ref: flawed.Ref(), Object: flawed.object, Faults: flawed.faults}
	}
	return staging.Whole(d.Object)
}

// unread reports whether the document's kind is not read.
func (d document) unread() bool {
	flawed, is := d.Object.(*flaws)
	return is && flawed.ofOther
}

func (d document) faults() []federation.Fault { return d.reading().Faults }

func (d *flaws) fault(key, reason string) federation.Fault {
	return federation.Fault{File: d.File, Line: int(d.Line), Object: d.String(), Key: key, Reason: brief.Text(reason)}
}

// keep returns f with the documents of before that f lacks: one document of f could not
// be identified, and may be any of them.
func (f file) keep(before file) file {
	has := f.byRef()
	for _, d := range before.documents {
		if ref := d.ref(); has[ref] == nil {
			has[ref] = &d
			f.documents = append(f.documents, d)
		}
	}
	return f
}

// share replaces the documents of f that are equal to those of before by these, which the
// Store keeps: otherwise both would stay in memory.
func (f file) share(before file) {
	if len(before.documents) == 0 {
		return
	}
	was := before.byRef()
	for i, d := range f.documents {
		if w := was[d.ref()]; w != nil && reflect.DeepEqual(*w, d) {
			f.documents[i] = *w
		}
	}
}

// byRef returns the first document of each object.
func (f file) byRef() map[federation.Ref]*document {
	all := make(map[federation.Ref]*document, len(f.documents))
	for i := range f.documents {
		if ref := f.documents[i].ref(); all[ref] == nil {
			all[ref] = &f.documents[i]
		}
	}
	return all
}

package manifest

import (
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

// document is one object. A function has two of them, so they are kept small.
type document struct {
	object federation.Object
	flaws  *flaws // nil for a valid object
}

// flaws belong to an object that is refused, in whole or in part, or that means nothing
// to Nearcast.
type flaws struct {
	ref    federation.Ref
	origin federation.Origin
	faults []federation.Fault
	// ofOther is set for a kind that is not read; nothing else is known about it.
	ofOther bool
}

func (d document) ref() federation.Ref {
	if d.flaws != nil {
		return d.flaws.ref
	}
	return federation.RefOf(d.object)
}

// reading returns what the document says of its object.
func (d document) reading() staging.Reading {
	return staging.Reading{Ref: d.ref(), Object: d.object, Faults: d.faults()}
}

// unread reports whether the document's kind is not read.
func (d document) unread() bool { return d.flaws != nil && d.flaws.ofOther }

func (d document) origin() federation.Origin {
	if d.flaws != nil {
		return d.flaws.origin
	}
	return federation.MetaOf(d.object).Origin
}

func (d document) faults() []federation.Fault {
	if d.flaws == nil {
		return nil
	}
	return d.flaws.faults
}

func (d *flaws) fault(key, reason string) federation.Fault {
	return federation.Fault{File: d.origin.File, Line: d.origin.Line, Object: d.ref.String(), Key: key, Reason: brief.Text(reason)}
}

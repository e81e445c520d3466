package manifest

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/nearcast/nearcast/internal/base/index"
	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/federation/staging"
)

// merged combines the objects of all files into one listing. It refuses an object that an
// earlier file also contains: we cannot guess which one was meant.
type merged struct {
	// first has the document that counts of each object: that of the first file.
	first index.Index[federation.Ref, *document]
	// others has those of further files, one of each, in their order; few objects have any.
	others map[federation.Ref][]*document
	// faults are those of files, and of documents in them that do not count.
	faults map[string][]federation.Fault
	// general are faults that belong to no file that is read.
	general []federation.Fault
}

func newMerged(general []federation.Fault) merged {
	return merged{
		first:  index.New(func(d *document, ref federation.Ref) bool { return d.ref() == ref }),
		others: map[federation.Ref][]*document{}, faults: map[string][]federation.Fault{}, general: general,
	}
}

// counts reports whether the document is the one that counts of its object.
func (m *merged) counts(d *document) bool { return m.first.Get(d.ref()) == d }

// of returns the documents of an object in the order of their files, in a new slice.
func (m *merged) of(ref federation.Ref) []*document {
	first := m.first.Get(ref)
	if first == nil {
		return nil
	}
	return append([]*document{first}, m.others[ref]...)
}

// set makes these the documents of an object.
func (m *merged) set(ref federation.Ref, all []*document) {
	delete(m.others, ref)
	if len(all) == 0 {
		m.first.Delete(ref)
		return
	}
	m.first.Put(ref, all[0])
	if len(all) > 1 {
		m.others[ref] = all[1:]
	}
}

// remove removes the document of a file.
func (m *merged) remove(ref federation.Ref, path string) {
	m.set(ref, slices.DeleteFunc(m.of(ref), func(d *document) bool { return d.origin().File == path }))
}

// add adds a document, unless the object has one of the same file.
func (m *merged) add(d *document, order func(a, b string) int) {
	ref, path := d.ref(), d.origin().File
	all := m.of(ref)
	if all == nil {
		m.first.Put(ref, d)
		return
	}
	if slices.ContainsFunc(all, func(o *document) bool { return o.origin().File == path }) {
		return
	}
	all = append(all, d)
	slices.SortFunc(all, func(a, b *document) int { return order(a.origin().File, b.origin().File) })
	m.set(ref, all)
}

// all returns the faults that belong to no object.
func (m *merged) all() []federation.Fault {
	all := slices.Clone(m.general)
	for _, path := range slices.Sorted(maps.Keys(m.faults)) {
		all = append(all, m.faults[path]...)
	}
	return all
}

// merge adopts files that changed, and returns the objects that changed with them; was holds
// the files' previous entries. The first call adopts all files, and returns only faults.
func (d *Dir) merge(was map[string]entry) staging.Listing {
	if d.merged.others == nil {
		d.mergeAll()
		return staging.Listing{Faults: d.merged.all()}
	}
	refs, touched := map[federation.Ref]bool{}, map[string]bool{}
	for path, before := range was {
		touched[path] = true
		d.move(path, before.held, refs)
	}
	changed := staging.Listing{Readings: make([]staging.Reading, 0, len(refs))}
	for ref := range refs {
		documents := d.merged.of(ref)
		for _, document := range documents {
			touched[document.origin().File] = true
		}
		if len(documents) == 0 {
			changed.Readings = append(changed.Readings, staging.Reading{Ref: ref})
		} else {
			changed.Readings = append(changed.Readings, documents[0].reading())
		}
	}
	for path := range touched {
		d.judge(path)
	}
	changed.Faults = d.merged.all()
	return changed
}

// mergeAll adopts all files.
func (d *Dir) mergeAll() {
	d.merged = newMerged(d.merged.general)
	for path := range d.files {
		for document := range d.files[path].held.objects() {
			d.merged.add(document, d.order)
		}
	}
	for path := range d.files {
		d.judge(path)
	}
}

// move removes a file's previous objects and adds its current ones; it adds all of them
// to refs.
func (d *Dir) move(path string, before *file, refs map[federation.Ref]bool) {
	for document := range before.objects() {
		d.merged.remove(document.ref(), path)
		refs[document.ref()] = true
	}
	for document := range d.files[path].held.objects() {
		d.merged.add(document, d.order)
		refs[document.ref()] = true
	}
}

// objects yields the documents of kinds that are read; a nil file has none.
func (f *file) objects() iter.Seq[*document] {
	return func(yield func(*document) bool) {
		if f == nil {
			return
		}
		for i := range f.documents {
			if d := &f.documents[i]; !d.unread() && !yield(d) {
				return
			}
		}
	}
}

// order is the order in which files count: by the names of their directories and files,
// with files that cannot be read now last.
func (d *Dir) order(a, b string) int {
	if one, other := d.files[a].kept, d.files[b].kept; one != other {
		if other {
			return -1
		}
		return 1
	}
	return cmp.Or(slices.Compare(strings.Split(a, "/"), strings.Split(b, "/")), cmp.Compare(a, b))
}

// mostFaults bounds the faults reported for one file, apart from those of its objects.
const mostFaults = 20

// judge determines the faults of a file.
func (d *Dir) judge(path string) {
	e, there := d.files[path]
	if !there {
		delete(d.merged.faults, path)
		return
	}
	var faults []federation.Fault
	if e.fault != nil {
		faults = append(faults, *e.fault)
	}
	for i := range e.held.documents {
		faults = append(faults, d.besides(&e.held.documents[i], e.kept)...)
	}
	faults = append(faults, e.held.faults...)
	delete(d.merged.faults, path)
	if len(faults) > 0 {
		d.merged.faults[path] = bounded(path, faults, e.held.more)
	}
}

// bounded returns at most mostFaults of a file's faults, and the number of further ones,
// including refused ones that were not stored.
func bounded(path string, faults []federation.Fault, refused int) []federation.Fault {
	most := min(len(faults), mostFaults)
	said, rest := faults[:most:most], faults[most:]
	if len(rest)+refused == 0 {
		return faults
	}
	refuses := refused > 0 || slices.ContainsFunc(rest, func(f federation.Fault) bool { return !f.Warning })
	return append(said, federation.Fault{Warning: !refuses, File: path, Reason: fmt.Sprintf("and %d more of this file", len(rest)+refused)})
}

// besides returns the faults of a document that does not count.
func (d *Dir) besides(document *document, kept bool) []federation.Fault {
	if document.unread() {
		return document.faults()
	}
	if kept || d.merged.counts(document) {
		return nil
	}
	origin, before := document.origin(), d.merged.first.Get(document.ref()).origin()
	return []federation.Fault{{
		File: origin.File, Line: origin.Line, Object: document.ref().String(),
		Reason: fmt.Sprintf("is already declared at %s:%d; this one is ignored", before.File, before.Line),
	}}
}

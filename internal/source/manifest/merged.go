package manifest

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/federation/staging"
)

// merged combines the objects of all files into one listing. It refuses an object that an
// earlier file also contains: we cannot guess which one was meant.
type merged struct {
	// holders records where each object occurs; the first place counts.
	holders map[federation.Ref]holders
	// faults are those of files, and of documents in them that do not count.
	faults map[string][]federation.Fault
	// general are faults that belong to no file that is read.
	general []federation.Fault
}

// place is where an object occurs: a file, and the index among its documents.
type place struct {
	path     string
	document int
}

// holders are places in file order; most objects have one.
type holders struct {
	first place
	more  []place
}

// has reports whether the object at the place is the one that counts.
func (m *merged) has(ref federation.Ref, at place) bool { return m.holders[ref].first == at }

// all returns the faults that belong to no object.
func (m *merged) all() []federation.Fault {
	all := slices.Clone(m.general)
	for _, path := range slices.Sorted(maps.Keys(m.faults)) {
		all = append(all, m.faults[path]...)
	}
	return all
}

// document returns the document at the first of the places; the zero document if there is
// none.
func (d *Dir) document(places []place) document {
	if len(places) == 0 {
		return document{}
	}
	return d.files[places[0].path].held.documents[places[0].document]
}

// reading returns what counts of the object at these places; nothing if there are none.
func (d *Dir) reading(ref federation.Ref, places []place) staging.Reading {
	if len(places) == 0 {
		return staging.Reading{Ref: ref}
	}
	return d.document(places).reading()
}

// merge adopts files that changed, and returns the objects that changed with them; was holds
// the files' previous entries.
func (d *Dir) merge(was map[string]entry) staging.Listing {
	if d.merged.holders == nil {
		d.merged.holders, d.merged.faults = map[federation.Ref]holders{}, map[string][]federation.Fault{}
		was = map[string]entry{}
		for path := range d.files {
			was[path] = entry{}
		}
	}
	refs, touched := map[federation.Ref]bool{}, map[string]bool{}
	for path, before := range was {
		touched[path] = true
		d.move(path, before.held, refs)
	}
	changed := staging.Listing{}
	for ref := range refs {
		places := d.merged.holders[ref].places()
		for _, at := range places {
			touched[at.path] = true
		}
		changed.Readings = append(changed.Readings, d.reading(ref, places))
	}
	for path := range touched {
		d.judge(path)
	}
	changed.Faults = d.merged.all()
	return changed
}

// move removes a file's previous objects and adds its current ones; it adds all of them
// to refs.
func (d *Dir) move(path string, before *file, refs map[federation.Ref]bool) {
	for ref := range before.refs() {
		d.merged.remove(ref, path)
		refs[ref] = true
	}
	for ref, document := range d.files[path].held.refs() {
		refs[ref] = true
		d.merged.add(ref, place{path, document}, d.order)
	}
}

// refs returns the objects that a file contains, each with the index of its first
// document.
func (f *file) refs() map[federation.Ref]int {
	if f == nil {
		return nil
	}
	all := make(map[federation.Ref]int, len(f.documents))
	for i, document := range f.documents {
		if document.unread() {
			continue
		}
		if ref := document.ref(); !has(all, ref) {
			all[ref] = i
		}
	}
	return all
}

func has[K comparable, V any](m map[K]V, key K) bool {
	_, has := m[key]
	return has
}

func (m *merged) remove(ref federation.Ref, path string) {
	h := m.holders[ref]
	left := slices.DeleteFunc(h.places(), func(at place) bool { return at.path == path })
	m.set(ref, left)
}

func (m *merged) add(ref federation.Ref, at place, order func(a, b string) int) {
	all := append(m.holders[ref].places(), at)
	if len(all) > 1 {
		slices.SortFunc(all, func(a, b place) int { return order(a.path, b.path) })
	}
	m.set(ref, all)
}

func (m *merged) set(ref federation.Ref, places []place) {
	if len(places) == 0 {
		delete(m.holders, ref)
		return
	}
	m.holders[ref] = holders{places[0], places[1:len(places):len(places)]}
}

// places returns all of them, in a new slice.
func (h holders) places() []place {
	if h.first == (place{}) {
		return nil
	}
	return append([]place{h.first}, h.more...)
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
	for i, document := range e.held.documents {
		faults = append(faults, d.besides(document, place{path, i}, e.kept)...)
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
func (d *Dir) besides(document document, at place, kept bool) []federation.Fault {
	if document.unread() {
		return document.faults()
	}
	ref := document.ref()
	first := d.merged.holders[ref].first
	if first == at || kept {
		return nil
	}
	origin, before := document.origin(), d.document([]place{first}).origin()
	return []federation.Fault{{
		File: origin.File, Line: origin.Line, Object: ref.String(),
		Reason: fmt.Sprintf("is already declared at %s:%d; this one is ignored", before.File, before.Line),
	}}
}

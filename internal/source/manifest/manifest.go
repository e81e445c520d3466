// Package manifest reads a directory of Karmada and Kubernetes objects, as `kubectl get
// -o yaml` prints them, into a staging.Store, and follows changes. This source works
// without a Kubernetes API.
//
// A file that becomes unreadable keeps its last readable content, and so do the files of
// a directory that becomes unreadable; an object with a fault keeps its last good
// version. Each is reported with file, line and key. The cost of a change depends only on
// the files that changed. The package starts no goroutine of its own: Run blocks.
package manifest

import (
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/federation/staging"
)

// Dir is a directory of manifests, or a single file.
type Dir struct {
	path string

	mu sync.Mutex
	// there is what the last complete scan found.
	there *found
	// files holds what was read, by path.
	files  map[string]entry
	merged merged
}

// New returns a Dir for the directory or file at path, which need not exist yet.
func New(path string) *Dir {
	return &Dir{path: path, files: map[string]entry{}}
}

// Inherit gives d what before has read, for files that d cannot read and for unchanged
// ones.
func (d *Dir) Inherit(before *Dir) {
	before.mu.Lock()
	files := maps.Clone(before.files)
	before.mu.Unlock()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.files, d.merged = files, merged{}
}

// Load reads the directory and its subdirectories once. It returns an error only if the
// path cannot be listed; every other problem is a fault in the listing.
func (d *Dir) Load() (staging.Listing, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, err := d.lookAll(); err != nil {
		return staging.Listing{}, err
	}
	return d.listing(), nil
}

// listing returns everything that exists now.
func (d *Dir) listing() staging.Listing {
	listing := staging.Listing{Readings: make([]staging.Reading, 0, d.merged.first.Len()), Faults: d.merged.all()}
	for _, path := range slices.SortedFunc(maps.Keys(d.files), d.order) {
		documents := d.files[path].held.documents
		for i := range documents {
			if document := &documents[i]; d.merged.counts(document) {
				listing.Readings = append(listing.Readings, document.reading())
			}
		}
	}
	return listing
}

// Files returns the number of files found by the last complete scan.
func (d *Dir) Files() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.files)
}

// lookAll searches for files, reads the changed ones, and returns the resulting changes: if
// nothing was read before, only faults.
func (d *Dir) lookAll() (staging.Listing, error) {
	there, err := find(d.path)
	if err != nil {
		return staging.Listing{}, err
	}
	files := readAll(there.files, d.files)
	d.merged.general = there.faults
	for _, l := range there.lost {
		kept := d.below(l.path)
		if len(kept) > 0 || !l.perhaps {
			d.merged.general = append(d.merged.general, federation.Fault{File: l.path, Reason: l.reason})
		}
		for _, path := range kept {
			e := d.files[path]
			e.kept = true
			files[path] = e
		}
	}
	before := d.files
	there.files, there.visited = nil, nil // they are as large as the directory, and in files
	d.there, d.files = there, files
	return d.merge(difference(before, files)), nil
}

// below returns the files that were read below a directory.
func (d *Dir) below(folder string) []string {
	outside := func(path string) bool { return !strings.HasPrefix(path, folder+"/") }
	return slices.DeleteFunc(slices.Sorted(maps.Keys(d.files)), outside)
}

// difference returns the previous entries of the files that have changed.
func difference(before, now map[string]entry) map[string]entry {
	changed := map[string]entry{}
	for path, e := range now {
		if was := before[path]; !was.same(e) {
			changed[path] = was
		}
	}
	for path, was := range before {
		if _, there := now[path]; !there {
			changed[path] = was
		}
	}
	return changed
}

// Package manifest reads a folder of Karmada and Kubernetes objects, as
// `kubectl get -o yaml` prints them, into a federation.Store, and follows its
// changes. It is the source that needs no Kubernetes.
//
// A file that can no longer be read keeps what it held when it last could, and so do
// the files of a folder that can no longer be; an object with a fault keeps its last
// good version. Each is reported by file, line and key. What a change costs follows from
// the files that changed. The package starts no goroutine of its own: Run blocks.
package manifest

import (
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/nearcast/nearcast/internal/federation"
)

// Dir is a folder of manifests, or a single file.
type Dir struct {
	path string

	mu sync.Mutex
	// there is what was found when all was last looked at.
	there *found
	// files are what was read, by path.
	files  map[string]entry
	merged merged
}

// New returns the folder or file at path, which need not exist yet.
func New(path string) *Dir {
	return &Dir{path: path, files: map[string]entry{}}
}

// Inherit lets d know what before has read, for files that d cannot read and for those
// that are as they were.
func (d *Dir) Inherit(before *Dir) {
	before.mu.Lock()
	files := maps.Clone(before.files)
	before.mu.Unlock()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.files, d.merged = files, merged{}
}

// Load reads the folder and its sub-folders once. Only a path that cannot be
// listed is an error; everything else is a fault in the listing.
func (d *Dir) Load() (federation.Listing, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, err := d.lookAll(); err != nil {
		return federation.Listing{}, err
	}
	return d.listing(), nil
}

// listing is everything that is there.
func (d *Dir) listing() federation.Listing {
	listing := federation.NewListing()
	for _, path := range slices.SortedFunc(maps.Keys(d.files), d.order) {
		for i, document := range d.files[path].held.documents {
			if ref := document.ref(); d.merged.has(ref, place{path, i}) {
				listing.Add(ref, document.object, document.faults())
			}
		}
	}
	listing.Faults = d.merged.all()
	return listing
}

// Files returns how many files there were when the folder was last looked at.
func (d *Dir) Files() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.files)
}

// lookAll looks for files, reads those that are not as they were, and returns what came
// of it.
func (d *Dir) lookAll() (change, error) {
	there, err := find(d.path)
	if err != nil {
		return change{}, err
	}
	files := make(map[string]entry, len(there.files))
	for _, path := range there.files {
		files[path] = read(path, d.files[path])
	}
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
	d.there, d.files = there, files
	return d.merge(difference(before, files)), nil
}

// below returns the files that were read below a folder.
func (d *Dir) below(folder string) []string {
	outside := func(path string) bool { return !strings.HasPrefix(path, folder+"/") }
	return slices.DeleteFunc(slices.Sorted(maps.Keys(d.files)), outside)
}

// difference returns what the files were before that are now another.
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

// Package manifest reads a folder of Karmada and Kubernetes objects, as
// `kubectl get -o yaml` prints them, into a federation.Store, and follows its
// changes. It is the source that needs no Kubernetes.
//
// A file that can no longer be read keeps what it held when it last could, and so do
// the files of a folder that can no longer be; an object with a fault keeps its last
// good version. Each is reported by file, line and key. The package starts no goroutine
// of its own: Run blocks.
package manifest

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/nearcast/nearcast/internal/federation"
)

// maxFileSize bounds one file, in bytes: the API server's own limit for an
// object is 3 MiB, and a List holds thousands.
const maxFileSize = 256 << 20

// Dir is a folder of manifests, or a single file.
type Dir struct {
	path string

	mu sync.Mutex
	// good is what each file held when it could last be read.
	good map[string]file
}

// New returns the folder or file at path, which need not exist yet.
func New(path string) *Dir {
	return &Dir{path: path, good: map[string]file{}}
}

// Inherit lets d know what before has read, for files that d cannot read and for those
// that are as they were.
func (d *Dir) Inherit(before *Dir) {
	before.mu.Lock()
	good := maps.Clone(before.good)
	before.mu.Unlock()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.good = good
}

// Load reads the folder and its sub-folders once. Only a path that cannot be
// listed is an error; everything else is a fault in the listing.
func (d *Dir) Load() (federation.Listing, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	there, err := find(d.path)
	if err != nil {
		return federation.Listing{}, err
	}
	listing := federation.NewListing()
	listing.Faults = append(listing.Faults, there.faults...)
	good := make(map[string]file, len(there.files))
	seen := map[federation.Ref]federation.Origin{}
	for _, path := range there.files {
		f, fault := d.read(path)
		if fault != nil {
			listing.Faults = append(listing.Faults, *fault)
		}
		good[path] = f
		f.addTo(&listing, seen)
	}
	for _, l := range there.lost {
		kept := d.below(l.path)
		if len(kept) > 0 || !l.perhaps {
			listing.Faults = append(listing.Faults, federation.Fault{File: l.path, Reason: l.reason})
		}
		for _, path := range kept {
			good[path] = d.good[path]
			good[path].without(seen).addTo(&listing, seen)
		}
	}
	d.good = good
	return listing, nil
}

// below returns the files that were read below a folder.
func (d *Dir) below(folder string) []string {
	outside := func(path string) bool { return !strings.HasPrefix(path, folder+"/") }
	return slices.DeleteFunc(slices.Sorted(maps.Keys(d.good)), outside)
}

// Files returns how many files there were when the folder was last loaded.
func (d *Dir) Files() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.good)
}

// read reads one file; one that is as it was is not parsed again. With the fault of one
// that cannot be read comes what it held when it could be.
func (d *Dir) read(path string) (file, *federation.Fault) {
	before := d.good[path]
	data, err := content(path)
	if err != nil {
		return before, &federation.Fault{File: path, Reason: unreadable(path, err)}
	}
	sum := sha256.Sum256(data)
	if before.sum == sum {
		return before, before.broken
	}
	f, fault := parse(path, data)
	switch {
	case fault != nil:
		f = before
	case len(f.faults) > 0:
		f = f.keep(before)
	}
	f.sum, f.broken = sum, fault
	return f, fault
}

// content returns what is in the file.
func content(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular(): // reading a pipe would wait for its writer
		return nil, errors.New("is not a regular file; save its content in one")
	case info.Size() > maxFileSize:
		return nil, fmt.Errorf("is %d bytes; the most is %d", info.Size(), maxFileSize)
	}
	return os.ReadFile(path)
}

// keep returns f with the documents of before that f lacks: one of f's could not
// be told what it is, and may have been any of them.
func (f file) keep(before file) file {
	has := make(map[federation.Ref]bool, len(f.documents))
	for _, d := range f.documents {
		has[d.ref()] = true
	}
	for _, d := range before.documents {
		if ref := d.ref(); !has[ref] {
			has[ref] = true
			f.documents = append(f.documents, d)
		}
	}
	return f
}

// without returns f without the objects that other files hold.
func (f file) without(seen map[federation.Ref]federation.Origin) file {
	f.documents = slices.DeleteFunc(slices.Clone(f.documents), func(d document) bool {
		_, held := seen[d.ref()]
		return held
	})
	return f
}

// addTo adds the file's objects to the listing. An object that an earlier file
// holds too is refused here: which of the two was meant is not for us to guess.
func (f file) addTo(listing *federation.Listing, seen map[federation.Ref]federation.Origin) {
	for _, d := range f.documents {
		if d.flaws != nil && d.flaws.unread {
			listing.Faults = append(listing.Faults, d.flaws.faults...)
			continue
		}
		ref, origin := d.ref(), d.origin()
		if first, twice := seen[ref]; twice {
			listing.Faults = append(listing.Faults, federation.Fault{
				File: origin.File, Line: origin.Line, Object: ref.String(),
				Reason: fmt.Sprintf("is already declared at %s:%d; this one is ignored", first.File, first.Line),
			})
			continue
		}
		seen[ref] = origin
		listing.Add(ref, d.object, d.faults())
	}
	listing.Faults = append(listing.Faults, f.faults...)
}

// Package manifest reads a folder of Karmada and Kubernetes objects, as
// `kubectl get -o yaml` prints them, into a federation.Store, and follows its
// changes. It is the source that needs no Kubernetes.
//
// A file that can no longer be read keeps what it held when it last could; an
// object with a fault keeps its last good version. Either is reported by file,
// line and key. The package starts no goroutine of its own: Run blocks.
package manifest

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/nearcast/nearcast/internal/federation"
)

// extensions are the files that are read; editors' back-ups and hidden files are not.
var extensions = []string{".yaml", ".yml", ".json"}

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

// Load reads the folder and its sub-folders once. Only a folder that cannot be
// listed is an error; everything else is a fault in the listing.
func (d *Dir) Load() (federation.Listing, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	listing := federation.NewListing()
	var paths []string
	err := d.walk(func(path string, entry fs.DirEntry) {
		if !entry.IsDir() && slices.Contains(extensions, filepath.Ext(path)) {
			paths = append(paths, path)
		}
	}, func(path string, err error) {
		listing.Faults = append(listing.Faults, federation.Fault{File: path, Reason: err.Error()})
	})
	if err != nil {
		return federation.Listing{}, err
	}
	good := make(map[string]file, len(paths))
	seen := map[federation.Ref]federation.Origin{}
	for _, path := range paths {
		f, fault := d.read(path)
		if fault != nil {
			listing.Faults = append(listing.Faults, *fault)
		}
		good[path] = f
		f.addTo(&listing, seen)
	}
	d.good = good
	return listing, nil
}

// walk visits the folder, its files and its sub-folders, but hidden ones. A
// folder that is a link is followed. A sub-folder that may not be read is left
// out and told to refused.
func (d *Dir) walk(visit func(string, fs.DirEntry), refused func(string, error)) error {
	root := d.path
	if info, err := os.Stat(root); err == nil && info.IsDir() {
		root += string(filepath.Separator) // a link is followed only so
	}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case path != root && errors.Is(err, fs.ErrNotExist):
			return nil // removed while the folder was walked
		case path != root && errors.Is(err, fs.ErrPermission):
			refused(path, err)
			return fs.SkipDir
		case err != nil:
			return err
		case path != root && strings.HasPrefix(entry.Name(), "."):
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		visit(path, entry)
		return nil
	})
	if err != nil {
		return fmt.Errorf("manifests: %w", err)
	}
	return nil
}

// read reads one file; one that is as it was is not parsed again. With the fault of one
// that cannot be read comes what it held when it could be.
func (d *Dir) read(path string) (file, *federation.Fault) {
	before := d.good[path]
	info, err := os.Stat(path)
	if err == nil && info.Size() > maxFileSize {
		err = fmt.Errorf("is %d bytes; the most is %d", info.Size(), maxFileSize)
	}
	var data []byte
	if err == nil {
		data, err = os.ReadFile(path)
	}
	if err != nil {
		return before, &federation.Fault{File: path, Reason: err.Error()}
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

// addTo adds the file's objects to the listing. An object that an earlier file
// holds too is refused here: which of the two was meant is not for us to guess.
func (f file) addTo(listing *federation.Listing, seen map[federation.Ref]federation.Origin) {
	for _, d := range f.documents {
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

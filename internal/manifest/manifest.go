// Package manifest reads a folder of Karmada and Kubernetes objects, as
// `kubectl get -o yaml` prints them, into a federation.Store, and follows its
// changes. It is the source that needs no Kubernetes.
//
// A file that can no longer be read keeps what it held when it last could; an
// object with a fault keeps its last good version. Either is reported by file,
// line and key. The package starts no goroutine of its own: Run blocks.
package manifest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nearcast/nearcast/internal/federation"
)

// extensions are the files that are read; editors' back-ups and hidden files are not.
var extensions = []string{".yaml", ".yml", ".json"}

// maxFileSize bounds one file, in bytes: the API server's own limit for an
// object is 3 MiB, and a List holds thousands.
const maxFileSize = 256 << 20

// Dir is a folder of manifests.
type Dir struct {
	path string
	// good is what each file held when it could last be read.
	good map[string]file
}

// New returns the folder at path, which need not exist yet.
func New(path string) *Dir {
	return &Dir{path: path, good: map[string]file{}}
}

// Path returns the folder.
func (d *Dir) Path() string { return d.path }

// Load reads the folder and its sub-folders once. Only a folder that cannot be
// listed is an error; everything else is a fault in the listing.
func (d *Dir) Load() (federation.Listing, error) {
	paths, err := d.files()
	if err != nil {
		return federation.Listing{}, err
	}
	listing := federation.Listing{Refused: map[federation.Ref][]federation.Fault{}}
	good := make(map[string]file, len(paths))
	seen := map[federation.Ref]federation.Origin{}
	for _, path := range paths {
		f, fault := d.read(path)
		if fault != nil {
			listing.Faults = append(listing.Faults, *fault)
			var before bool
			if f, before = d.good[path]; !before {
				continue
			}
		}
		good[path] = f
		f.addTo(&listing, seen)
	}
	d.good = good
	return listing, nil
}

func (d *Dir) files() ([]string, error) {
	var paths []string
	err := filepath.WalkDir(d.path, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist) && path != d.path:
			return nil // removed while the folder was walked
		case err != nil:
			return err
		case entry.IsDir() && path != d.path && strings.HasPrefix(entry.Name(), "."):
			return filepath.SkipDir
		case entry.IsDir() || strings.HasPrefix(entry.Name(), "."):
			return nil
		case slices.Contains(extensions, filepath.Ext(entry.Name())):
			paths = append(paths, path)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("manifests: %w", err)
	}
	return paths, nil
}

func (d *Dir) read(path string) (file, *federation.Fault) {
	info, err := os.Stat(path)
	if err == nil && info.Size() > maxFileSize {
		err = fmt.Errorf("is %d bytes; the most is %d", info.Size(), maxFileSize)
	}
	var data []byte
	if err == nil {
		data, err = os.ReadFile(path)
	}
	if err != nil {
		return file{}, &federation.Fault{File: path, Reason: err.Error()}
	}
	return parse(path, data)
}

// addTo adds the file's objects to the listing. An object that an earlier file
// holds too is refused here: which of the two was meant is not for us to guess.
func (f file) addTo(listing *federation.Listing, seen map[federation.Ref]federation.Origin) {
	for _, d := range f.documents {
		if first, twice := seen[d.ref]; twice {
			listing.Faults = append(listing.Faults, federation.Fault{
				File: d.origin.File, Line: d.origin.Line, Object: d.ref.String(),
				Reason: fmt.Sprintf("is already declared at %s:%d; this one is ignored", first.File, first.Line),
			})
			continue
		}
		seen[d.ref] = d.origin
		switch {
		case len(d.faults) > 0:
			listing.Refused[d.ref] = d.faults
		case d.object != nil:
			listing.Objects = append(listing.Objects, d.object)
		}
	}
	listing.Faults = append(listing.Faults, f.faults...)
}

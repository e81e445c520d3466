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
	"github.com/nearcast/nearcast/internal/regular"
)

// extensions are the files of a folder that are read, in any case; editors' back-ups
// and hidden files are not.
var extensions = []string{".yaml", ".yml", ".json", ".ndjson", ".jsonl"}

// kustomizations are the names under which kustomize looks for its own file.
var kustomizations = []string{"kustomization.yaml", "kustomization.yml", "Kustomization"}

// found is what there is to read below a folder.
type found struct {
	files []string
	// watched are the folders in which files may appear, and the links that may lead
	// elsewhere.
	watched []string
	faults  []federation.Fault
	lost    []lost
	// root is where the folder is, without links on the way.
	root string
	// folders are the paths of the folders, by where they are, and linked is set where a
	// link was found: one file may then change with another.
	folders map[string]string
	linked  bool
	// visited are the files and folders that were found, without links on the way: each
	// is read once, however many links lead to it, and a link to a folder above ends
	// there.
	visited map[string]bool
	// outside is how many more folders are looked into behind a link that leads out of the
	// folder; nil where none was followed.
	outside *int
}

// maxOutside bounds the folders behind a link that leads out of the folder: it may lead to
// a whole disk, or to /proc.
const maxOutside = 10000

// lost is a folder that cannot be read now, or a link that leads nowhere.
type lost struct {
	path, reason string
	// perhaps is set for a link by whose name it leads to nothing that is read, which is
	// a fault only if there was something.
	perhaps bool
}

// find looks for files in the folder and its sub-folders, but hidden ones. Links are
// followed, as kubelet and git-sync lay out folders with them. A path that is a file is
// found whatever its name.
func find(path string) (*found, error) {
	f := &found{visited: map[string]bool{}, folders: map[string]string{}, watched: []string{path}}
	actual, err := filepath.Abs(path)
	if err == nil {
		actual, err = filepath.EvalSymlinks(actual)
	}
	var info fs.FileInfo
	if err == nil {
		info, err = os.Stat(actual)
	}
	switch {
	case err != nil:
	case info.IsDir():
		f.root = actual
		err = f.folder(path, actual)
	default:
		f.file(path)
	}
	if err != nil {
		return nil, fmt.Errorf("manifests: %w", err)
	}
	return f, nil
}

// folder looks into the folder at path; actual is where it is.
func (f *found) folder(path, actual string) error {
	f.visited[actual] = true
	if f.outside != nil {
		if *f.outside--; *f.outside == -1 {
			f.refuse(path, fmt.Sprintf("a link leads to more than %d folders, of which this one and those after it are not read", maxOutside))
		}
		if *f.outside < 0 {
			return nil
		}
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return err
	}
	f.folders[actual] = path
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), ".") {
			continue
		}
		f.entry(filepath.Join(path, entry.Name()), filepath.Join(actual, entry.Name()), entry)
	}
	return nil
}

// entry looks at what a folder has under a name.
func (f *found) entry(path, actual string, entry fs.DirEntry) {
	isFolder, isLink := entry.IsDir(), entry.Type()&fs.ModeSymlink != 0
	if isLink {
		f.linked = true
		info, err := os.Stat(path)
		if err == nil {
			actual, err = filepath.EvalSymlinks(actual)
		}
		if err != nil {
			f.astray(path, err)
			return
		}
		isFolder = info.IsDir()
	}
	switch {
	case !isFolder && !concerns(path):
		return
	case f.visited[actual]:
	case isLink && holds(actual, f.root):
		f.warn(path, "is a symbolic link to "+actual+", which holds the folder of manifests itself: it is not followed")
		return
	case !isFolder:
		f.visited[actual] = true
		f.file(path)
	default:
		err := f.within(path, actual)
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // or it was just removed
			f.lost = append(f.lost, lost{path: path, reason: unreadable(path, err)})
		}
		if err != nil {
			return // it could not be watched either
		}
	}
	if isFolder || isLink {
		f.watched = append(f.watched, path)
	}
}

// within looks into a folder below another, and bounds what it looks into where a link led
// out.
func (f *found) within(path, actual string) error {
	if f.outside == nil && actual != f.root && !holds(f.root, actual) {
		left := maxOutside
		f.outside = &left
		defer func() { f.outside = nil }()
	}
	return f.folder(path, actual)
}

// holds reports whether a folder is above another; both have no links on the way.
func holds(folder, other string) bool {
	return folder != other && strings.HasPrefix(other, strings.TrimSuffix(folder, "/")+"/")
}

// astray is of a link that leads nowhere. One with a manifest's name is a file's.
func (f *found) astray(path string, err error) {
	if named(path) {
		f.files = append(f.files, path)
		return
	}
	f.lost = append(f.lost, lost{path, unreadable(path, err), filepath.Ext(path) != ""})
}

// unreadable says why a path cannot be read, without naming it again.
func unreadable(path string, err error) string {
	target, notLink := os.Readlink(path)
	var failed *fs.PathError
	switch {
	case notLink == nil && errors.Is(err, fs.ErrNotExist):
		return "is a symbolic link to " + target + ", which does not exist"
	case errors.As(err, &failed) && (errors.Is(err, regular.ErrNot) || errors.Is(err, regular.ErrLarge)):
		return failed.Err.Error()
	case errors.As(err, &failed):
		return "cannot be read: " + failed.Err.Error()
	}
	return err.Error()
}

// file adds a file that is read, and refuses one that should not be there.
func (f *found) file(path string) {
	format, compressed := Compressed(path, nil)
	switch {
	case slices.Contains(kustomizations, filepath.Base(path)):
		f.warn(path, "is read by kustomize, not here: `kustomize build` it, and use what that prints")
	case compressed:
		f.refuse(path, Decompress(format))
	default:
		f.files = append(f.files, path)
	}
}

func (f *found) refuse(path, reason string) {
	f.faults = append(f.faults, federation.Fault{File: path, Reason: reason})
}

func (f *found) warn(path, reason string) {
	f.faults = append(f.faults, federation.Fault{Warning: true, File: path, Reason: reason})
}

// concerns reports whether something is to be said of a file of a folder.
func concerns(path string) bool {
	_, compressed := Compressed(path, nil)
	return named(path) || compressed || slices.Contains(kustomizations, filepath.Base(path))
}

// named reports whether a file of a folder has the name of one that is read.
func named(path string) bool {
	return slices.Contains(extensions, strings.ToLower(filepath.Ext(path)))
}

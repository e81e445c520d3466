package manifest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nearcast/nearcast/internal/base/regular"
	"github.com/nearcast/nearcast/internal/federation"
)

// extensions are those of the files that are read in a directory, in any case; editors'
// backups and hidden files are not read.
var extensions = []string{".yaml", ".yml", ".json", ".ndjson", ".jsonl"}

// kustomizations are the names of kustomize's own file.
var kustomizations = []string{"kustomization.yaml", "kustomization.yml", "Kustomization"}

// found is the result of searching a directory.
type found struct {
	files []string
	// watched are the directories in which files may appear, and the links whose target
	// may change.
	watched []string
	faults  []federation.Fault
	lost    []lost
	// root is the path of the directory without symbolic links.
	root string
	// folders are the paths of the directories, by their real location; linked is set if
	// a symbolic link was found: a change of one file may then affect another.
	folders map[string]string
	linked  bool
	// visited holds the files and directories found, by their path without symbolic
	// links: each is read once, however many links lead to it, and a link to a parent
	// directory ends there.
	visited map[string]bool
	// outside is how many more directories may be searched behind a link that leads out of
	// the directory; nil outside of these links.
	outside *int
}

// maxOutside bounds the directories searched behind a link that leads out of the
// directory: it may lead to a whole disk, or to /proc.
const maxOutside = 10000

// lost is a directory that cannot be read now, or a link that leads nowhere.
type lost struct {
	path, reason string
	// perhaps is set for a link whose name suggests that nothing behind it is
	// read; it is a fault only if something was read there before.
	perhaps bool
}

// find searches the directory and its subdirectories, except hidden ones, for files. It
// follows symbolic links, because kubelet and git-sync build directories with them. If
// the path is a file, find returns it whatever its name.
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

// folder searches the directory at path; actual is its real location.
func (f *found) folder(path, actual string) error {
	f.visited[actual] = true
	if f.outside != nil {
		if *f.outside--; *f.outside == -1 {
			f.refuse(path, fmt.Sprintf("a link leads to more than %d directories; this one and those after it are not read", maxOutside))
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

// entry handles one directory entry.
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
		f.warn(path, "is a symbolic link to "+actual+", which contains the directory of manifests itself: it is not followed")
		return
	case !isFolder:
		f.visited[actual] = true
		f.file(path)
	default:
		err := f.within(path, actual)
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // unless it was just removed
			f.lost = append(f.lost, lost{path: path, reason: unreadable(path, err)})
		}
		if err != nil {
			return // it cannot be watched either
		}
	}
	if isFolder || isLink {
		f.watched = append(f.watched, path)
	}
}

// within searches a directory below another, and limits the search behind a link that
// leads out.
func (f *found) within(path, actual string) error {
	if f.outside == nil && actual != f.root && !holds(f.root, actual) {
		left := maxOutside
		f.outside = &left
		defer func() { f.outside = nil }()
	}
	return f.folder(path, actual)
}

// holds reports whether a directory is above another; both paths must be free of symbolic
// links.
func holds(folder, other string) bool {
	return folder != other && strings.HasPrefix(other, strings.TrimSuffix(folder, "/")+"/")
}

// astray handles a link that leads nowhere. If it has a manifest's name, it is treated as
// a file.
func (f *found) astray(path string, err error) {
	if named(path) {
		f.files = append(f.files, path)
		return
	}
	f.lost = append(f.lost, lost{path, unreadable(path, err), filepath.Ext(path) != ""})
}

// unreadable says why a path cannot be read, without repeating the path.
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

// file adds a file to be read, and refuses one that does not belong there.
func (f *found) file(path string) {
	format, compressed := Compressed(path, nil)
	switch {
	case slices.Contains(kustomizations, filepath.Base(path)):
		f.warn(path, "is a file of kustomize: run `kustomize build`, and use its output")
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

// concerns reports whether a file in a directory is read or reported.
func concerns(path string) bool {
	_, compressed := Compressed(path, nil)
	return named(path) || compressed || slices.Contains(kustomizations, filepath.Base(path))
}

// named reports whether a file in a directory has the name of one that is read.
func named(path string) bool {
	return slices.Contains(extensions, strings.ToLower(filepath.Ext(path)))
}

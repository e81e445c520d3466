package manifest

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nearcast/nearcast/internal/federation/staging"
)

// lookAt looks only at the given paths, whose directory names contain no symbolic links.
// It returns false if more must be looked at: if links or directories came or went, and
// with them what they lead to.
func (d *Dir) lookAt(actual []string) (staging.Listing, bool) {
	if d.there == nil {
		return staging.Listing{}, false
	}
	paths := make([]string, 0, len(actual))
	for _, at := range actual {
		path, alone := d.alone(at)
		if !alone {
			return staging.Listing{}, false
		}
		if path != "" {
			paths = append(paths, path)
		}
	}
	gone := func(path string) bool {
		_, err := os.Lstat(path)
		return err != nil
	}
	read := readAll(slices.DeleteFunc(slices.Clone(paths), gone), d.files)
	was := map[string]entry{}
	for _, path := range paths {
		before, now := d.files[path], read[path]
		if now.held == nil {
			delete(d.files, path)
		} else {
			d.files[path] = now
		}
		if !before.same(now) {
			was[path] = before
		}
	}
	return d.merge(was), true
}

// alone reports whether a change at a place concerns at most one file, and returns the
// path of that file, or "".
func (d *Dir) alone(actual string) (path string, alone bool) {
	folder, known := d.there.folders[filepath.Dir(actual)]
	if _, isFolder := d.there.folders[actual]; !known || isFolder {
		return "", false
	}
	path = filepath.Join(folder, filepath.Base(actual))
	_, held := d.files[path]
	info, err := os.Lstat(actual)
	switch {
	case err == nil && !info.Mode().IsRegular(), err != nil && !errors.Is(err, fs.ErrNotExist):
		return "", false
	case d.there.linked && (err != nil || !held): // a link may lead to a file that came or went
		return "", false
	case strings.HasPrefix(filepath.Base(actual), "."), !concerns(path):
		return "", true
	}
	_, compressed := Compressed(path, nil)
	return path, !compressed && !slices.Contains(kustomizations, filepath.Base(path))
}

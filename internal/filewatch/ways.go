package filewatch

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// maxLinks is how many links the kernel follows on one way.
const maxLinks = 40

// ways returns the folders in which it may change what a path leads to: those that hold
// a link on the way, and at the end the folder itself or that of the file. None of them
// has a link in its own name. A folder with a link that may not be watched is left out.
func ways(path string) ([]string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	var folders []string
	at, rest, links := "/", path, 0
	for rest != "" {
		var name string
		name, rest, _ = strings.Cut(strings.TrimLeft(rest, "/"), "/")
		next := filepath.Join(at, name)
		info, err := os.Lstat(next)
		switch {
		case err != nil:
			return nil, err
		case info.Mode()&os.ModeSymlink == 0:
			at = next
			continue
		}
		if links++; links > maxLinks {
			return nil, fmt.Errorf("%s: too many levels of symbolic links", path)
		}
		target, err := os.Readlink(next)
		if err != nil {
			return nil, err
		}
		if mayWatch(at) && !slices.Contains(folders, at) {
			folders = append(folders, at)
		}
		if filepath.IsAbs(target) {
			at = "/"
		}
		rest = target + "/" + rest
	}
	if info, err := os.Stat(at); err != nil {
		return nil, err
	} else if !info.IsDir() {
		at = filepath.Dir(at)
	}
	return append(folders, at), nil
}

// Check returns why a path could not be watched, or nil.
func Check(path string) error {
	folders, err := ways(path)
	for _, folder := range folders {
		f, failed := os.Open(folder)
		if failed == nil {
			f.Close()
		}
		err = errors.Join(err, failed)
	}
	return err
}

// mayWatch reports whether the folder may be read, which a watch needs.
func mayWatch(folder string) bool {
	f, err := os.Open(folder)
	if err != nil {
		return false
	}
	f.Close()
	return true
}

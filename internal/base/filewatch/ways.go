package filewatch

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// maxLinks is how many symbolic links the kernel follows in one path.
const maxLinks = 40

// ways returns the directories in which a change can alter what a path leads to: those
// that contain a symbolic link on the way, and finally the directory itself or that of
// the file. Their names contain no symbolic links. Directories with a link that may not
// be watched are left out.
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

// Check returns an error if a path cannot be watched.
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

// mayWatch reports whether the directory is readable, which a watch requires.
func mayWatch(folder string) bool {
	f, err := os.Open(folder)
	if err != nil {
		return false
	}
	f.Close()
	return true
}

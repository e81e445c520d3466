package manifest

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/watch"
)

// Run stages the folder in store and follows its changes until ctx ends. It
// returns an error if the folder cannot be watched at the start; later failures
// go to onError, and the store keeps what it held.
func (d *Dir) Run(ctx context.Context, store *federation.Store, onError func(error)) error {
	return watch.Folders(ctx, d.folders, func() {
		listing, err := d.Load()
		if err != nil {
			onError(err)
			return
		}
		store.Replace(listing)
		store.Confirm(time.Now())
	}, onError)
}

// folders returns the folder and its sub-folders; where the folder is a link, as
// git-sync makes it, also the folder in which the link is changed.
func (d *Dir) folders() ([]string, error) {
	var folders []string
	if info, err := os.Lstat(d.path); err == nil && info.Mode()&fs.ModeSymlink != 0 {
		folders = append(folders, filepath.Dir(d.path))
	}
	err := d.walk(func(path string, entry fs.DirEntry) {
		if entry.IsDir() {
			folders = append(folders, path)
		}
	}, func(string, error) {}) // Load reports it
	return folders, err
}

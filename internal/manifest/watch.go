package manifest

import (
	"context"
	"fmt"
	"io/fs"
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

// folders returns the folder and its sub-folders.
func (d *Dir) folders() ([]string, error) {
	var folders []string
	err := filepath.WalkDir(d.path, func(path string, entry fs.DirEntry, err error) error {
		if err != nil && path != d.path {
			return nil // removed meanwhile: its parent's event comes
		}
		if err == nil && entry.IsDir() {
			folders = append(folders, path)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("manifests: %w", err)
	}
	return folders, nil
}

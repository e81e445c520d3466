package manifest

import (
	"context"
	"time"

	"github.com/nearcast/nearcast/internal/base/filewatch"
	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/federation/staging"
)

// Run stages the directory in store and follows its changes until ctx ends. It returns an
// error if the directory cannot be watched at the start; later failures go to onError,
// and the store keeps its contents.
func (d *Dir) Run(ctx context.Context, store *staging.Store, onError func(error)) error {
	staged := false
	some := func(paths []string) bool {
		if !staged {
			return false
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		changed, whole := d.lookAt(paths)
		if whole {
			amend(store, changed)
		}
		return whole
	}
	return filewatch.Paths(ctx, d.watched, some, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		changed, err := d.lookAll()
		switch {
		case err != nil:
			onError(err)
			return
		case staged:
			amend(store, changed)
			return
		}
		staged = true
		store.Replace(d.listing())
		store.Confirm(time.Now())
	}, onError)
}

func amend(store *staging.Store, changed staging.Listing) {
	store.Amend(changed)
	store.Confirm(time.Now())
}

// watched returns the paths whose changes may affect which files there are.
func (d *Dir) watched() ([]string, error) {
	there, err := find(d.path)
	if err != nil {
		return nil, err
	}
	return there.watched, nil
}

// Unwatched returns a warning for each path whose changes are noticed late.
func (d *Dir) Unwatched() (warnings []federation.Fault) {
	paths, err := d.watched()
	if err != nil {
		return nil // Load reports this
	}
	for _, path := range paths {
		if err := filewatch.Check(path); err != nil {
			warnings = append(warnings, federation.Fault{
				Warning: true, File: path, Reason: "cannot be watched, so changes take effect only within 30 seconds: " + err.Error(),
			})
		}
	}
	return warnings
}

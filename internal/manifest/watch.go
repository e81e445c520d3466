package manifest

import (
	"context"
	"time"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/watch"
)

// Run stages the folder in store and follows its changes until ctx ends. It
// returns an error if the folder cannot be watched at the start; later failures
// go to onError, and the store keeps what it held.
func (d *Dir) Run(ctx context.Context, store *federation.Store, onError func(error)) error {
	return watch.Folders(ctx, d.watched, func() {
		listing, err := d.Load()
		if err != nil {
			onError(err)
			return
		}
		store.Replace(listing)
		store.Confirm(time.Now())
	}, onError)
}

// watched returns what may change what there is to read.
func (d *Dir) watched() ([]string, error) {
	there, err := find(d.path)
	if err != nil {
		return nil, err
	}
	return there.watched, nil
}

// Unwatched returns a warning for each path whose changes are seen late.
func (d *Dir) Unwatched() (warnings []federation.Fault) {
	paths, err := d.watched()
	if err != nil {
		return nil // Load says so
	}
	for _, path := range paths {
		if err := watch.Check(path); err != nil {
			warnings = append(warnings, federation.Fault{
				Warning: true, File: path, Reason: "cannot be watched, so that its changes are seen within 30 seconds: " + err.Error(),
			})
		}
	}
	return warnings
}

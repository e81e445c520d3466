package rpz

import (
	"context"
	"path/filepath"

	"github.com/nearcast/nearcast/internal/policyzone"
	"github.com/nearcast/nearcast/internal/regular"
	"github.com/nearcast/nearcast/internal/watch"
)

// file is a zone that is read from a file.
type file struct {
	*source
	path string
	// last is what the file was when it was last read, and missing is set while it is not
	// there.
	last    regular.Identity
	missing bool
}

// load reads the file.
func (f *file) load() error {
	f.last, _ = regular.Identify(f.path)
	z, _, err := policyzone.ReadFile(f.path, f.origin.zone)
	if err != nil {
		loads.WithLabelValues(f.origin.zone, "refused").Inc()
		return err
	}
	loads.WithLabelValues(f.origin.zone, "loaded").Inc()
	f.publish(z)
	return nil
}

// watch reads the file again when it changes, until ctx ends. A file that is not
// good is named, and what was read before it stays.
func (f *file) watch(ctx context.Context) {
	warn := func(err error) { log.Warningf("zone %s: %v; the last good generation stays", f.origin.zone, err) }
	folder := func() ([]string, error) { return []string{filepath.Dir(f.path)}, nil }
	if err := watch.Folders(ctx, folder, func() { f.reload(warn) }, warn); err != nil {
		warn(err)
	}
}

// reload reads the file if it is another than the one that was read last.
func (f *file) reload(warn func(error)) {
	now, there := regular.Identify(f.path)
	if there && now == f.last || !there && f.missing {
		return
	}
	f.missing = !there
	if err := f.load(); err != nil {
		warn(err)
	}
}

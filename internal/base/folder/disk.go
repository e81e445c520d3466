package folder

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
)

// Disk reports once that something cannot be stored, and once that it can be again,
// however often that is tried. The zero value does not report a first success. It may be
// used from any goroutine.
type Disk struct {
	mu      sync.Mutex
	failing error
}

// Tried records the result of an attempt and returns what to log: an error unless the
// previous attempt failed for the same reason, or recovered if it succeeded after a
// failure.
func (d *Disk) Tried(err error) (failed error, recovered bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	before := d.failing
	d.failing = err
	switch {
	case err == nil:
		return nil, before != nil
	case before == nil || reason(before).Error() != reason(err).Error():
		return fmt.Errorf("%w; free space on the disk or repair it: the write will be retried", err), false
	}
	return nil, false
}

// Failing returns the error of the last attempt; nil if it succeeded.
func (d *Disk) Failing() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.failing
}

// reason returns the system's own error without the file name, which may belong to one
// attempt only.
func reason(err error) error {
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		return path.Err
	}
	if link, ok := errors.AsType[*os.LinkError](err); ok {
		return link.Err
	}
	return err
}

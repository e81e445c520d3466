package folder

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
)

// Disk says once that something cannot be kept, and once that it is again, however often
// that is tried. Its zero value says nothing of a first success. It may be used by any
// goroutine.
type Disk struct {
	mu      sync.Mutex
	failing error
}

// Tried notes what a try came to. It returns what is to be logged of that: an error where
// one now fails that did not before, or recovered where it no longer does.
func (d *Disk) Tried(err error) (failed error, recovered bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	before := d.failing
	d.failing = err
	switch {
	case err == nil:
		return nil, before != nil
	case before == nil || reason(before).Error() != reason(err).Error():
		return fmt.Errorf("%w; free or mend its disk: it is tried again", err), false
	}
	return nil, false
}

// Failing returns what the last try failed with, nil if it did not.
func (d *Disk) Failing() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.failing
}

// reason returns the system's own word, without the name of the file, which may be of one
// try alone.
func reason(err error) error {
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		return path.Err
	}
	if link, ok := errors.AsType[*os.LinkError](err); ok {
		return link.Err
	}
	return err
}

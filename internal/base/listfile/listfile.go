// Package listfile keeps a list that commands change, such as drains, in a file, so that it
// survives a restart. The list in memory is what counts: no change is refused or delayed for
// longer than a moment because a disk is full, read-only or does not respond.
package listfile

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/nearcast/nearcast/internal/base/folder"
)

const (
	// retryEvery is the pause before a failed write is repeated.
	retryEvery = 5 * time.Second
	// saveWait is how long a command waits for a disk that does not respond.
	saveWait = 2 * time.Second
)

// File is a JSON array with the elements of a list. Only Run writes it. Its methods may be
// called from any goroutine; call Load before the others.
type File[T any] struct {
	// Replace is folder.Replace; a test sets another one before Run.
	Replace func(path string, write func(io.Writer) error) error

	path  string
	check func(T) error

	// latest should be in the file, and saved is; nil before the first.
	latest, saved atomic.Pointer[[]T]
	wanted        chan chan struct{} // Run closes the received channel after it has tried
	writing       chan struct{}      // full while the file is written, for as long as the disk takes
	disk          folder.Disk
}

// New returns a File at the path; "" keeps nothing. Load accepts the elements for which check
// returns nil.
func New[T any](path string, check func(T) error) *File[T] {
	return &File[T]{Replace: folder.Replace, path: path, check: check, wanted: make(chan chan struct{}), writing: make(chan struct{}, 1)}
}

// Load returns the list of an earlier process. If the file is damaged, it returns the good
// elements and an error that says what is lost. The file is then set aside, and Run writes the
// good elements again.
func (f *File[T]) Load() ([]T, error) {
	if f.path == "" {
		return nil, nil
	}
	all, err := read(f.path, f.check)
	f.latest.Store(&all)
	if err == nil {
		f.saved.Store(&all)
		return all, nil
	}
	_, _ = f.disk.Tried(fmt.Errorf("%s was damaged and has not been rewritten yet", f.path))
	return all, err
}

// Set declares the list that should be in the file. The File keeps the slice, which must not
// change any more. Set returns at once: it may be called under a lock.
func (f *File[T]) Set(all []T) { f.latest.Store(&all) }

// Save makes Run write the list, and returns when it has tried, or after two seconds. Unsaved
// then says whether the list is in the file.
func (f *File[T]) Save(ctx context.Context) {
	if f.path == "" {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, saveWait)
	defer cancel()
	tried := make(chan struct{})
	select {
	case f.wanted <- tried:
		select {
		case <-tried:
		case <-ctx.Done():
		}
	case <-ctx.Done():
	}
}

// Unsaved returns why the list would not survive a restart; nil if it would, or if there is no
// file.
func (f *File[T]) Unsaved() error {
	if f.path == "" || f.latest.Load() == f.saved.Load() {
		return nil
	}
	if err := f.disk.Failing(); err != nil {
		return err
	}
	return fmt.Errorf("%s has not been written yet: the disk does not respond", f.path)
}

// Run writes the list when Save asks for it, and retries until it succeeds. When ctx ends, it
// tries once more. It calls report with an error when writing starts to fail or fails for
// another reason, and with nil when it succeeds again. Several Runs may overlap, as two
// configurations do at a reload.
func (f *File[T]) Run(ctx context.Context, report func(error)) {
	if f.path == "" {
		return
	}
	again := time.NewTicker(retryEvery)
	defer again.Stop()
	f.write(report)
	for {
		select {
		case <-ctx.Done():
			f.write(report)
			return
		case tried := <-f.wanted:
			f.write(report)
			close(tried)
		case <-again.C:
			f.write(report)
		}
	}
}

// write writes the list unless it is in the file already, and what it became while the disk was
// slow: whoever changed it may not have waited.
func (f *File[T]) write(report func(error)) {
	f.writing <- struct{}{}
	defer func() { <-f.writing }()
	for all := f.latest.Load(); all != f.saved.Load(); all = f.latest.Load() {
		err := f.replace(*all)
		if err == nil {
			f.saved.Store(all)
		}
		if failed, recovered := f.disk.Tried(err); failed != nil || recovered {
			report(failed)
		}
		if err != nil {
			return
		}
	}
}

// replace writes the file. The folder may be gone since the start.
func (f *File[T]) replace(all []T) error {
	raw, err := json.MarshalIndent(append([]T{}, all...), "", "  ") // none is an empty list
	if err == nil {
		err = folder.Make(filepath.Dir(f.path))
	}
	if err == nil {
		err = f.Replace(f.path, func(w io.Writer) error {
			_, err := w.Write(append(raw, '\n'))
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("cannot write %s: %w", f.path, err)
	}
	return nil
}

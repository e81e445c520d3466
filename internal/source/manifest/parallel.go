package manifest

import (
	"context"
	"os"
	"runtime"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"
)

// maxFileSize bounds one file, in bytes: the API server's own limit for an
// object is 3 MiB, and a List holds thousands.
const maxFileSize = 256 << 20

// Files and their sections are read several at a time, and take no more memory together
// than the largest one that is allowed.
var (
	octets = semaphore.NewWeighted(maxFileSize) // of files
	values = semaphore.NewWeighted(maxValues)   // of sections, as marks counts them
)

// reserve waits until this many values may be read, or maxValues if it is more, and returns
// what to call when they are no longer needed.
func reserve(n int) (release func()) {
	return acquire(values, min(n, maxValues))
}

func acquire(from *semaphore.Weighted, n int) (release func()) {
	_ = from.Acquire(context.Background(), int64(n)) // without an error, as the context has no end
	return func() { from.Release(int64(n)) }
}

// inParallel calls do with each number below n, on as many processors as there are, and
// returns the first error.
func inParallel(n int, do func(i int) error) error {
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i := range n {
		group.Go(func() error { return do(i) })
	}
	return group.Wait()
}

// readAll reads files that may have changed.
func readAll(paths []string, before map[string]entry) map[string]entry {
	read := make([]entry, len(paths))
	_ = inParallel(len(paths), func(i int) error { // without an error, as each entry has its own
		release := acquire(octets, sizeOf(paths[i]))
		defer release()
		read[i] = readOne(paths[i], before[paths[i]])
		return nil
	})
	all := make(map[string]entry, len(paths))
	for i, path := range paths {
		all[path] = read[i]
	}
	return all
}

// sizeOf returns the size of a file that is small enough to be read.
func sizeOf(path string) int {
	info, err := os.Stat(path)
	if err != nil || info.Size() > maxFileSize {
		return 0
	}
	return int(info.Size())
}

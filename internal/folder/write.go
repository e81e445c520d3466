package folder

import (
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/google/renameio/v2"
)

// Replace writes a file beside the path, for its owner alone to read, and renames it over
// what is there. What was there stays until all is written, and where that fails.
func Replace(path string, write func(io.Writer) error) error {
	forgetTorn(path)
	f, err := renameio.NewPendingFile(path, renameio.WithTempDir(filepath.Dir(path)), renameio.WithPermissions(0o600))
	if err != nil {
		return err
	}
	defer f.Cleanup() //nolint:errcheck // it is only there where the error is returned
	if err := write(f); err != nil {
		return err
	}
	return f.CloseAtomicallyReplace()
}

// tornAfter is how long nothing was written to a file beside the path before it is taken
// for one that a process left which was killed: no disk is that slow.
const tornAfter = time.Minute

// forgetTorn removes what processes left that were killed while they wrote.
func forgetTorn(path string) {
	torn, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+"*")) // the pattern is good
	for _, t := range torn {
		if info, err := os.Stat(t); err == nil && time.Since(info.ModTime()) > tornAfter {
			_ = os.Remove(t) // it is in nobody's way
		}
	}
}

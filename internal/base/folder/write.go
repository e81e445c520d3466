package folder

import (
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/google/renameio/v2"
)

// Replace writes a temporary file next to the path, readable only by its owner, and
// renames it over the existing file. The existing file remains until everything is
// written, and if writing fails.
func Replace(path string, write func(io.Writer) error) error {
	forgetTorn(path)
	f, err := renameio.NewPendingFile(path, renameio.WithTempDir(filepath.Dir(path)), renameio.WithPermissions(0o600))
	if err != nil {
		return err
	}
	defer f.Cleanup() //nolint:errcheck // it matters only if an error is returned
	if err := write(f); err != nil {
		return err
	}
	return f.CloseAtomicallyReplace()
}

// tornAfter is how long a temporary file next to the path must be unchanged before it is
// taken for the leftover of a killed process: no disk is that slow.
const tornAfter = time.Minute

// forgetTorn removes the temporary files of processes that were killed while writing.
func forgetTorn(path string) {
	torn, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+"*")) // the pattern is valid
	for _, t := range torn {
		if info, err := os.Stat(t); err == nil && time.Since(info.ModTime()) > tornAfter {
			_ = os.Remove(t) // it is in nobody's way
		}
	}
}

// Package snapshot stores the last good state of a source on disk, so that a site that
// starts while Karmada is unavailable gives its last answers at once.
//
// A file has a line that names its format and its source, and binary chunks of some hundred
// kilobytes, each with a checksum. It is written to a temporary file and renamed over the
// old one, and is read completely or not at all. Neither needs more than a few chunks of it
// in memory. Chunks are read in parallel.
//
// The file comes from a disk that others may write to: whatever is in it, reading it
// allocates in proportion to its size, and never panics.
package snapshot

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"iter"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/nearcast/nearcast/internal/base/folder"
	"github.com/nearcast/nearcast/internal/base/regular"
	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/steering/health"
)

// State is what a source holds, and the verdicts of the probes. Save reads each of them
// once.
type State struct {
	// Confirmed is when the source last agreed with its origin.
	Confirmed time.Time
	Objects   []federation.Object
	Verdicts  iter.Seq2[federation.Target, health.Verdict]
	// Lookups are the addresses last seen for load balancers' names.
	Lookups map[string]federation.Endpoint
}

// Contents are a State as it is read.
type Contents struct {
	// Saved is when the file was written.
	Saved, Confirmed time.Time
	Objects          []federation.Object
	Verdicts         map[federation.Target]health.Verdict
	Lookups          map[string]federation.Endpoint
	// Refused are the faults of objects in the file, or of parts of them, that this
	// version does not accept.
	Refused []federation.Fault
}

// magic starts every file; the number after it is the format of the rest.
const magic = "nearcast-snapshot "

// The format that is written, and the oldest that is read: that of the previous release,
// so that a server keeps its state if it is upgraded while its source is unavailable.
const (
	format       = 4
	oldestFormat = 3
)

// Path returns the path in dir of the snapshot of the source with the key. All formats use
// the same path, whatever its ending says, so that a source has one state, and a version
// that is older than the file names it.
func Path(dir, key string) string {
	return file(dir, "state", key)
}

// DrainsPath returns the path in dir of the drains of a site with the source.
func DrainsPath(dir, key string) string { return file(dir, "drains", key) }

func file(dir, what, key string) string {
	sum := sha256.Sum256([]byte(key))
	return filepath.Join(dir, fmt.Sprintf("%s-%x.json", what, sum[:8]))
}

type lookup struct {
	Name     string
	Endpoint federation.Endpoint
}

type times struct{ Saved, Confirmed time.Time }

type verdict struct {
	Target  federation.Target
	Verdict health.Verdict
}

// Save writes the state of the source with the key to the path, readable only by its
// owner.
func Save(path, key string, s State) error {
	if err := folder.Replace(path, func(w io.Writer) error { return write(w, key, time.Now(), s) }); err != nil {
		return fmt.Errorf("snapshot %s: %w", path, err)
	}
	return nil
}

func write(f io.Writer, key string, now time.Time, s State) error {
	frames := &frameWriter{to: f}
	if err := frames.begin(firstLine(format, key)); err != nil {
		return err
	}
	e := newEncoder(frames)
	e.times(times{now, s.Confirmed})
	for _, o := range s.Objects {
		e.object(o)
	}
	for target, v := range s.Verdicts {
		e.verdict(target, v)
	}
	for name, at := range s.Lookups {
		e.lookup(name, at)
	}
	return e.end()
}

func firstLine(format int, key string) string {
	return fmt.Sprintf("%s%d %s\n", magic, format, strconv.Quote(key))
}

// ErrNone is returned by Load if no snapshot has been written yet.
var ErrNone = errors.New("no snapshot")

// Load reads what Save wrote for the source with the key. If the file is torn, has
// another version or belongs to another source, the error says so.
func Load(path, key string) (Contents, error) {
	f, err := regular.Open(path, maxSize)
	if errors.Is(err, fs.ErrNotExist) {
		return Contents{}, ErrNone
	}
	if err != nil {
		return Contents{}, fmt.Errorf("snapshot: %w", err)
	}
	defer f.Close()
	c, err := read(f, key)
	if err != nil {
		return Contents{}, fmt.Errorf("snapshot %s: %w", path, err)
	}
	return c, nil
}

// empty returns Contents to add to.
func empty() Contents {
	return Contents{Verdicts: map[federation.Target]health.Verdict{}, Lookups: map[string]federation.Endpoint{}}
}

func read(f io.ReadSeeker, key string) (Contents, error) {
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return Contents{}, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return Contents{}, err
	}
	head, written, source, err := begin(bufio.NewReader(io.LimitReader(f, mostHead)))
	if err != nil {
		return Contents{}, err
	}
	var c Contents
	if written == 3 {
		c, err = read3(f)
	} else {
		c, err = read4(f, head, size)
	}
	if err == nil && source != strconv.Quote(key) {
		return Contents{}, fmt.Errorf("belongs to the source %s, not to %q", source, key)
	}
	return c, err
}

// read4 reads what write wrote after the first line.
func read4(f io.ReadSeeker, head string, size int64) (Contents, error) {
	start := int64(len(head))
	if _, err := f.Seek(start, io.SeekStart); err != nil {
		return Contents{}, err
	}
	return readChunks(&frameReader{
		from: bufio.NewReaderSize(f, wholeChunk), left: size - start, sum: crc32.Checksum([]byte(head), castagnoli),
	})
}

// maxSize bounds a file, in octets: one of a million functions has a gigabyte in format 3,
// and a tenth of that in this one.
const maxSize = 16 << 30

// mostHead bounds how much is read of a file that may not be a snapshot. The first line has
// the source's namespaces: ten thousand of them fit.
const mostHead = 1 << 20

// begin reads the first line, and returns it, the format, and the source that it names,
// in quotes.
func begin(r *bufio.Reader) (head string, written int, source string, err error) {
	head, err = r.ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", 0, "", err
	}
	rest, known := strings.CutPrefix(strings.TrimSuffix(head, "\n"), magic)
	number, source, _ := strings.Cut(rest, " ")
	written, err = strconv.Atoi(number)
	switch {
	case !known || err != nil:
		err = fmt.Errorf("does not begin with %q and a number: it is not a snapshot", magic)
	case written > format:
		err = fmt.Errorf("has format %d, of a newer version; this version reads formats %d to %d", written, oldestFormat, format)
	case written < oldestFormat:
		err = fmt.Errorf("has format %d, of an older version; this version reads formats %d to %d", written, oldestFormat, format)
	case !strings.HasSuffix(head, "\n"):
		err = damaged("it ends within its first line")
	}
	return head, written, source, err
}

// Package snapshot stores the last good state of a source on disk, so that a site that
// starts while Karmada is unavailable gives its last answers at once.
//
// A file has a header line, one line of JSON for each item, and a line with the checksum
// of everything before it. It is written to a temporary file and renamed over the old
// one, and is read completely or not at all. Neither needs the whole file in memory: with
// a hundred thousand functions it has a hundred megabytes.
package snapshot

import (
	"bufio"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/nearcast/nearcast/internal/base/brief"
	"github.com/nearcast/nearcast/internal/base/folder"
	"github.com/nearcast/nearcast/internal/base/regular"
	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/federation/annotation"
	"github.com/nearcast/nearcast/internal/steering/health"
)

// Contents are what a source held, and the verdicts of the probes.
type Contents struct {
	// Saved is when the file was written; Confirmed is when the source last agreed with
	// its origin.
	Saved, Confirmed time.Time
	Objects          []federation.Object
	Verdicts         map[federation.Target]health.Verdict
	// Lookups are the addresses last seen for load balancers' names.
	Lookups map[string]federation.Endpoint
	// Refused are the faults of objects in the file, or of parts of them, that this
	// version does not accept. Save ignores it.
	Refused []federation.Fault
}

// magic starts every file; the number after it is the format of the rest.
const magic = "nearcast-snapshot "

// The format that is written, and the oldest that is read: that of the previous release,
// so that a server keeps its state if it is upgraded while its source is unavailable.
const (
	format       = 3
	oldestFormat = 2
)

// Path returns the path in dir of the snapshot of the source with the key.
func Path(dir, key string) string {
	return file(dir, "state", key)
}

// DrainsPath returns the path in dir of the drains of a site with the source.
func DrainsPath(dir, key string) string { return file(dir, "drains", key) }

func file(dir, what, key string) string {
	sum := sha256.Sum256([]byte(key))
	return filepath.Join(dir, fmt.Sprintf("%s-%x.json", what, sum[:8]))
}

// item is one line: exactly one of its fields is set, because JSON has no interfaces.
type item struct {
	Times    *times                          `json:",omitempty"`
	Cluster  *federation.Cluster             `json:",omitempty"`
	Template *federation.Template            `json:",omitempty"`
	Workload *federation.Workload            `json:",omitempty"`
	Binding  *federation.Binding             `json:",omitempty"`
	Exposure *federation.MultiClusterService `json:",omitempty"`
	Verdict  *verdict                        `json:",omitempty"`
	Lookup   *lookup                         `json:",omitempty"`
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

// Save writes the contents of the source with the key to the path, readable only by its
// owner.
func Save(path, key string, c Contents) error {
	if err := folder.Replace(path, func(w io.Writer) error { return write(w, key, c) }); err != nil {
		return fmt.Errorf("snapshot %s: %w", path, err)
	}
	return nil
}

func write(f io.Writer, key string, c Contents) error {
	sum := sha256.New()
	w := bufio.NewWriterSize(io.MultiWriter(f, sum), 1<<16)
	_, err := fmt.Fprintf(w, "%s%d %s\n", magic, format, strconv.Quote(key))
	lines := json.NewEncoder(w)
	put := func(i item) {
		if err == nil {
			err = lines.Encode(i)
		}
	}
	put(item{Times: &times{c.Saved, c.Confirmed}})
	for _, o := range c.Objects {
		put(itemOf(o))
	}
	for target, v := range c.Verdicts {
		put(item{Verdict: &verdict{target, v}})
	}
	for name, e := range c.Lookups {
		put(item{Lookup: &lookup{name, e}})
	}
	if err == nil {
		err = w.Flush()
	}
	if err == nil {
		_, err = fmt.Fprintf(f, checksum, sum.Sum(nil))
	}
	return err
}

func itemOf(o federation.Object) (i item) {
	switch o := o.(type) {
	case *federation.Cluster:
		i.Cluster = o
	case *federation.Template:
		i.Template = o
	case *federation.Workload:
		i.Workload = o
	case *federation.Binding:
		i.Binding = o
	case *federation.MultiClusterService:
		i.Exposure = o
	}
	return i
}

// checksum is the last line.
const (
	checksum     = "sha256 %x\n"
	checksumSize = len("sha256 \n") + 2*sha256.Size
)

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

// read reads the file twice: it trusts nothing before the checksum is verified.
func read(f io.ReadSeeker, key string) (Contents, error) {
	written, source, err := begin(bufio.NewReader(io.LimitReader(f, mostHead)))
	if err != nil {
		return Contents{}, err
	}
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return Contents{}, err
	}
	size -= int64(checksumSize)
	if err := verify(f, size); err != nil {
		return Contents{}, err
	}
	if source != strconv.Quote(key) {
		return Contents{}, fmt.Errorf("belongs to the source %s, not to %q", source, key)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return Contents{}, err
	}
	items := bufio.NewReader(io.LimitReader(f, size))
	if _, _, err := begin(items); err != nil {
		return Contents{}, err
	}
	return readItems(json.NewDecoder(items), written)
}

// maxSize bounds a file, in octets: one of a million functions has a gigabyte.
const maxSize = 16 << 30

// mostHead bounds how much is read of a file that may not be a snapshot.
const mostHead = 1 << 16

// begin reads the first line, and returns the format and the source that it names, in
// quotes.
func begin(r *bufio.Reader) (written int, source string, err error) {
	head, err := r.ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, "", err
	}
	rest, known := strings.CutPrefix(strings.TrimSuffix(head, "\n"), magic)
	number, source, _ := strings.Cut(rest, " ")
	written, err = strconv.Atoi(number)
	switch {
	case !known || err != nil:
		return 0, "", fmt.Errorf("does not begin with %q and a number: it is not a snapshot", magic)
	case written > format:
		return 0, "", fmt.Errorf("has format %d, of a newer version; this version reads formats %d to %d", written, oldestFormat, format)
	case written < oldestFormat:
		return 0, "", fmt.Errorf("has format %d, of an older version; this version reads formats %d to %d", written, oldestFormat, format)
	}
	return written, source, nil
}

// verify reads size bytes from the start, and the checksum after them.
func verify(f io.ReadSeeker, size int64) error {
	damaged := errors.New("is damaged: checksum mismatch")
	if size < 0 {
		return damaged
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	sum := sha256.New()
	if _, err := io.CopyN(sum, f, size); err != nil {
		return err
	}
	last, err := io.ReadAll(f)
	if err != nil {
		return err
	}
	if string(last) != fmt.Sprintf(checksum, sum.Sum(nil)) {
		return damaged
	}
	return nil
}

func readItems(items *json.Decoder, written int) (Contents, error) {
	c := Contents{Verdicts: map[federation.Target]health.Verdict{}, Lookups: map[string]federation.Endpoint{}}
	for {
		var i item
		if err := items.Decode(&i); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return Contents{}, err
		}
		c.take(i)
	}
	if written == 2 {
		c.upgrade2()
	}
	for _, o := range c.Objects {
		federation.Share(o)
	}
	return c, nil
}

// take adds the item. It parses annotations again, because the file holds them and not
// their parsed form. It leaves out an object that this version refuses, and nothing else.
func (c *Contents) take(i item) {
	switch {
	case i.Times != nil:
		c.Saved, c.Confirmed = i.Times.Saved, i.Times.Confirmed
	case i.Cluster != nil:
		c.Refused = append(c.Refused, annotation.Parse(i.Cluster)...)
		c.Objects = append(c.Objects, i.Cluster)
	case i.Template != nil:
		faults := annotation.Parse(i.Template)
		portsOf(i.Template)
		if c.Refused = append(c.Refused, faults...); len(faults) == 0 {
			c.Objects = append(c.Objects, i.Template)
		}
	case i.Workload != nil:
		c.Objects = append(c.Objects, i.Workload)
	case i.Binding != nil:
		c.Objects = append(c.Objects, i.Binding)
	case i.Exposure != nil:
		c.Objects = append(c.Objects, i.Exposure)
	case i.Verdict != nil:
		v := i.Verdict.Verdict
		v.Stale, v.Reason = true, brief.Text(v.Reason) // an older version stored it in full
		c.Verdicts[i.Verdict.Target] = v
	case i.Lookup != nil:
		c.Lookups[i.Lookup.Name] = i.Lookup.Endpoint
	}
}

// Package snapshot keeps the last good state of a source on disk, so that a site
// that starts while Karmada is away answers at once what it answered last.
//
// A file is a line that says what it is and a body in JSON. It is written beside
// the old one and renamed over it, and read whole or not at all.
package snapshot

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/renameio/v2"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/health"
)

// Contents are what a source held, and what the probes said of it.
type Contents struct {
	// Saved is when the file was written, Confirmed when the source last agreed
	// with its origin.
	Saved, Confirmed time.Time
	Objects          []federation.Object
	Verdicts         map[federation.Target]health.Verdict
}

// magic begins every file; the number is the version of the body.
const magic = "nearcast-snapshot 1"

// Path returns the file in dir of the source with the key.
func Path(dir, key string) string {
	return file(dir, "state", key)
}

// DrainsPath returns the file in dir for what a site of the source was told to
// drain.
func DrainsPath(dir, key string) string { return file(dir, "drains", key) }

func file(dir, what, key string) string {
	sum := sha256.Sum256([]byte(key))
	return filepath.Join(dir, fmt.Sprintf("%s-%x.json", what, sum[:8]))
}

// body is the JSON form of Contents. Its lists are by kind: JSON knows no
// interfaces.
type body struct {
	Saved, Confirmed time.Time
	Clusters         []*federation.Cluster
	Templates        []*federation.Template
	Workloads        []*federation.Workload
	Bindings         []*federation.Binding
	Exposures        []*federation.MultiClusterService
	Verdicts         []verdict
}

type verdict struct {
	Target  federation.Target
	Verdict health.Verdict
}

// Save writes the contents of the source with the key to the path, for its owner
// alone to read.
func Save(path, key string, c Contents) error {
	b := body{Saved: c.Saved, Confirmed: c.Confirmed}
	for _, o := range c.Objects {
		switch o := o.(type) {
		case *federation.Cluster:
			b.Clusters = append(b.Clusters, o)
		case *federation.Template:
			b.Templates = append(b.Templates, o)
		case *federation.Workload:
			b.Workloads = append(b.Workloads, o)
		case *federation.Binding:
			b.Bindings = append(b.Bindings, o)
		case *federation.MultiClusterService:
			b.Exposures = append(b.Exposures, o)
		}
	}
	for target, v := range c.Verdicts {
		b.Verdicts = append(b.Verdicts, verdict{target, v})
	}
	raw, err := json.Marshal(b)
	if err != nil {
		return fmt.Errorf("snapshot: %w", err)
	}
	if err := renameio.WriteFile(path, framed(key, raw), 0o600); err != nil {
		return fmt.Errorf("snapshot: %w", err)
	}
	return nil
}

func framed(key string, raw []byte) []byte {
	return append(fmt.Appendf(nil, "%s %x %s\n", magic, sha256.Sum256(raw), strconv.Quote(key)), raw...)
}

// ErrNone is what Load returns where no snapshot was written yet.
var ErrNone = errors.New("no snapshot")

// Load reads what Save wrote for the source with the key. A file that is torn,
// of another version or of another source is an error that names it.
func Load(path, key string) (Contents, error) {
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Contents{}, ErrNone
	}
	if err != nil {
		return Contents{}, fmt.Errorf("snapshot: %w", err)
	}
	c, err := parse(raw, key)
	if err != nil {
		return Contents{}, fmt.Errorf("snapshot %s: %w", path, err)
	}
	return c, nil
}

func parse(raw []byte, key string) (Contents, error) {
	head, text, ok := bytes.Cut(raw, []byte{'\n'})
	rest, known := strings.CutPrefix(string(head), magic+" ")
	if !ok || !known {
		return Contents{}, fmt.Errorf("does not begin with %q: it is no snapshot, or one of another version", magic)
	}
	sum, source, _ := strings.Cut(rest, " ")
	if sum != fmt.Sprintf("%x", sha256.Sum256(text)) {
		return Contents{}, errors.New("is damaged: its checksum is another")
	}
	if source != strconv.Quote(key) {
		return Contents{}, fmt.Errorf("is of the source %s, and not of %q", source, key)
	}
	var b body
	if err := json.Unmarshal(text, &b); err != nil {
		return Contents{}, err
	}
	return b.contents()
}

// contents parses the annotations again: they, and not what was made of them,
// are what the file holds.
// present are the objects that a damaged body did not leave out.
func present[T federation.Object](all []T) []federation.Object {
	var none T
	var out []federation.Object
	for _, o := range all {
		if federation.Object(o) != federation.Object(none) {
			out = append(out, o)
		}
	}
	return out
}

func (b *body) contents() (Contents, error) {
	c := Contents{Saved: b.Saved, Confirmed: b.Confirmed, Verdicts: make(map[federation.Target]health.Verdict, len(b.Verdicts))}
	var faults []federation.Fault
	for _, o := range b.Clusters {
		if o != nil {
			faults = append(faults, federation.ParseCluster(o)...)
		}
	}
	for _, o := range b.Templates {
		if o != nil {
			faults = append(faults, federation.ParseTemplate(o)...)
		}
	}
	c.Objects = slices.Concat(present(b.Clusters), present(b.Templates), present(b.Workloads), present(b.Bindings), present(b.Exposures))
	if len(faults) > 0 {
		return Contents{}, fmt.Errorf("holds what this version refuses: %w", faults[0])
	}
	for _, v := range b.Verdicts {
		v.Verdict.Stale = true
		c.Verdicts[v.Target] = v.Verdict
	}
	return c, nil
}

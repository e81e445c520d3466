package rpz

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"
	"time"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/base/folder"
	"github.com/nearcast/nearcast/internal/base/regular"
	"github.com/nearcast/nearcast/plugin/rpz/internal/policyzone"
)

const (
	// recordName is the file name of the disabled zones in a state directory.
	recordName = "rpz-disabled.json"
	// mostRecord bounds the file, in octets.
	mostRecord = 1 << 20
	// writeAgain is how soon a failed write is tried again.
	writeAgain = 5 * time.Second
)

// record keeps the disabled zones in a file. A failing disk does not make a switch fail: the file is written as
// soon as possible.
type record struct {
	path   string
	latest func() []Disabled
	users  map[*instance]bool // guarded by the switches
	disk   folder.Disk
	// replace is folder.Replace.
	replace func(path string, write func(io.Writer) error) error

	// writing is held while the file is written, for as long as the disk takes.
	writing sync.Mutex
	again   *time.Timer // guarded by writing; nil while the disk works
	closed  bool        // guarded by writing
}

func newRecord(path string, latest func() []Disabled) *record {
	return &record{path: path, latest: latest, users: map[*instance]bool{}, replace: folder.Replace}
}

// read returns the file's content; nothing if there is no file.
func (r *record) read() (all []Disabled, err error) {
	raw, err := regular.Read(r.path, mostRecord)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil {
		err = json.Unmarshal(raw, &all)
	}
	for i, d := range all {
		if _, ok := dns.IsDomainName(d.Zone); !ok || d.Zone == "" {
			err = errors.Join(err, fmt.Errorf("%q is not a zone name", d.Zone))
		}
		all[i].Zone = policyzone.Canonical(d.Zone)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.path, err)
	}
	return all, nil
}

// save writes the current state. The last writer writes the latest state.
func (r *record) save() {
	r.writing.Lock()
	defer r.writing.Unlock()
	raw, err := json.MarshalIndent(r.latest(), "", "  ")
	if err == nil {
		err = r.replace(r.path, func(w io.Writer) error {
			_, err := w.Write(append(raw, '\n'))
			return err
		})
	}
	switch failed, recovered := r.disk.Tried(err); {
	case failed != nil:
		log.Warningf("cannot save which policy zones are disabled, so a restart would restore the previous state: %v", failed)
	case recovered:
		log.Infof("which policy zones are disabled is saved again, to %s", r.path)
	}
	if r.again != nil {
		r.again.Stop()
	}
	if err != nil && !r.closed {
		r.again = time.AfterFunc(writeAgain, r.retry)
	}
}

// retry repeats a failed write.
func (r *record) retry() {
	if r.disk.Failing() != nil {
		r.save()
	}
}

// close ends the retries, after a last one.
func (r *record) close() {
	r.writing.Lock()
	r.closed = true
	if r.again != nil {
		r.again.Stop()
	}
	r.writing.Unlock()
	r.retry()
}

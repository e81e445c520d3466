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

	"github.com/nearcast/nearcast/internal/folder"
	"github.com/nearcast/nearcast/internal/regular"
	"github.com/nearcast/nearcast/plugin/rpz/internal/policyzone"
)

const (
	// recordName is the file of the disabled zones in a folder for state.
	recordName = "rpz-disabled.json"
	// mostRecord bounds it, in octets.
	mostRecord = 1 << 20
	// writeAgain is how soon a file that could not be written is tried again.
	writeAgain = 5 * time.Second
)

// record keeps the disabled zones in a file. A disk that takes nothing refuses nothing:
// the file is written as soon as it can be.
type record struct {
	path   string
	latest func() []Disabled
	users  map[*instance]bool // guarded by the switches
	disk   folder.Disk
	// replace is folder.Replace.
	replace func(path string, write func(io.Writer) error) error

	// writing is held by who writes the file, for as long as its disk takes.
	writing sync.Mutex
	again   *time.Timer // guarded by writing; nil while the disk takes what it is given
	closed  bool        // guarded by writing
}

func newRecord(path string, latest func() []Disabled) *record {
	return &record{path: path, latest: latest, users: map[*instance]bool{}, replace: folder.Replace}
}

// read returns what is kept; nothing where there is no file.
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
			err = errors.Join(err, fmt.Errorf("%q is not the name of a zone", d.Zone))
		}
		all[i].Zone = policyzone.Canonical(d.Zone)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.path, err)
	}
	return all, nil
}

// save writes what holds now. Who writes last writes the latest.
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
		log.Warningf("which policy zones are disabled is held in memory alone, and a restart would go back to what was before: %v", failed)
	case recovered:
		log.Infof("which policy zones are disabled is written again, to %s", r.path)
	}
	if r.again != nil {
		r.again.Stop()
	}
	if err != nil && !r.closed {
		r.again = time.AfterFunc(writeAgain, r.retry)
	}
}

// retry writes what could not be written.
func (r *record) retry() {
	if r.disk.Failing() != nil {
		r.save()
	}
}

// close ends the tries, with a last one.
func (r *record) close() {
	r.writing.Lock()
	r.closed = true
	if r.again != nil {
		r.again.Stop()
	}
	r.writing.Unlock()
	r.retry()
}

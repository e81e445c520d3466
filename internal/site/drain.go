package site

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/nearcast/nearcast/internal/base/folder"
	"github.com/nearcast/nearcast/internal/source/snapshot"
	"github.com/nearcast/nearcast/internal/steering/steer"
)

// drains holds what this site alone drains. They outlive a restart if there is a
// directory for snapshots.
type drains struct {
	path    string // "" to hold them only in memory
	changed chan struct{}
	log     Logger
	// unsaved has a value if the drains in force differ from those in the file.
	unsaved chan struct{}
	disk    folder.Disk
	// replace is folder.Replace.
	replace func(path string, write func(io.Writer) error) error

	// writing is held while the file is written, however long the disk takes; mu is not,
	// because the publisher needs it.
	writing sync.Mutex
	mu      sync.Mutex
	all     []steer.Drain
}

// maxDrains bounds the file, in octets.
const maxDrains = 16 << 20

// openDrains reads the drains of an earlier run; without a path there are none. If a part of
// the file cannot be read, it returns an error, and the rest is in force.
func openDrains(path string, log Logger) (*drains, error) {
	d := &drains{path: path, log: log, changed: make(chan struct{}, 1), unsaved: make(chan struct{}, 1), replace: folder.Replace}
	if path == "" {
		return d, nil
	}
	var err error
	if d.all, err = folder.ReadList(d.path, maxDrains, steer.Drain.Check); err != nil {
		_, _ = d.disk.Tried(err) // the good part is written again, or a second restart would find nothing
		d.unsaved <- struct{}{}
		return d, fmt.Errorf("drains %w", err)
	}
	return d, nil
}

// now returns the drains in force, and when the next one ends; the zero time if none
// does.
func (d *drains) now(at time.Time) (all []steer.Drain, next time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, drain := range d.all {
		if drain.Ended(at) {
			continue
		}
		all = append(all, drain)
		if !drain.Until.IsZero() && (next.IsZero() || drain.Until.Before(next)) {
			next = drain.Until
		}
	}
	return all, next
}

// Drained is a drain in force.
type Drained struct {
	steer.Drain
	// Matches is the number of clusters or functions that it drains: zero if its pattern
	// has a typo.
	Matches int `json:"matches"`
}

// drained returns the drains in force.
func (s *Site) drained() []Drained {
	drains, _ := s.drains.now(time.Now())
	all := make([]Drained, len(drains))
	for i, d := range drains {
		all[i] = Drained{Drain: d}
		if v := s.View(); v != nil {
			all[i].Matches = d.Matches(v.State)
		}
	}
	return all
}

// set adds the drain, and replaces one with the same kind and pattern.
func (d *drains) set(drain steer.Drain) error {
	if err := drain.Check(); err != nil {
		return err
	}
	if drain.Ended(time.Now()) {
		return fmt.Errorf("until: %s is in the past", drain.Until.Format(time.RFC3339))
	}
	return d.change(drain, true)
}

// remove ends the drain with the kind and pattern.
func (d *drains) remove(drain steer.Drain) error { return d.change(drain, false) }

// change puts the change into force, and then writes the file.
func (d *drains) change(drain steer.Drain, add bool) error {
	if err := d.enforce(drain, add); err != nil {
		return err
	}
	select {
	case d.changed <- struct{}{}:
	default:
	}
	d.save()
	return nil
}

func (d *drains) enforce(drain steer.Drain, add bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !add && !slices.ContainsFunc(d.all, drain.Same) {
		return fmt.Errorf("%s %s is not drained at this site", drain.Kind, drain.Pattern)
	}
	now := time.Now()
	all := slices.DeleteFunc(slices.Clone(d.all), func(o steer.Drain) bool { return o.Ended(now) || o.Same(drain) })
	if add {
		all = append(all, drain)
	}
	d.all = all
	return nil
}

// latest returns the drains to be written. The slice is never modified.
func (d *drains) latest() []steer.Drain {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.all
}

// save writes the drains in force. A disk error does not refuse a drain: it is in force
// all the same, and is written as soon as the disk allows. The last writer writes the
// latest drains.
func (d *drains) save() {
	if d.path == "" {
		return
	}
	d.writing.Lock()
	defer d.writing.Unlock()
	raw, err := json.MarshalIndent(d.latest(), "", "  ")
	if err == nil {
		err = d.replace(d.path, func(w io.Writer) error {
			_, err := w.Write(append(raw, '\n'))
			return err
		})
	}
	switch failed, recovered := d.disk.Tried(err); {
	case failed != nil:
		d.log.Warningf("drains: %s: %v", inMemory, failed)
	case recovered:
		d.log.Infof("drains: writing %s succeeds again", d.path)
	}
	if err != nil {
		select {
		case d.unsaved <- struct{}{}:
		default:
		}
	}
}

// inMemory is the message if the drains in force cannot be written to disk.
const inMemory = "the drains of this site are only in memory, and a restart would restore the last ones written"

// unkept says why the drains in force would not outlive a restart; "" if they would, or if
// they are not written to disk at all.
func (d *drains) unkept() string {
	if err := d.disk.Failing(); err != nil {
		return fmt.Sprintf("%s, until the file can be written: %v", inMemory, err)
	}
	return ""
}

// keep retries failed writes until ctx ends, and once more then.
func (d *drains) keep(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			d.retry()
			return
		case <-d.unsaved:
		}
		select {
		case <-ctx.Done():
		case <-time.After(retry):
		}
		d.retry()
	}
}

func (d *drains) retry() {
	if d.disk.Failing() != nil {
		d.save()
	}
}

// drainsOf returns the drains of a Site: its predecessor's if both use the same
// directory.
func drainsOf(config Config, log Logger, before *Site) (*drains, error) {
	if before != nil && before.config.Snapshot == config.Snapshot {
		return before.drains, nil
	}
	if config.Snapshot == "" {
		return openDrains("", log)
	}
	return openDrains(snapshot.DrainsPath(config.Snapshot, config.Source.Key()), log)
}

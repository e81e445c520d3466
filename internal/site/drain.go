package site

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/nearcast/nearcast/internal/base/listfile"
	"github.com/nearcast/nearcast/internal/source/snapshot"
	"github.com/nearcast/nearcast/internal/steering/steer"
)

// drains holds what this site alone drains. They outlive a restart if there is a
// directory for snapshots.
type drains struct {
	changed chan struct{}
	log     Logger
	file    *listfile.File[steer.Drain]

	// mu is not held while the file is written, because the publisher needs it.
	mu  sync.Mutex
	all []steer.Drain // never modified
}

// openDrains reads the drains of an earlier run; without a path there are none. If a part of
// the file cannot be read, it returns an error, and the rest is in force.
func openDrains(path string, log Logger) (*drains, error) {
	d := &drains{log: log, changed: make(chan struct{}, 1), file: listfile.New(path, steer.Drain.Check)}
	var err error
	if d.all, err = d.file.Load(); err != nil {
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
func (d *drains) set(ctx context.Context, drain steer.Drain) error {
	if err := drain.Check(); err != nil {
		return err
	}
	if drain.Ended(time.Now()) {
		return fmt.Errorf("until: %s is in the past", drain.Until.Format(time.RFC3339))
	}
	return d.change(ctx, drain, true)
}

// remove ends the drain with the kind and pattern.
func (d *drains) remove(ctx context.Context, drain steer.Drain) error {
	return d.change(ctx, drain, false)
}

// change puts the change into force, and then writes the file. A disk error does not refuse
// a drain: it is in force all the same, and is written as soon as the disk allows.
func (d *drains) change(ctx context.Context, drain steer.Drain, add bool) error {
	if err := d.enforce(drain, add); err != nil {
		return err
	}
	select {
	case d.changed <- struct{}{}:
	default:
	}
	d.file.Save(ctx)
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
	d.file.Set(all)
	return nil
}

// inMemory is the message if the drains in force cannot be written to disk.
const inMemory = "the drains of this site are only in memory, and a restart would restore the last ones written"

// unkept says why the drains in force would not outlive a restart; "" if they would, or if
// they are not written to disk at all.
func (d *drains) unkept() string {
	if err := d.file.Unsaved(); err != nil {
		return fmt.Sprintf("%s: %v", inMemory, err)
	}
	return ""
}

// keep writes the drains when they change, until ctx ends.
func (d *drains) keep(ctx context.Context) {
	d.file.Run(ctx, func(err error) {
		if err != nil {
			d.log.Warningf("drains: %s: %v", inMemory, err)
			return
		}
		d.log.Infof("drains: writing them succeeds again")
	})
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

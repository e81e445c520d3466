package site

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/google/renameio/v2"

	"github.com/nearcast/nearcast/internal/snapshot"
	"github.com/nearcast/nearcast/internal/steer"
)

// drains are what this site alone was told to move traffic away from. They
// outlive a restart where there is a folder for snapshots.
type drains struct {
	path    string // "" to keep them in memory alone
	changed chan struct{}

	mu  sync.Mutex
	all []steer.Drain
}

// openDrains reads what an earlier run was told; with no path there is none. A
// file that cannot be read is an error, and there are then no drains.
func openDrains(path string) (*drains, error) {
	d := &drains{path: path, changed: make(chan struct{}, 1)}
	if path == "" {
		return d, nil
	}
	raw, err := os.ReadFile(d.path)
	if errors.Is(err, fs.ErrNotExist) {
		return d, nil
	}
	if err == nil {
		err = json.Unmarshal(raw, &d.all)
	}
	for _, drain := range d.all {
		err = errors.Join(err, drain.Check())
	}
	if err != nil {
		d.all = nil
		return d, fmt.Errorf("drains %s: %w", d.path, err)
	}
	return d, nil
}

// now returns the drains in force, and when the next of them ends; the zero time
// for never.
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
	// Matches is how many clusters, or functions, there are that it moves traffic away
	// from: none where its pattern has a typo.
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

// set adds the drain, in the place of one for the same.
func (d *drains) set(drain steer.Drain) error {
	if err := drain.Check(); err != nil {
		return err
	}
	if drain.Ended(time.Now()) {
		return fmt.Errorf("until: %s is past", drain.Until.Format(time.RFC3339))
	}
	return d.change(drain, true)
}

// remove ends the drain of the kind and pattern.
func (d *drains) remove(drain steer.Drain) error { return d.change(drain, false) }

func (d *drains) change(drain steer.Drain, add bool) error {
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
	if err := d.save(all); err != nil {
		return err
	}
	d.all = all
	select {
	case d.changed <- struct{}{}:
	default:
	}
	return nil
}

func (d *drains) save(all []steer.Drain) error {
	if d.path == "" {
		return nil
	}
	raw, err := json.MarshalIndent(all, "", "  ")
	if err == nil {
		err = renameio.WriteFile(d.path, append(raw, '\n'), 0o600)
	}
	if err != nil {
		return fmt.Errorf("drains: %w", err)
	}
	return nil
}

// drainsOf returns the drains of a Site: those of its predecessor where they are
// kept in the same place.
func drainsOf(config Config, before *Site) (*drains, error) {
	if before != nil && before.config.Snapshot == config.Snapshot {
		return before.drains, nil
	}
	if config.Snapshot == "" {
		return openDrains("")
	}
	return openDrains(snapshot.DrainsPath(config.Snapshot, config.Source.Key()))
}

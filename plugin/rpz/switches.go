package rpz

import (
	"cmp"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nearcast/nearcast/internal/base/regular"
)

// Disabled is a policy zone disabled by command: no block consults it.
type Disabled struct {
	// Zone is its name, canonical.
	Zone  string    `json:"zone"`
	Since time.Time `json:"since"`
	// Reason is the reason given with the command.
	Reason string `json:"reason,omitempty"`
}

// String says what is disabled, since when and why.
func (d Disabled) String() string {
	text := d.Zone + " has been disabled since " + d.Since.UTC().Format(time.RFC3339)
	if d.Reason != "" {
		text += ": " + d.Reason
	}
	return text
}

// switches are the disabled zones, by name. They apply in all blocks of the process, and across reloads, wherever
// the zone then comes from. They are saved in each state directory of a configuration. Its methods are safe for
// concurrent use.
type switches struct {
	mu    sync.Mutex
	off   map[string]Disabled // by zone
	users map[*instance]bool
	// records are the files in which they are saved, by path.
	records map[string]*record
}

var disabled = newSwitches()

func newSwitches() *switches {
	return &switches{off: map[string]Disabled{}, users: map[*instance]bool{}, records: map[string]*record{}}
}

// enter makes a configuration use the switches, and saves them in its state directory; "" is none. The first
// configuration of a process loads what was saved. At a reload, the state in memory counts.
func (s *switches) enter(i *instance, state string) {
	s.mu.Lock()
	delete(s.users, i)
	first := len(s.users) == 0
	s.users[i] = true
	if state == "" {
		s.mu.Unlock()
		return
	}
	path := filepath.Join(state, recordName)
	r := s.records[path]
	fresh := r == nil
	if fresh {
		r = newRecord(path, s.list)
		s.records[path] = r
	}
	r.users[i] = true
	if fresh && first {
		s.takeOver(r)
	}
	_, there := regular.Identify(path)
	differs := fresh && !first && (there || len(s.off) > 0)
	s.mu.Unlock()
	if differs {
		r.save()
	}
}

// takeOver loads the state of an earlier process. A file that cannot be read disables nothing, and is logged by
// name.
func (s *switches) takeOver(r *record) {
	all, err := r.read()
	if err != nil {
		log.Errorf("refused: %v; it disables no policy zone", err)
	}
	for _, d := range all {
		s.off[d.Zone] = d
	}
}

// leave undoes enter. The last configuration leaves nothing in memory.
func (s *switches) leave(i *instance) {
	s.mu.Lock()
	delete(s.users, i)
	var ended []*record
	for path, r := range s.records {
		if delete(r.users, i); len(r.users) == 0 {
			delete(s.records, path)
			ended = append(ended, r)
		}
	}
	s.mu.Unlock()
	for _, r := range ended {
		r.close()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.users) == 0 {
		clear(s.off)
	}
}

// get returns how the zone is disabled, and whether it is.
func (s *switches) get(zone string) (Disabled, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, off := s.off[zone]
	return d, off
}

// list returns the disabled zones, by name.
func (s *switches) list() []Disabled {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := slices.SortedFunc(maps.Values(s.off), func(a, b Disabled) int { return cmp.Compare(a.Zone, b.Zone) })
	return append([]Disabled{}, all...) // none is an empty list in JSON
}

// set disables the zone. If it is already disabled, it keeps its time and gets the new reason.
func (s *switches) set(d Disabled) {
	s.mu.Lock()
	if before, off := s.off[d.Zone]; off {
		d.Since = before.Since
	}
	s.off[d.Zone] = d
	s.mu.Unlock()
	s.save()
}

// reset enables the zone; false if it already was.
func (s *switches) reset(zone string) bool {
	s.mu.Lock()
	_, off := s.off[zone]
	delete(s.off, zone)
	s.mu.Unlock()
	s.save()
	return off
}

func (s *switches) all() []*record {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Values(s.records))
}

// save writes the current state.
func (s *switches) save() {
	for _, r := range s.all() {
		r.save()
	}
}

// unkept returns why the current state would not survive a restart; "" if it would.
func (s *switches) unkept() string {
	all := s.all()
	if len(all) == 0 {
		return "this is kept in memory only and lost on a restart: no rpz block has `state`"
	}
	var failing []string
	for _, r := range all {
		if err := r.disk.Failing(); err != nil {
			failing = append(failing, "this is kept in memory only, and a restart would restore the previous state, until the file can be written: "+err.Error())
		}
	}
	return strings.Join(failing, "; ")
}

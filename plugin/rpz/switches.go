package rpz

import (
	"cmp"
	"context"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
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
	// files are those in which they are saved, by path.
	files map[string]*disabledFile
}

var disabled = newSwitches()

func newSwitches() *switches {
	return &switches{off: map[string]Disabled{}, users: map[*instance]bool{}, files: map[string]*disabledFile{}}
}

// enter makes a configuration use the switches, and saves them in its state directory; "" is none. The first
// configuration of a process loads what was saved. At a reload, the state in memory counts.
func (s *switches) enter(i *instance, state string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.users, i)
	first := len(s.users) == 0
	s.users[i] = true
	if state == "" {
		return
	}
	path := filepath.Join(state, disabledName)
	if s.files[path] == nil {
		s.files[path] = s.open(path, first)
	}
	s.files[path].users[i] = true
}

// open opens the file, and loads or replaces what is in it.
func (s *switches) open(path string, load bool) *disabledFile {
	f := newDisabledFile(path)
	if load {
		for _, d := range f.load() {
			s.off[d.Zone] = d
		}
	} else {
		f.Set(s.sorted())
	}
	f.start()
	return f
}

// leave undoes enter. The last configuration leaves nothing in memory.
func (s *switches) leave(i *instance) {
	s.mu.Lock()
	delete(s.users, i)
	var ended []*disabledFile
	for path, f := range s.files {
		if delete(f.users, i); len(f.users) == 0 {
			delete(s.files, path)
			ended = append(ended, f)
		}
	}
	s.mu.Unlock()
	for _, f := range ended {
		f.close()
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
	return s.sorted()
}

// sorted is list, for those who hold the lock.
func (s *switches) sorted() []Disabled {
	all := slices.SortedFunc(maps.Values(s.off), func(a, b Disabled) int { return cmp.Compare(a.Zone, b.Zone) })
	return append([]Disabled{}, all...) // none is an empty list in JSON
}

// set disables the zone. If it is already disabled, it keeps its time and gets the new reason.
func (s *switches) set(d Disabled) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if before, off := s.off[d.Zone]; off {
		d.Since = before.Since
	}
	s.off[d.Zone] = d
	s.changed()
}

// reset enables the zone; false if it already was.
func (s *switches) reset(zone string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, off := s.off[zone]
	delete(s.off, zone)
	s.changed()
	return off
}

// changed declares what should be in the files.
func (s *switches) changed() {
	for _, f := range s.files {
		f.Set(s.sorted())
	}
}

func (s *switches) all() []*disabledFile {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Values(s.files))
}

// save returns when the files are written, or when a disk does not respond. Call it once the switch has taken effect.
func (s *switches) save(ctx context.Context) {
	for _, f := range s.all() {
		f.Save(ctx)
	}
}

// unkept returns why the current state would not survive a restart; "" if it would.
func (s *switches) unkept() string {
	all := s.all()
	if len(all) == 0 && len(s.list()) == 0 {
		return "" // as after a restart
	}
	if len(all) == 0 {
		return "this is kept in memory only and lost on a restart: no rpz block has `state`"
	}
	var failing []string
	for _, f := range all {
		if err := f.Unsaved(); err != nil {
			failing = append(failing, "this is kept in memory only, and a restart would restore the previous state: "+err.Error())
		}
	}
	return strings.Join(failing, "; ")
}

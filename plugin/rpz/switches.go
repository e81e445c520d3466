package rpz

import (
	"cmp"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nearcast/nearcast/internal/regular"
)

// Disabled is a policy zone that was disabled by command: no block consults it.
type Disabled struct {
	// Zone is its name, canonical.
	Zone  string    `json:"zone"`
	Since time.Time `json:"since"`
	// Reason is what the command gave.
	Reason string `json:"reason,omitempty"`
}

// String says what is disabled, since when and why.
func (d Disabled) String() string {
	text := d.Zone + " is disabled since " + d.Since.UTC().Format(time.RFC3339)
	if d.Reason != "" {
		text += ": " + d.Reason
	}
	return text
}

// switches are the zones that are disabled, by name: in all blocks of the process, and
// over reloads, wherever the zone comes from by then. They are kept in each folder for
// state that a configuration has. Methods may be called by any goroutine.
type switches struct {
	mu    sync.Mutex
	off   map[string]Disabled // by zone
	users map[*instance]bool
	// records are the files that they are kept in, by path.
	records map[string]*record
}

var disabled = newSwitches()

func newSwitches() *switches {
	return &switches{off: map[string]Disabled{}, users: map[*instance]bool{}, records: map[string]*record{}}
}

// enter has a configuration use the switches, and keeps them in its folder for state; ""
// is none. The first configuration of a process takes over what was kept; at a reload
// what holds in memory is the truth.
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

// takeOver reads what an earlier process kept. A file that cannot be read disables
// nothing, and is named.
func (s *switches) takeOver(r *record) {
	all, err := r.read()
	if err != nil {
		log.Errorf("refused: %v; no policy zone is disabled by it", err)
	}
	for _, d := range all {
		s.off[d.Zone] = d
	}
}

// leave ends what enter began. The last configuration leaves nothing behind in memory.
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

// list returns the zones that are disabled, by name.
func (s *switches) list() []Disabled {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := slices.SortedFunc(maps.Values(s.off), func(a, b Disabled) int { return cmp.Compare(a.Zone, b.Zone) })
	return append([]Disabled{}, all...) // none is an empty list in JSON
}

// set disables the zone. One that is disabled already stays so since then, for the new
// reason.
func (s *switches) set(d Disabled) {
	s.mu.Lock()
	if before, off := s.off[d.Zone]; off {
		d.Since = before.Since
	}
	s.off[d.Zone] = d
	s.mu.Unlock()
	s.save()
}

// reset enables the zone; false where it was.
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

// save writes what holds.
func (s *switches) save() {
	for _, r := range s.all() {
		r.save()
	}
}

// unkept returns why what holds would not outlive a restart; "" where it would.
func (s *switches) unkept() string {
	all := s.all()
	if len(all) == 0 {
		return "it holds in memory alone, and a restart forgets it: no rpz block has `state`"
	}
	var failing []string
	for _, r := range all {
		if err := r.disk.Failing(); err != nil {
			failing = append(failing, "it holds in memory alone, and a restart would go back to what was before, until the file can be written: "+err.Error())
		}
	}
	return strings.Join(failing, "; ")
}

package filewatch

import (
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"sync"

	"github.com/fsnotify/fsnotify"
)

// hub is the process's one watcher. It exists while anyone watches.
var hub struct {
	sync.Mutex
	watcher *fsnotify.Watcher
	// folders maps each watched directory to its subscriptions.
	folders map[string]map[*subscription]bool
	all     map[*subscription]bool
}

// subscription is one caller that watches directories.
type subscription struct {
	// events and errors have room for one value: a subscriber that is woken looks at
	// everything.
	events chan struct{}
	errors chan error
	// blind are the paths that were already reported as unwatchable.
	blind map[string]bool
	// paths are the paths that changed since they were last taken; uncounted is set if
	// there may be others. The hub guards both.
	paths     map[string]bool
	uncounted bool
}

// mostPaths bounds the paths that are stored: if more change, the subscriber looks at
// everything.
const mostPaths = 1024

// note adds the path. The hub must be locked.
func (s *subscription) note(path string) {
	if s.paths[path] = true; len(s.paths) > mostPaths {
		s.overflow()
	}
}

// overflow records that anything may have changed. The hub must be locked.
func (s *subscription) overflow() {
	s.uncounted = true
	clear(s.paths)
}

// take returns the paths that changed since the last call, sorted, and whether these are
// all.
func (s *subscription) take() (paths []string, all bool) {
	hub.Lock()
	defer hub.Unlock()
	paths, all = slices.Sorted(maps.Keys(s.paths)), !s.uncounted
	s.paths, s.uncounted = map[string]bool{}, false
	return paths, all
}

func subscribe() *subscription {
	hub.Lock()
	defer hub.Unlock()
	if hub.all == nil {
		hub.folders, hub.all = map[string]map[*subscription]bool{}, map[*subscription]bool{}
	}
	s := &subscription{events: make(chan struct{}, 1), errors: make(chan error, 1), paths: map[string]bool{}}
	hub.all[s] = true
	return s
}

// start creates the watcher, of which a user has few. The hub must be locked.
func start() error {
	if hub.watcher != nil {
		return nil
	}
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return err
	}
	hub.watcher = watcher
	go deliver(watcher)
	return nil
}

// watch adds a directory, whose name must not contain a symbolic link: the kernel treats
// two names of one directory as one. If a directory was replaced by another, watch
// watches the new one.
func (s *subscription) watch(folder string) error {
	hub.Lock()
	defer hub.Unlock()
	if err := start(); err != nil {
		return err
	}
	if err := hub.watcher.Add(folder); err != nil {
		return err
	}
	if hub.folders[folder] == nil {
		hub.folders[folder] = map[*subscription]bool{}
	}
	hub.folders[folder][s] = true
	return nil
}

// keep stops watching all directories that are not listed.
func (s *subscription) keep(listed map[string]bool) {
	hub.Lock()
	defer hub.Unlock()
	for folder := range hub.folders {
		if !listed[folder] {
			s.forget(folder)
		}
	}
}

// end removes the subscription; the last one closes the watcher.
func (s *subscription) end() {
	s.keep(nil)
	hub.Lock()
	defer hub.Unlock()
	delete(hub.all, s)
	if len(hub.all) == 0 && hub.watcher != nil {
		_ = hub.watcher.Close() // nobody is left to report to
		hub.watcher = nil
	}
}

// forget stops watching a directory. The hub must be locked.
func (s *subscription) forget(folder string) {
	watching := hub.folders[folder]
	if !watching[s] {
		return
	}
	if delete(watching, s); len(watching) == 0 {
		delete(hub.folders, folder)
		_ = hub.watcher.Remove(folder) // it may be gone
	}
}

// deliver passes events to subscriptions until the watcher is closed.
func deliver(watcher *fsnotify.Watcher) {
	for {
		select {
		case event, ok := <-watcher.Events:
			if !ok {
				return
			}
			if event.Op != fsnotify.Chmod {
				// An event of the directory itself carries its name; other events are in
				// the directory.
				tell(event.Name, event.Name)
				tell(filepath.Dir(event.Name), event.Name)
			}
		case err, ok := <-watcher.Errors:
			if !ok {
				return
			}
			tellAll(err)
		}
	}
}

// wake makes the subscriber look.
func (s *subscription) wake() {
	select {
	case s.events <- struct{}{}:
	default:
	}
}

func tell(folder, path string) {
	hub.Lock()
	defer hub.Unlock()
	for s := range hub.folders[folder] {
		s.note(path)
		s.wake()
	}
}

func tellAll(err error) {
	hub.Lock()
	defer hub.Unlock()
	for s := range hub.all {
		s.overflow()
		if errors.Is(err, fsnotify.ErrEventOverflow) {
			s.wake() // so the kernel reports many changes; this is not a failure
			continue
		}
		select {
		case s.errors <- err:
		default:
		}
	}
}

package filewatch

import (
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"sync"

	"github.com/fsnotify/fsnotify"
)

// hub is the process's one watcher, which is there while somebody watches.
var hub struct {
	sync.Mutex
	watcher *fsnotify.Watcher
	// folders are the subscriptions of each watched folder.
	folders map[string]map[*subscription]bool
	all     map[*subscription]bool
}

// subscription is somebody who watches folders.
type subscription struct {
	// events and errors have room for one: whoever is told once looks at everything.
	events chan struct{}
	errors chan error
	// blind are the paths of which it was said that they cannot be watched.
	blind map[string]bool
	// paths are those that changed since they were last taken, and uncounted is set where
	// there may be others. The hub guards both.
	paths     map[string]bool
	uncounted bool
}

// mostPaths bounds the paths that are kept: where more change, one looks at everything.
const mostPaths = 1024

// note keeps the path. The hub is locked.
func (s *subscription) note(path string) {
	if s.paths[path] = true; len(s.paths) > mostPaths {
		s.overflow()
	}
}

// overflow notes that anything may have changed. The hub is locked.
func (s *subscription) overflow() {
	s.uncounted = true
	clear(s.paths)
}

// take returns the paths that changed since it was last called, sorted, and whether they
// are all that did.
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

// start makes the watcher, of which a user has few. The hub is locked.
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

// watch adds a folder, whose name has no link in it: two names of one folder would be
// one to the kernel. A folder that was replaced by another is watched in its place.
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

// keep gives all folders up but those listed.
func (s *subscription) keep(listed map[string]bool) {
	hub.Lock()
	defer hub.Unlock()
	for folder := range hub.folders {
		if !listed[folder] {
			s.forget(folder)
		}
	}
}

// end gives the subscription up; with the last one the watcher goes.
func (s *subscription) end() {
	s.keep(nil)
	hub.Lock()
	defer hub.Unlock()
	delete(hub.all, s)
	if len(hub.all) == 0 && hub.watcher != nil {
		_ = hub.watcher.Close() // nobody is left to be told
		hub.watcher = nil
	}
}

// forget gives a folder up. The hub is locked.
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

// deliver tells subscriptions what happens until the watcher is closed.
func deliver(watcher *fsnotify.Watcher) {
	for {
		select {
		case event, ok := <-watcher.Events:
			if !ok {
				return
			}
			if event.Op != fsnotify.Chmod {
				// What happens to a folder itself has its name; else it is in the folder.
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

// wake has the subscriber look.
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
			s.wake() // it is the kernel's way to say that much changes, and no failure
			continue
		}
		select {
		case s.errors <- err:
		default:
		}
	}
}

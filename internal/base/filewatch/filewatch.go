// Package filewatch reports when files change, and handles what editors and ConfigMaps
// do: a write, a rename over the old file, a swapped symbolic link.
//
// All watches of a process share one inotify instance, of which a user has few (128 by
// default). Every function may be called from any goroutine.
package filewatch

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	// settle is how long the directories must be quiet before a change is reported: a
	// rename-and-replace by an editor or a ConfigMap causes several events.
	settle = 50 * time.Millisecond
	// settleMost bounds the wait in a directory that is never quiet.
	settleMost = time.Second
	// reread bounds how long a change goes unnoticed on a file system that reports none
	// (NFS, some overlays).
	reread = 30 * time.Second
	// lookAgain is the delay before asking for a list again after there was none: a
	// removed directory may be created again.
	lookAgain = time.Second
)

// Folders calls changed once at the start and after every change in the directories,
// until ctx ends. It watches directories rather than files, because it would lose a file
// that is replaced by a rename; for a file in the list it watches the file's directory.
// It also watches symbolic links on the way to a directory, because their targets may
// change. After each change it asks for the list again, because subdirectories come and
// go.
//
// If a path cannot be watched, onError gets it once, and changed is still called every 30
// seconds. Folders returns an error only if there is no list at the start; later failures
// go to onError, and the watch continues.
func Folders(ctx context.Context, list func() ([]string, error), changed func(), onError func(error)) error {
	return Paths(ctx, list, func([]string) bool { return false }, changed, onError)
}

// Paths is like Folders, but for callers that need to know what changed. If it knows all
// changed paths, it calls some with them; these paths have no symbolic link in the name of
// their directory. If some returns false, more must be looked at. Then, and every 30
// seconds, Paths asks for the list again and calls changed.
func Paths(ctx context.Context, list func() ([]string, error), some func([]string) bool, changed func(), onError func(error)) error {
	s := subscribe()
	defer s.end()
	// Watch first and read afterwards, so that no change is missed in between.
	if err := s.follow(list, onError); err != nil {
		return err
	}
	changed()
	for next := time.Now().Add(reread); s.wait(ctx, time.Until(next), onError); {
		paths, all := s.take()
		if all && time.Now().Before(next) && (len(paths) == 0 || some(paths)) {
			continue
		}
		next = time.Now().Add(reread)
		if err := s.follow(list, onError); err != nil {
			onError(err)
			next = time.Now().Add(lookAgain)
		}
		changed()
	}
	return nil
}

// mostNamed bounds how many unwatchable paths are named at once.
const mostNamed = 20

// follow watches every directory of the list, and stops watching all others.
func (s *subscription) follow(list func() ([]string, error), onError func(error)) error {
	paths, err := list()
	if err != nil {
		return err
	}
	listed, blind, named := map[string]bool{}, map[string]bool{}, 0
	for _, path := range paths {
		folders, err := ways(path)
		for _, folder := range folders {
			listed[folder] = true
			err = errors.Join(err, s.watch(folder))
		}
		if err == nil {
			continue
		}
		if blind[path] = true; s.blind[path] {
			continue
		}
		if named++; named <= mostNamed {
			onError(fmt.Errorf("cannot watch %s; reading it every %v instead: %w", path, reread, err))
		}
	}
	if named -= mostNamed; named > 0 {
		onError(fmt.Errorf("cannot watch %d more", named))
	}
	s.blind = blind
	s.keep(listed)
	return nil
}

// wait returns true after a change or after the pause; it returns false when ctx ends.
func (s *subscription) wait(ctx context.Context, pause time.Duration, onError func(error)) bool {
	quiet := time.NewTimer(pause)
	defer quiet.Stop()
	var deadline time.Time
	for {
		select {
		case <-ctx.Done():
			return false
		case <-quiet.C:
			return true
		case err := <-s.errors:
			onError(fmt.Errorf("watch: %w", err))
			quiet.Reset(settle)
		case <-s.events:
			now := time.Now()
			if deadline.IsZero() {
				deadline = now.Add(settleMost)
			}
			quiet.Reset(min(settle, deadline.Sub(now)))
		}
	}
}

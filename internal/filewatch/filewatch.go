// Package filewatch tells when files change, in a way that outlives what editors
// and ConfigMaps do: a write, a rename over the old file, a swapped symbolic link.
//
// All watches of a process share one instance of the kernel's, of which a user
// has few (128 by default). Every function may be called by any goroutine.
package filewatch

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	// settle is how long the folders must be quiet before a change is reported:
	// an editor's rename-and-replace, or a ConfigMap's, is several events.
	settle = 50 * time.Millisecond
	// settleMost bounds the wait in a folder that is never quiet.
	settleMost = time.Second
	// reread bounds how long a change stays unseen on a file system that
	// reports none (NFS, some overlays).
	reread = 30 * time.Second
	// lookAgain is how soon a list is asked for that there was none of: a folder was
	// removed, and may be made again.
	lookAgain = time.Second
)

// Folders calls changed once at the start and after every change in the folders
// until ctx ends. Folders rather than files are watched, or a file replaced by
// a rename would be lost; for a file in the list its folder is. Links on the way to
// a folder are watched too, as they may come to lead elsewhere. The list is asked for
// again after each change, as sub-folders come and go.
//
// A path that cannot be watched goes to onError once, and changed is called every 30
// seconds all the same. Folders returns an error only if there is no list at the
// start; later failures go to onError, and the watch goes on.
func Folders(ctx context.Context, list func() ([]string, error), changed func(), onError func(error)) error {
	return Paths(ctx, list, func([]string) bool { return false }, changed, onError)
}

// Paths is Folders for those to whom it matters what changed. It calls some with the
// paths, which have no link in the name of their folder, where no others changed; some
// returns false where they are not all that must be looked at. Then, and every 30 seconds,
// the list is asked for again and changed is called.
func Paths(ctx context.Context, list func() ([]string, error), some func([]string) bool, changed func(), onError func(error)) error {
	s := subscribe()
	defer s.end()
	// Watch first and read after, so that no change falls between the two.
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

// mostNamed bounds the paths that are named at once as ones that cannot be watched.
const mostNamed = 20

// follow watches every folder of the list, and no other any more.
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
			onError(fmt.Errorf("cannot watch %s, so it is read again every %v: %w", path, reread, err))
		}
	}
	if named -= mostNamed; named > 0 {
		onError(fmt.Errorf("cannot watch %d more", named))
	}
	s.blind = blind
	s.keep(listed)
	return nil
}

// wait returns true when something changed, or after the pause; false when ctx ended.
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

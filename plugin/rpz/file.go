package rpz

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nearcast/nearcast/internal/base/filewatch"
	"github.com/nearcast/nearcast/internal/base/folder"
	"github.com/nearcast/nearcast/internal/base/regular"
	"github.com/nearcast/nearcast/plugin/rpz/internal/demand"
	"github.com/nearcast/nearcast/plugin/rpz/internal/policyzone"
	"github.com/nearcast/nearcast/plugin/rpz/internal/secondary"
)

// file is a zone that is read from a file. Call begin first; then its methods belong to the goroutine of watch.
type file struct {
	*source
	path string
	// judged is the file that was last used or refused, and missing is set while
	// there is none.
	judged  regular.Identity
	missing bool
	change  change

	// kept is the last good copy, and unkept says that the copy is older than the generation in use.
	kept   *secondary.Copy
	unkept bool
	disk   folder.Disk

	demands  demand.Queue[progress]
	progress atomic.Pointer[progress]
}

func newFile(s *source) *file {
	f := &file{source: s, path: s.origin.file, demands: demand.NewQueue[progress]()}
	f.progress.Store(&progress{})
	if path := s.origin.copy(); path != "" {
		f.kept = secondary.NewCopy(path, s.origin.zone)
	}
	return f
}

// begin reads the file. If it cannot be used, or may be incomplete compared with the last good copy, that copy
// takes its place. Without a copy nothing does; if a configuration is already running, this is an error, and that
// configuration goes on.
func (f *file) begin(runs bool) error {
	var there bool
	f.judged, there = regular.Identify(f.path)
	f.missing = !there
	z, err := f.read()
	if err == nil {
		f.start(z, time.Now(), runs)
		return nil
	}
	f.note(fileRefused, err, 0)
	switch copied, at := f.copied(); {
	case copied != nil:
		log.Errorf("zone %s: %v; its last good copy, of %s, is used until the file is valid", f.origin.zone, err, at.UTC().Format(time.RFC3339))
		f.publish(copied)
	case runs:
		return fmt.Errorf("zone %s: %w", f.origin.zone, err)
	default:
		log.Errorf("zone %s: %v; there is no last good copy: until the file is valid, servfail-until-ready decides how queries are answered", f.origin.zone, err)
	}
	return nil
}

// start uses what was read at start. A file that was written while the process was down, and looks incomplete
// compared with the last good copy, is replaced by that copy. A file that is being written, and has no copy, is
// waited for if nothing answers yet. Either is then judged like a changed file.
func (f *file) start(z *policyzone.Zone, now time.Time, runs bool) {
	var c change
	c.saw(f.judged, now)
	if c.lies(now) <= 0 && !z.Torn() {
		f.take(z) // so the copy need not be read
		return
	}
	copied, at := f.copied()
	switch doubts := compare(copied, z); {
	case doubts.matter(false, f.judged):
		log.Warningf("zone %s: %s %s: it may be incomplete; its last good copy, of %s, is used meanwhile", f.origin.zone, f.path, doubts, at.UTC().Format(time.RFC3339))
		f.publish(copied)
	case copied == nil && z.Torn() && c.settles(now) > 0 && !runs:
		log.Warningf("zone %s: %s %s: until writing stops, servfail-until-ready decides how queries are answered", f.origin.zone, f.path, writing)
	default:
		f.take(z)
		return
	}
	f.judged = f.judged.Unread()
}

// copied returns the last good copy and its time; nil if there is none.
func (f *file) copied() (*policyzone.Zone, time.Time) {
	if f.kept == nil {
		return nil, time.Time{}
	}
	z, at, err := f.kept.Load()
	if err != nil {
		log.Warningf("zone %s: %v", f.origin.zone, err)
	}
	return z, at
}

// read reads the file, and counts a refused one.
func (f *file) read() (*policyzone.Zone, error) {
	z, _, err := policyzone.ReadFile(f.path, f.origin.zone)
	if err != nil {
		loads.WithLabelValues(f.origin.zone, "refused").Inc()
	}
	return z, err
}

// take puts a zone that was read into use.
func (f *file) take(z *policyzone.Zone) {
	loads.WithLabelValues(f.origin.zone, "loaded").Inc()
	f.unkept = f.kept != nil
	f.note(fileLoaded, nil, 0)
	f.publish(z)
}

// warn logs why the zone in use stays.
func (f *file) warn(err error) {
	log.Warningf("zone %s: %v; the last good generation stays in use", f.origin.zone, err)
}

// watch reads the file again when it changes, until ctx ends. It logs an invalid file by name, and keeps the zone
// that was read before.
func (f *file) watch(ctx context.Context) {
	changed := make(chan struct{}, 1)
	var watching sync.WaitGroup
	defer watching.Wait()
	watching.Go(func() {
		list := func() ([]string, error) { return []string{filepath.Dir(f.path)}, nil }
		notify := func() {
			select {
			case changed <- struct{}{}:
			default: // it has not been checked yet
			}
		}
		warn := func(err error) { log.Warningf("zone %s: %v", f.origin.zone, err) }
		if err := filewatch.Folders(ctx, list, notify, warn); err != nil {
			warn(err)
		}
	})
	again := time.NewTimer(0)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-changed:
		case <-again.C:
		case reply := <-f.demands:
			reply <- f.reload(time.Now())
		}
		again.Reset(min(f.look(time.Now()), unseen))
		f.keep()
	}
}

const (
	// never is the wait for a file that does not change.
	never = time.Duration(1<<63 - 1)
	// unseen bounds how long a change goes unnoticed if the system does not report it: on NFS, behind a link to
	// another directory, in a directory that was made or mounted later.
	unseen = time.Second
)

// look uses the file if it differs from the one judged last and is complete. It returns when to look again if no
// change is reported before.
func (f *file) look(now time.Time) time.Duration {
	id, there := regular.Identify(f.path)
	gone := f.missing
	f.missing = !there
	switch {
	case !there && gone:
		return never
	case there && id == f.judged:
		f.change = change{}
		return never
	}
	inPlace := there && id.SameFile(f.judged)
	f.change.saw(id, now)
	if wait := f.change.settles(now); inPlace && wait > 0 {
		return f.wait(wait, writing, now)
	}
	z, err := f.read()
	after, _ := regular.Identify(f.path)
	if after != id && !f.change.lasts(now) {
		f.change.saw(after, now)
		return f.wait(settled, writing, now)
	}
	if err != nil {
		return f.refuse(id, err)
	}
	doubts := compare(f.zone.Load(), z)
	if wait := f.change.lies(now); wait > 0 && doubts.matter(inPlace, id) {
		return f.wait(wait, doubts.String(), now)
	}
	if doubts.torn && doubts.shrunk {
		return f.refuse(id, f.half(doubts))
	}
	f.judged, f.change = id, change{}
	f.take(z)
	return never
}

// half is why a file with both signs of being incomplete is refused.
func (f *file) half(d doubts) error {
	return fmt.Errorf("%s: %s: if it is complete, end its last line with a newline", f.path, d)
}

// refuse logs a file that is not used, by name. It is read again once it changes.
func (f *file) refuse(id regular.Identity, err error) time.Duration {
	f.judged, f.change = id, change{}
	f.note(fileRefused, err, 0)
	f.warn(err)
	return never
}

// wait logs why the file is not used yet, once per change.
func (f *file) wait(pause time.Duration, why string, now time.Time) time.Duration {
	f.note(fileWaiting, fmt.Errorf("%s %s", f.path, why), pause)
	if f.change.say(why, now) {
		loads.WithLabelValues(f.origin.zone, "waiting").Inc()
		f.warn(fmt.Errorf("%s %s: it is loaded once it has not changed for a while, or for %s if it may be incomplete; a file that is renamed into place is loaded at once", f.path, why, stalled))
	}
	return pause
}

// keep saves the generation in use for the next start. It retries after a disk failure.
func (f *file) keep() {
	z := f.zone.Load()
	if !f.unkept || z == nil {
		return
	}
	err := f.kept.Save(z)
	f.unkept = err != nil
	switch failed, recovered := f.disk.Tried(err); {
	case failed != nil:
		log.Warningf("zone %s: cannot save the last good copy: %v", f.origin.zone, failed)
	case recovered:
		log.Infof("zone %s: the last good copy is saved again", f.origin.zone)
	}
}

package rpz

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nearcast/nearcast/internal/filewatch"
	"github.com/nearcast/nearcast/internal/folder"
	"github.com/nearcast/nearcast/internal/regular"
	"github.com/nearcast/nearcast/plugin/rpz/internal/demand"
	"github.com/nearcast/nearcast/plugin/rpz/internal/policyzone"
	"github.com/nearcast/nearcast/plugin/rpz/internal/secondary"
)

// file is a zone that is read from a file. begin is called first; then its methods
// belong to the goroutine of watch.
type file struct {
	*source
	path string
	// judged is the file that was last used or refused, and missing is set while
	// there is none.
	judged  regular.Identity
	missing bool
	change  change

	// kept is the last good copy, and unkept says that it is not yet of the generation
	// in use.
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

// begin reads the file. One that cannot be used, or may be half of the last good copy, is
// replaced by that, and without a copy by nothing; it is an error where a configuration
// already runs, which then goes on.
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
		log.Errorf("zone %s: %v; its last good copy, of %s, is used until the file is good", f.origin.zone, err, at.UTC().Format(time.RFC3339))
		f.publish(copied)
	case runs:
		return fmt.Errorf("zone %s: %w", f.origin.zone, err)
	default:
		log.Errorf("zone %s: %v; there is no last good copy of it: until the file is good, queries are answered as servfail-until-ready says", f.origin.zone, err)
	}
	return nil
}

// start uses what was read at start. A file that was written while nobody looked, and
// looks like half of the last good copy, is replaced by that; one that is just being
// written, and has no copy, is waited for where nothing answers yet. Either is then judged
// as a file that has changed.
func (f *file) start(z *policyzone.Zone, now time.Time, runs bool) {
	var c change
	c.saw(f.judged, now)
	if c.lies(now) <= 0 && !z.Torn() {
		f.take(z) // and the copy need not be read
		return
	}
	copied, at := f.copied()
	switch doubts := compare(copied, z); {
	case doubts.matter(false, f.judged):
		log.Warningf("zone %s: %s %s: it may be half of a list; its last good copy, of %s, is used meanwhile", f.origin.zone, f.path, doubts, at.UTC().Format(time.RFC3339))
		f.publish(copied)
	case copied == nil && z.Torn() && c.settles(now) > 0 && !runs:
		log.Warningf("zone %s: %s %s: until it is quiet, queries are answered as servfail-until-ready says", f.origin.zone, f.path, writing)
	default:
		f.take(z)
		return
	}
	f.judged = f.judged.Unread()
}

// copied returns the last good copy, nil where there is none, and of when it is.
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

// read reads the file, and counts one that is refused.
func (f *file) read() (*policyzone.Zone, error) {
	z, _, err := policyzone.ReadFile(f.path, f.origin.zone)
	if err != nil {
		loads.WithLabelValues(f.origin.zone, "refused").Inc()
	}
	return z, err
}

// take puts what was read into use.
func (f *file) take(z *policyzone.Zone) {
	loads.WithLabelValues(f.origin.zone, "loaded").Inc()
	f.unkept = f.kept != nil
	f.note(fileLoaded, nil, 0)
	f.publish(z)
}

// warn says why what is in use stays.
func (f *file) warn(err error) {
	log.Warningf("zone %s: %v; the last good generation stays", f.origin.zone, err)
}

// watch reads the file again when it changes, until ctx ends. A file that is not
// good is named, and what was read before it stays.
func (f *file) watch(ctx context.Context) {
	changed := make(chan struct{}, 1)
	var watching sync.WaitGroup
	defer watching.Wait()
	watching.Go(func() {
		list := func() ([]string, error) { return []string{filepath.Dir(f.path)}, nil }
		notify := func() {
			select {
			case changed <- struct{}{}:
			default: // it is not looked at yet
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
	// never is how long to wait for a file that does not change.
	never = time.Duration(1<<63 - 1)
	// unseen is how long a change goes unseen at most where the system tells of none: on
	// NFS, behind a link to another folder, in a folder that was made or mounted later.
	unseen = time.Second
)

// look uses the file if it is another than the one that was judged last, and whole. It
// returns when to look again if nothing is heard until then.
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

// half is why a file is refused that has both marks of a half.
func (f *file) half(d doubts) error {
	return fmt.Errorf("%s: %s: end its last line if it is whole", f.path, d)
}

// refuse names a file that is not used; it is looked at again once it changes.
func (f *file) refuse(id regular.Identity, err error) time.Duration {
	f.judged, f.change = id, change{}
	f.note(fileRefused, err, 0)
	f.warn(err)
	return never
}

// wait says why the file is not used yet, once of a change.
func (f *file) wait(pause time.Duration, why string, now time.Time) time.Duration {
	f.note(fileWaiting, fmt.Errorf("%s %s", f.path, why), pause)
	if f.change.say(why, now) {
		loads.WithLabelValues(f.origin.zone, "waiting").Inc()
		f.warn(fmt.Errorf("%s %s: it is not used before it is quiet, for %s where it may be half of a list; a file that is renamed to its name is used at once", f.path, why, stalled))
	}
	return pause
}

// keep keeps the generation in use for the next start. A disk that fails is tried again.
func (f *file) keep() {
	z := f.zone.Load()
	if !f.unkept || z == nil {
		return
	}
	err := f.kept.Save(z)
	f.unkept = err != nil
	switch failed, recovered := f.disk.Tried(err); {
	case failed != nil:
		log.Warningf("zone %s: the last good copy is not kept: %v", f.origin.zone, failed)
	case recovered:
		log.Infof("zone %s: the last good copy is kept again", f.origin.zone)
	}
}

package site

import (
	"context"
	"errors"
	"time"

	"github.com/nearcast/nearcast/internal/base/folder"
	"github.com/nearcast/nearcast/internal/source/snapshot"
)

// How often the state is written: soon after a change, and regularly so that the round-trip
// times and the age in the file stay recent; but never so often that writing is most of the
// site's work. At rest it is most of it, and wears out a small disk.
const (
	saveChanged = 5 * time.Second
	saveAnyway  = 5 * time.Minute
	// saveShare is the ratio of the pause between saves to the duration of a save; the
	// pause is at most mostPause. A save of a hundred thousand functions takes some
	// tenths of a second on a good disk, and must not occupy a slow one.
	saveShare = 20
	mostPause = 5 * time.Minute
)

func (s *Site) snapshotPath() string { return snapshot.Path(s.config.Snapshot, s.config.Source.Key()) }

// restore stages the last snapshot. It reports an unusable snapshot, and the site starts
// as if there were none.
func (s *Site) restore() {
	c, err := snapshot.Load(s.snapshotPath(), s.config.Source.Key())
	switch {
	case errors.Is(err, snapshot.ErrNone):
	case err != nil:
		s.log.Warningf("refused: %v", err)
	default:
		s.store.Restore(c.Objects, c.Confirmed)
		s.seed = c.Verdicts
		s.resolver.Know(c.Lookups)
		for _, f := range c.Refused {
			s.log.Warningf("refused: snapshot: %v", f)
		}
		s.log.Infof("started from the snapshot of %s, confirmed %s ago", c.Saved.Format(time.RFC3339), time.Since(c.Confirmed).Round(time.Second))
	}
}

// persist writes snapshots until ctx ends, and a last one then.
func (s *Site) persist(ctx context.Context) {
	var disk folder.Disk
	tick := time.NewTicker(saveChanged)
	defer tick.Stop()
	var saved *View
	var at, next time.Time
	save := func() {
		view := s.View()
		objects, synced := s.store.Held()
		if view == nil || !synced {
			return // the snapshot on disk is as good
		}
		began := time.Now()
		err := snapshot.Save(s.snapshotPath(), s.config.Source.Key(), snapshot.State{
			Confirmed: s.Confirmed(), Objects: objects, Verdicts: s.prober.All(), Lookups: s.resolver.Found(),
		})
		at = time.Now()
		next = at.Add(min(saveShare*at.Sub(began), mostPause))
		switch failed, recovered := disk.Tried(err); {
		case failed != nil:
			s.log.Warningf("%v", failed)
		case recovered:
			s.log.Infof("snapshot %s: writing it succeeds again", s.snapshotPath())
		}
		if err == nil {
			saved = view
		}
	}
	for {
		select {
		case <-ctx.Done():
			save()
			return
		case <-tick.C:
			if time.Now().After(next) && (differs(s.View(), saved) || time.Since(at) > saveAnyway) {
				save()
			}
		}
	}
}

// differs reports whether a view has more than other round-trip times than what was saved.
func differs(view, saved *View) bool {
	return view != saved && (saved == nil || view.State != saved.State || !view.Standing.JudgesLike(saved.Standing))
}

package site

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/federation/staging"
	"github.com/nearcast/nearcast/internal/steering/health"
	"github.com/nearcast/nearcast/internal/steering/steer"
)

// reads is a source that says when it is read.
type reads chan struct{}

func (r reads) Run(ctx context.Context, _ *staging.Store, _ func(error)) error {
	r <- struct{}{}
	<-ctx.Done()
	return nil
}

// TestARestoredSiteAnswersBeforeItReadsItsSource: reading a large source takes all
// processors, and the first answers need them. A Site without a snapshot reads at once.
func TestARestoredSiteAnswersBeforeItReadsItsSource(t *testing.T) {
	for _, restored := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			source := make(reads, 1)
			s := &Site{store: staging.NewStore(), source: source, log: silent{}, first: make(chan struct{})}
			if restored {
				s.store.Restore(nil, time.Now())
			}
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan struct{})
			go func() {
				s.follow(ctx)
				close(ended)
			}()
			synctest.Wait()
			if read := len(source) > 0; read == restored {
				t.Errorf("restored: %t; read before the first View: %t", restored, read)
			}
			close(s.first)
			if synctest.Wait(); len(source) == 0 {
				t.Errorf("restored: %t; not read after the first View", restored)
			}
			stop()
			<-ended
		})
	}
}

// TestARestoredSiteEndsWithoutAFirstView stops it while it waits.
func TestARestoredSiteEndsWithoutAFirstView(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := make(reads, 1)
		s := &Site{store: staging.NewStore(), source: source, log: silent{}, first: make(chan struct{})}
		s.store.Restore(nil, time.Now())
		ctx, stop := context.WithCancel(t.Context())
		stop()
		if s.follow(ctx); len(source) > 0 {
			t.Error("it read the source")
		}
	})
}

// TestNewRoundTripTimesAloneAreNoReasonToSave: they change all the time, and the state is
// written whole.
func TestNewRoundTripTimesAloneAreNoReasonToSave(t *testing.T) {
	s, at := still(t, size{functions: 100, clusters: 4, locations: 10, placements: 2})
	s.rebuild(at)
	saved := s.View()
	with := func(standing *steer.Standing) *View {
		v := *saved
		v.Standing = standing
		return &v
	}
	measured := saved.Standing.Measure([]time.Duration{40 * time.Millisecond, 0, 0, time.Millisecond})
	if measured == saved.Standing || differs(with(measured), saved) {
		t.Error("other round-trip times are saved, or were not taken")
	}
	down := func(federation.SharedTarget) health.Verdict { return health.Verdict{State: health.Down} }
	if !differs(with(saved.Restand(down, saved.Standing, []int{0})), saved) {
		t.Error("a function that went down is not saved")
	}
	s.rebuild(at)
	if !differs(s.View(), saved) || !differs(saved, nil) {
		t.Error("a new state is not saved")
	}
}

package secondary

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"
)

// TestAPrimaryIsQueriedOnDemand demands a zone that is unchanged, one that is new, one
// that fails and one that hangs: each is queried at once, and the next attempt is then
// due as after any other.
func TestAPrimaryIsQueriedOnDemand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, w := begin(t, nil, nil)
		// A fake that sleeps must wake and see that nobody listens.
		defer func() { w.stop(); time.Sleep(time.Minute) }()
		if st := w.Status(); st.Result != AXFR || st.Tried.IsZero() || st.Next.IsZero() {
			t.Errorf("after the first transfer: %+v", st)
		}
		for _, step := range []struct {
			does   func(*request) *answer
			want   Result
			serial uint32
			wait   time.Duration // of the SOA
		}{
			{serves(nil, held), Current, 1, 100 * time.Second},
			{serves(nil, held, next), IXFR, 2, 100 * time.Second},
			{code(dns.RcodeRefused), Refused, 2, 10 * time.Second},
			{serves(nil, next), Current, 2, 100 * time.Second},
		} {
			f.set(step.does)
			start := time.Now()
			got, err := w.Refresh(t.Context())
			if got != step.want || (err == nil) != (got != Refused) || time.Since(start) > time.Second {
				t.Errorf("got %s, %v after %s, want %s", got, err, time.Since(start), step.want)
			}
			st := w.Status()
			if st.Serial != step.serial || st.Result != got || !errors.Is(st.Err, err) || !st.Tried.Equal(time.Now()) {
				t.Errorf("%s: got %+v", step.want, st)
			}
			if wait := time.Until(st.Next); wait < step.wait*3/4 || wait > step.wait {
				t.Errorf("%s: the next attempt is in %s", step.want, wait)
			}
		}
		f.set(func(*request) *answer { return &answer{hang: true} })
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		if _, err := w.Refresh(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a query that hangs: got %v", err)
		}
		if st := w.Status(); !st.Next.IsZero() {
			t.Errorf("an attempt is under way: %+v", st)
		}
		if _, err := w.Refresh(t.Context()); err == nil || !strings.Contains(err.Error(), "from the primary") {
			t.Errorf("after a query that hangs: got %v", err)
		}
	})
}

package demand

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestADemandIsAnsweredOrAbandoned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := NewQueue[int]()
		serve := func(pause time.Duration) {
			reply := <-q
			time.Sleep(pause)
			reply <- 7 // never blocks, whoever still waits
		}
		for _, c := range []struct {
			name   string
			serves bool
			pause  time.Duration
			want   int
			err    error
		}{
			{"it is answered", true, time.Second, 7, nil},
			{"it takes too long", true, time.Minute, 0, context.DeadlineExceeded},
			{"nobody takes it", false, 0, 0, context.DeadlineExceeded},
		} {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			if c.serves {
				go serve(c.pause)
			}
			if got, err := q.Make(ctx); got != c.want || !errors.Is(err, c.err) {
				t.Errorf("%s: got %d, %v", c.name, got, err)
			}
			cancel()
			time.Sleep(time.Hour)
		}
	})
}

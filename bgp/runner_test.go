package bgp

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nearcast/nearcast/bgp/config"
	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/steering/health"
)

// TestThousandsOfChecksShareTheirWakeUps counts the moments of an interval at which checks
// begin, once they are spread over it: some hundred, and not one or one for each.
func TestThousandsOfChecksShareTheirWakeUps(t *testing.T) {
	const checks, interval = 500, time.Second
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		begun := map[time.Time]int{}
		before := ask
		ask = func(context.Context, federation.Target) (health.Sample, error) {
			mu.Lock()
			defer mu.Unlock()
			begun[time.Now()]++
			return health.Sample{}, nil
		}
		defer func() { ask = before }()
		ctx, cancel := context.WithCancel(t.Context())
		results := make(chan result, checks)
		r := newRunner(ctx, results)
		all := map[string]config.Check{}
		for i := range checks {
			all[fmt.Sprint(i)] = config.Check{TCP: &config.TCPCheck{Address: netip.MustParseAddrPort("192.0.2.9:53")}, Rise: 1, Fall: 1, Interval: interval, FastInterval: interval, Timeout: time.Second}
		}
		r.set(all)
		go func() {
			for {
				select {
				case <-results:
				case <-ctx.Done():
					return
				}
			}
		}()
		time.Sleep(100 * interval)
		mu.Lock()
		clear(begun)
		mu.Unlock()
		time.Sleep(10 * interval)
		cancel()
		r.wait()
		sum, most := 0, 0
		for _, n := range begun {
			sum, most = sum+n, max(most, n)
		}
		if n := len(begun); n > 10*moments+1 || n < 7*moments {
			t.Errorf("checks started at %d moments of 10 intervals, want about %d", n, 10*moments)
		}
		if sum < 9*checks || sum > 11*checks {
			t.Errorf("got %d checks in 10 intervals, want about %d", sum, 10*checks)
		}
		if most > 10*checks/moments {
			t.Errorf("%d of %d checks started at the same time", most, checks)
		}
	})
}

// TestAChangedResultIsCheckedFaster: a failure, and then each result until
// enough have agreed, comes after the fast interval.
func TestAChangedResultIsCheckedFaster(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	results := make(chan result)
	r := newRunner(ctx, results)
	dead := config.Check{TCP: &config.TCPCheck{Address: netip.MustParseAddrPort("127.0.0.1:1")}, Rise: 1, Fall: 4, Timeout: time.Second, Interval: time.Hour, FastInterval: 20 * time.Millisecond}
	r.set(map[string]config.Check{"dead": dead})
	for range dead.Fall {
		if one := <-results; one.id != "dead" || one.failure == nil {
			t.Errorf("%+v", one)
		}
	}
	select {
	case <-results:
		t.Error("once enough results agree, the interval is the usual one")
	case <-time.After(200 * time.Millisecond):
	}
	r.set(nil) // and one that waits for an hour ends at once
	cancel()
	r.wait()
}

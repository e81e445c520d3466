package hostile

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// changes returns how long each of several changes of the victim takes to be answered.
func (w *world) changes(t *testing.T, from int) time.Duration {
	t.Helper()
	var all []time.Duration
	for i := range 9 {
		// Not in step with anything that is done once in a while.
		time.Sleep(time.Duration(130+37*i) * time.Millisecond)
		all = append(all, w.follows(t, fmt.Sprintf("192.0.2.%d", from+i)))
	}
	slices.Sort(all)
	t.Logf("changes took %v", all)
	return all[len(all)/2]
}

// TestOneNamespacesFloodDelaysAnothersChangeByNoMoreThanTwice has a tenant write hundreds
// of objects, each with more faults than there are clusters in the world, or for which
// thousands of others contend, and add one more again and again.
func TestOneNamespacesFloodDelaysAnothersChangeByNoMoreThanTwice(t *testing.T) {
	var weights, names []string
	for i := range 250 {
		weights = append(weights, fmt.Sprintf("%x=1", i))
	}
	for i := range 60 {
		names = append(names, fmt.Sprintf("n%d.fn.example.org", i))
	}
	for what, annotations := range map[string][]string{
		"weights of unknown clusters":           {"nearcast.dev/weights", strings.Join(weights, ",")},
		"names and VIPs that all of them claim": {"nearcast.dev/hostname", strings.Join(names, ","), "nearcast.dev/vip", "198.51.100.1,198.51.100.2"},
		"names of others":                       {"nearcast.dev/hostname", "login.bank.fn.example.org,*.bank.fn.example.org," + strings.Join(names, ",")},
	} {
		t.Run(what, func(t *testing.T) {
			w := newWorld(t, fixture.Three[0], victim("bank", "login"))
			p := w.serve(t, ofFiles)
			before := w.changes(t, 10)
			var crowd []fixture.Document
			for i := range 400 {
				crowd = append(crowd, function("evil", fmt.Sprintf("f%d", i), "de-wide", "2026-06-01", annotations...))
			}
			w.write(t, "evil", crowd...)
			w.write(t, "mark", function("evil", "mark", "de-wide", "2026-06-01"))
			w.awaits(t, "mark.evil.fn.example.org.", "192.0.2.18") // the control: the crowd is read
			stop, stopped := make(chan struct{}), make(chan struct{})
			go func() {
				defer close(stopped)
				for i := 0; ; i++ {
					select {
					case <-stop:
						return
					case <-time.After(time.Second):
						w.write(t, fmt.Sprintf("more%d", i%5), function("evil", fmt.Sprintf("g%d", i), "de-wide", "2026-06-01", annotations...))
					}
				}
			}()
			after := w.changes(t, 30)
			close(stop)
			<-stopped
			if bound := 2 * max(before, 100*time.Millisecond); after > bound {
				t.Errorf("a change takes %s, %s during the flood", before, after)
			}
			if lines := strings.Count(p.log.String(), "\n"); lines > 100 {
				t.Errorf("the log has %d lines", lines)
			}
		})
	}
}

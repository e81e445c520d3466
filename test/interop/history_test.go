package interop

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
)

// history records changes of a value that can be read as text.
type history struct {
	t    *testing.T
	what string

	mu      sync.Mutex
	changes []change
}

// change is what it is from that time on.
type change struct {
	at time.Time
	is string
}

// record reads repeatedly until the test ends. The value before the first
// reading is "".
func record(t *testing.T, what string, every time.Duration, read func() (string, error)) *history {
	h := &history{t: t, what: what, changes: []change{{at: time.Now()}}}
	done, ended := make(chan struct{}), make(chan struct{})
	t.Cleanup(func() { close(done); <-ended })
	go func() {
		defer close(ended)
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
			}
			now, err := read()
			if errors.Is(err, netlink.ErrDumpInterrupted) { // it changed meanwhile
				continue
			}
			if err != nil {
				t.Errorf("%s: %v", what, err)
				continue
			}
			h.add(now)
		}
	}()
	return h
}

func (h *history) add(now string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.changes[len(h.changes)-1].is != now {
		h.changes = append(h.changes, change{time.Now(), now})
	}
}

// since returns the value at a time, and the changes after it.
func (h *history) since(start time.Time) []change {
	h.mu.Lock()
	defer h.mu.Unlock()
	first := 0
	for i, c := range h.changes {
		if !c.at.After(start) {
			first = i
		}
	}
	return slices.Clone(h.changes[first:])
}

// now returns the current value.
func (h *history) now() string { return h.since(time.Now())[0].is }

// becomes waits until it is exactly these parts, such as next hops, none for
// nothing, and returns how long after start it first was.
func (h *history) becomes(start time.Time, bound time.Duration, parts ...string) time.Duration {
	h.t.Helper()
	wanted := strings.Join(slices.Sorted(slices.Values(parts)), " ")
	for {
		now := time.Now()
		for _, c := range h.since(start) {
			if c.is == wanted {
				return max(0, c.at.Sub(start))
			}
		}
		if now.Sub(start) > bound {
			h.t.Fatalf("%s: did not become [%s] within %s: %v", h.what, wanted, bound, h.since(start))
		}
		time.Sleep(look)
	}
}

func (c change) String() string { return fmt.Sprintf("%s [%s]", c.at.Format("15:04:05.000"), c.is) }

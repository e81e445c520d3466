// Package karmada follows the Karmada API and stages what it reads in a staging.Store.
// No other package talks to that API.
//
// Run blocks until its context ends and leaves no goroutine behind. Readers only strip
// and stage; nothing in this package waits for the Store's reader.
package karmada

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nearcast/nearcast/internal/federation/staging"
)

// confirmInterval is how often to check that the API is reachable. A watch that is cut
// off by a partition stays silent for minutes, so silence proves nothing.
const confirmInterval = 5 * time.Second

// Source follows one Karmada API.
type Source struct {
	api        API
	namespaces []string
	events     events
}

// New returns a Source for the given namespaces; none means all.
func New(api API, namespaces ...string) *Source {
	if len(namespaces) == 0 {
		namespaces = []string{""}
	}
	return &Source{api: api, namespaces: namespaces, events: newEvents()}
}

// Run stages the federation in store and follows it until ctx ends. It reports failures
// to onError and tries again; meanwhile the store keeps its contents.
func (s *Source) Run(ctx context.Context, store *staging.Store, onError func(error)) error {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	if s.api.Follow != nil {
		running.Go(func() { s.api.Follow(ctx, onError) })
	}
	kinds := s.kinds(store, onError)
	for _, k := range kinds {
		running.Go(func() { k.run(ctx) })
	}
	if listed(ctx, kinds) {
		s.confirm(ctx, store, kinds, onError)
	}
	return nil
}

const (
	// listedPoll is how often to check whether everything has been listed.
	listedPoll = 20 * time.Millisecond
	// optionalWait is how long to wait for optional kinds that cannot be read once all others
	// have been read, if those had failed too: an API server that has just started
	// forbids everything for a while.
	optionalWait = 3 * time.Second
)

// listed waits until the API has listed every kind completely; it gives up on optional
// kinds that it does not list. It returns false if ctx ended first.
func listed(ctx context.Context, kinds []*reader) bool {
	tick := time.NewTicker(listedPoll)
	defer tick.Stop()
	var waiting time.Time // since only optional kinds are missing
	for {
		needed := slices.ContainsFunc(kinds, func(k *reader) bool { return !k.optional && !k.listed.Load() })
		young := slices.ContainsFunc(kinds, func(k *reader) bool { return !k.optional && k.failed.Load() })
		if !needed && waiting.IsZero() {
			waiting = time.Now()
		}
		waited := !needed && (!young || time.Since(waiting) > optionalWait)
		if !slices.ContainsFunc(kinds, func(k *reader) bool { return !k.done(waited) }) {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
	}
}

// confirm records in the store that its contents are current, as long as the API answers and
// refuses nothing that is needed.
func (s *Source) confirm(ctx context.Context, store *staging.Store, kinds []*reader, onError func(error)) {
	store.Confirm(time.Now())
	tick := time.NewTicker(confirmInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		switch err := s.api.Ready(ctx); {
		case err == nil && !slices.ContainsFunc(kinds, func(k *reader) bool { return !k.optional && k.behind.Load() }):
			store.Confirm(time.Now())
		case err == nil: // the reader reports the reason
		case !errors.Is(err, context.Canceled):
			onError(fmt.Errorf("karmada: %s", strings.TrimSpace(err.Error())))
		}
	}
}

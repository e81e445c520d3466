// Package karmada follows the Karmada API and stages what it reads in a
// federation.Store. It alone talks to that API.
//
// Run blocks until its context ends and leaves no goroutine behind. Readers only
// strip and stage; nothing here waits for the Store's reader.
package karmada

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nearcast/nearcast/internal/federation"
)

// confirmInterval is how often the API is asked whether it is there. A watch
// that a partition has cut says nothing for minutes, so silence proves nothing.
const confirmInterval = 5 * time.Second

// Source follows one Karmada API.
type Source struct {
	api        API
	namespaces []string
	events     events
}

// New returns a Source of the given namespaces; none means all.
func New(api API, namespaces ...string) *Source {
	if len(namespaces) == 0 {
		namespaces = []string{""}
	}
	return &Source{api: api, namespaces: namespaces, events: newEvents()}
}

// Run stages the federation in store and follows it until ctx ends. Failures
// are reported to onError and tried again; the store keeps what it held.
func (s *Source) Run(ctx context.Context, store *federation.Store, onError func(error)) error {
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
	if told(ctx, kinds) {
		s.confirm(ctx, store, kinds, onError)
	}
	return nil
}

const (
	// toldPoll is how often it is looked whether everything was told.
	toldPoll = 20 * time.Millisecond
	// patience is how long optional kinds that cannot be read are waited for when all
	// others were, and those had failed too: an API server that has just started
	// forbids everything for a while.
	patience = 3 * time.Second
)

// told waits until the API has told of every kind whole; of optional ones, unless
// it does not. It returns false if ctx ended first.
func told(ctx context.Context, kinds []*reader) bool {
	tick := time.NewTicker(toldPoll)
	defer tick.Stop()
	var waiting time.Time // since when only optional kinds are waited for
	for {
		needed := slices.ContainsFunc(kinds, func(k *reader) bool { return !k.optional && !k.told.Load() })
		young := slices.ContainsFunc(kinds, func(k *reader) bool { return !k.optional && k.failed.Load() })
		if !needed && waiting.IsZero() {
			waiting = time.Now()
		}
		impatient := !needed && (!young || time.Since(waiting) > patience)
		if !slices.ContainsFunc(kinds, func(k *reader) bool { return !k.done(impatient) }) {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
	}
}

// confirm tells the store, while the API answers and refuses nothing that is
// needed, that what it holds is current.
func (s *Source) confirm(ctx context.Context, store *federation.Store, kinds []*reader, onError func(error)) {
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
		case err == nil: // the reader says why
		case !errors.Is(err, context.Canceled):
			onError(fmt.Errorf("karmada: %s", strings.TrimSpace(err.Error())))
		}
	}
}

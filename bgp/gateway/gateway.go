// Package gateway finds the routers of this machine's default routes, for peers that a file shared
// by many machines cannot name.
//
// A Finder runs in one goroutine and passes on immutable values.
package gateway

import (
	"context"
	"log/slog"
	"reflect"
	"time"

	"github.com/nearcast/nearcast/bgp"
	"github.com/nearcast/nearcast/bgp/route"
)

const (
	// settle is how long changes are collected before the routes are read: a default route with two
	// next hops often arrives in two steps.
	settle = 250 * time.Millisecond
	// keep is how long a router stays known after its default route has gone. A restart of the
	// network manager or a renewed lease removes the route for seconds, and ending the session
	// would withdraw all VIPs. It also lets a replacement router get its session before that of the
	// old router ends.
	keep = 30 * time.Second
	// again is the pause before a failed step is retried.
	again = 5 * time.Second
)

// routes are the default routes of this machine.
type routes interface {
	// list returns the routers of the family's default routes and, if there are none, the reason.
	list(family route.Family) (routers []bgp.Router, problem string, err error)
	// watch calls changed at the start and whenever the routes may have changed, until ctx ends or
	// it can no longer watch them. changed must not block.
	watch(ctx context.Context, changed func()) error
}

// Finder is a bgp.GatewayFinder.
type Finder struct {
	routes routes
	log    *slog.Logger
}

// New returns a Finder for the network namespace of the process.
func New(log *slog.Logger) *Finder { return &Finder{kernel{}, log} }

// Run implements bgp.GatewayFinder.
func (f *Finder) Run(ctx context.Context, changed func(map[route.Family]bgp.Gateway)) {
	wake := make(chan struct{}, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		f.follow(ctx, func() {
			select {
			case wake <- struct{}{}:
			default:
			}
		})
	}()
	f.look(ctx, wake, changed)
	<-done
}

// follow watches the routes until ctx ends.
func (f *Finder) follow(ctx context.Context, changed func()) {
	for ctx.Err() == nil {
		if err := f.routes.watch(ctx, changed); err != nil {
			f.log.Warn("cannot watch the default routes; reading them every few seconds instead", "every", again, "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(again):
			changed()
		}
	}
}

// look reads the routes when they have changed, and when a router that has gone was kept long
// enough.
func (f *Finder) look(ctx context.Context, wake <-chan struct{}, changed func(map[route.Family]bgp.Gateway)) {
	memories := map[route.Family]*memory{route.IPv4: {}, route.IPv6: {}}
	var last map[route.Family]bgp.Gateway
	next := time.NewTimer(0)
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-wake:
			next.Reset(settle)
			select {
			case <-ctx.Done():
				return
			case <-next.C:
			}
		case <-next.C:
		}
		found, wait := map[route.Family]bgp.Gateway{}, time.Hour
		for family, m := range memories {
			routers, problem, err := f.routes.list(family)
			if err != nil { // what changed is unknown
				f.log.Warn("cannot read the default routes; keeping the known routers", "family", family, "error", err)
				m.problem, wait = err.Error(), min(wait, again)
			} else {
				wait = min(wait, m.see(routers, problem, time.Now()))
			}
			found[family] = m.gateway()
		}
		if !reflect.DeepEqual(found, last) {
			last = found
			changed(found)
		}
		next.Reset(wait)
	}
}

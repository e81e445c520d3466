package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/nearcast/nearcast/lab"
	"github.com/nearcast/nearcast/lab/keyvalue"
)

// World is the lab, with a store in each country, and paths between them.
type World struct {
	lab *lab.Lab
	dir string
	// functions are what the clusters run.
	functions []Function
	// scale shrinks every round trip; 1 is as geography has it.
	scale  float64
	stores map[string]*http.Server
	urls   map[string]string // of the stores, by cluster's country and store's country
	relays []*Relay
}

// newWorld starts everything and waits until every name is answered.
func newWorld(ctx context.Context, bin string, functions []Function, scale float64) (w *World, err error) {
	w = &World{functions: functions, scale: scale, stores: map[string]*http.Server{}, urls: map[string]string{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.close())
		}
	}()
	if err := w.openStores(); err != nil {
		return w, err
	}
	if w.dir, err = os.MkdirTemp("", "nearcast-evaluation"); err != nil {
		return w, err
	}
	dir := filepath.Join(w.dir, "lab")
	w.lab, err = lab.Start(ctx, lab.Options{Dir: dir, Bin: bin, Workloads: w.workloads()})
	if err != nil {
		return w, err
	}
	if err := w.declare(dir); err != nil {
		return w, err
	}
	return w, w.settle(ctx)
}

// path is the way between two countries.
func (w *World) path(a, b string) Path {
	return Path{time.Duration(float64(roundTrip(a, b)) * w.scale)}
}

// openStores has a store in each country, and a relay to it from each.
func (w *World) openStores() error {
	for _, at := range Countries {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		w.stores[at.Code] = &http.Server{Handler: keyvalue.New()}
		go w.stores[at.Code].Serve(listener) //nolint:errcheck // it ends with Close
		for _, from := range Countries {
			relay, err := w.path(from.Code, at.Code).Relay(listener.Addr().String())
			if err != nil {
				return err
			}
			w.relays = append(w.relays, relay)
			w.urls[from.Code+at.Code] = "http://" + relay.Addr()
		}
	}
	return nil
}

// settings tell a function's instances where their store is.
func (w *World) settings(f Function, cluster string) []string {
	from, at := countryOf(cluster), f.Store
	if at == "-" {
		return nil
	}
	if at == "" {
		at = from
	}
	return []string{"STORE_URL=" + w.urls[from+at]}
}

// namesWait is how long the resolvers may take to know all names.
const namesWait = 30 * time.Second

// settle waits until every country's resolver answers every route as it will.
func (w *World) settle(ctx context.Context) error {
	deadline := time.Now().Add(namesWait)
	for _, c := range Countries {
		for _, f := range w.functions {
			for _, runtime := range lab.Runtimes {
				for _, r := range routes() {
					if err := w.await(ctx, c, hostname(f, runtime, r.Label), expected(c, r), deadline); err != nil {
						return err
					}
				}
			}
		}
	}
	return nil
}

// expected is the number of addresses that the route has, and the first where that
// is certain.
func expected(c Country, r Route) (want answer) {
	switch {
	case r.Policy == "spread":
		return answer{count: len(r.Sites)}
	case len(r.Sites) == 1:
		return answer{1, r.Sites[0]}
	}
	return answer{1, c.Resolver}
}

type answer struct {
	count int
	first string
}

func (w *World) await(ctx context.Context, c Country, name string, want answer, deadline time.Time) error {
	for {
		sites, _, err := w.resolve(ctx, c, c.Resolver, name)
		if err == nil && len(sites) == want.count && (want.first == "" || sites[0].Name == want.first) {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s, queried in %s: got %v, %w; want %v", name, c.Name, sites, err, want)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// close ends everything.
func (w *World) close() error {
	var errs []error
	if w.lab != nil {
		errs = append(errs, w.lab.Close())
	}
	for _, r := range w.relays {
		errs = append(errs, r.Close())
	}
	for _, s := range w.stores {
		s.Close()
	}
	if w.dir != "" {
		errs = append(errs, os.RemoveAll(w.dir))
	}
	return errors.Join(errs...)
}

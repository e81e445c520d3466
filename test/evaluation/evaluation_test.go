package main

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
	"github.com/nearcast/nearcast/lab"
	"github.com/nearcast/nearcast/lab/functions"
)

// smallWorld returns the world with a quarter of the delays.
func smallWorld(t *testing.T) *World {
	t.Helper()
	bin := t.TempDir()
	if err := fixture.Build(bin, "coredns", "nearcast-speaker"); err != nil {
		t.Fatal(err)
	}
	if err := functions.Build(t.Context(), filepath.Join(bin, "functions"), ""); err != nil {
		t.Fatal(err)
	}
	w, err := newWorld(t.Context(), bin, Functions[:1], 0.25)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func TestEvaluation(t *testing.T) {
	if testing.Short() {
		t.Skip("it runs the lab")
	}
	w := smallWorld(t)
	const rounds = 2
	samples, err := w.measure(t.Context(), rounds, func(int) {}) // which fails if a call is not answered
	if err != nil {
		t.Fatal(err)
	}
	r := Results{Samples: samples}
	if want := rounds * len(lab.Runtimes) * len(Countries) * len(policies(nil)); len(samples) != want {
		t.Errorf("got %d calls, want %d", len(samples), want)
	}
	for _, c := range Countries {
		t.Run("from "+c.Name, func(t *testing.T) { nearestIsNear(t, w, r, c) })
	}
	t.Run("clients get the same cluster from every resolver", func(t *testing.T) { sameEverywhere(t, w) })
	t.Run("round-robin clients reach every cluster", func(t *testing.T) {
		if got := clusters(r.of(Filter{Policy: "round-robin"})); strings.Count(got, ",") != len(functionSites())-1 {
			t.Errorf("they reached only %s", got)
		}
	})
	t.Run("only instances that are not warm have a cold start", func(t *testing.T) {
		for _, runtime := range lab.Runtimes {
			if got := quantile(times(r.of(Filter{Runtime: runtime}), coldStart), 0); (got > 0) == (runtime == "warm") {
				t.Errorf("%s: got a cold start of %v ms", runtime, got)
			}
		}
	})
	t.Run("a moving user", func(t *testing.T) { movesAlong(t, w) })
}

// nearestIsNear compares the nearest cluster and the farthest, as seen from a country.
func nearestIsNear(t *testing.T, w *World, r Results, c Country) {
	near, far := r.of(Filter{Country: c.Code, Policy: "nearest"}), r.of(Filter{Country: c.Code, Policy: "at " + farthest(c)})
	for _, s := range near {
		if s.Cluster != c.Resolver {
			t.Errorf("the nearest cluster is %s, want %s", s.Cluster, c.Resolver)
		}
	}
	for name, p := range map[string]part{"a call": exchanged, "a first call": first} {
		if n, f := median(times(near, p)), median(times(far, p)); n > f {
			t.Errorf("%s takes %.1f ms at the nearest cluster, %.1f at the farthest", name, n, f)
		}
	}
	for name, p := range map[string]part{"the network": network, "connecting": func(p Phases) time.Duration { return p.Connect }} {
		trip := milliseconds(w.path(c.Code, countryOf(farthest(c))).RTT)
		if ratio := median(times(far, p)) / trip; ratio < 0.98 || ratio > 1.5 {
			t.Errorf("%s takes %.2f times the round trip to %s", name, ratio, farthest(c))
		}
	}
}

// sameEverywhere asks every site's resolver from every country.
func sameEverywhere(t *testing.T, w *World) {
	for _, c := range Countries {
		for _, site := range lab.Sites {
			sites, _, err := w.resolve(t.Context(), c, site.Name, hostname(Functions[0], "wasm", "nearest"))
			if err != nil {
				t.Fatal(err)
			}
			if countryOf(sites[0].Name) != c.Code {
				t.Errorf("from %s, %s answers %s", c.Name, site.Name, sites[0].Name)
			}
		}
	}
}

// movesAlong moves a user, in every mode.
func movesAlong(t *testing.T, w *World) {
	journeys, err := w.travel(t.Context(), Itinerary{Stops: Countries, Stay: 2 * time.Second, Every: 250 * time.Millisecond, Users: 1})
	if err != nil {
		t.Fatal(err)
	}
	for _, mode := range modes {
		for _, m := range movesOf(journeys, mode.Name) {
			t.Logf("%s, %s to %s: %d calls elsewhere", mode.Name, m.From, m.To, m.Elsewhere)
			if m.Failed > 0 {
				t.Errorf("%s, %s to %s: %d calls without an answer", mode.Name, m.From, m.To, m.Failed)
			}
			if follows := mode.forget || mode.vip.IsValid(); follows && m.Elsewhere > 0 {
				t.Errorf("%s, %s to %s: %d calls went elsewhere", mode.Name, m.From, m.To, m.Elsewhere)
			}
		}
	}
	if m := movesOf(journeys, "regional resolver, cache kept"); len(m) == 0 || m[0].Elsewhere == 0 {
		t.Error("keeping the cache makes no difference")
	}
}

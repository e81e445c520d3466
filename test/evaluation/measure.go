package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/nearcast/nearcast/lab"
)

// Sample is one call.
type Sample struct {
	Round                              int
	Function, Runtime, Country, Policy string
	// Cluster answered.
	Cluster string
	Phases
}

// turn is a call that is to be made.
type turn struct {
	function Function
	runtime  string
	country  Country
	policy   Policy
}

// sparse is how many rounds pass between two of a function that is not the main one.
const sparse = 4

// seed makes two runs ask the same in the same order.
const seed = 8

// measure makes every call once in each round, in an order that changes from round
// to round: what disturbs the machine disturbs all alike. Calls follow each other, as
// two at once would share the processor.
func (w *World) measure(ctx context.Context, rounds int, progress func(round int)) ([]Sample, error) {
	random := rand.New(rand.NewPCG(seed, seed))
	turns := allTurns(w.functions, random)
	var samples []Sample
	for round := -1; round < rounds; round++ { // the first warms up, and is not kept
		progress(round)
		random.Shuffle(len(turns), func(i, j int) { turns[i], turns[j] = turns[j], turns[i] })
		for _, t := range turns {
			if t.function.Sparse && round > 0 && round%sparse != 0 {
				continue
			}
			s, err := w.take(ctx, t)
			if err != nil {
				return nil, fmt.Errorf("round %d, from %s, policy %s: %w", round, t.country.Name, t.policy.Name, err)
			}
			if s.Round = round; round >= 0 {
				samples = append(samples, s)
			}
		}
	}
	return samples, nil
}

func allTurns(functions []Function, random *rand.Rand) (all []turn) {
	for _, f := range functions {
		for _, runtime := range lab.Runtimes {
			for _, c := range Countries {
				for _, p := range policies(random) {
					all = append(all, turn{f, runtime, c, p})
				}
			}
		}
	}
	return all
}

// take resolves the name and calls the function.
func (w *World) take(ctx context.Context, t turn) (Sample, error) {
	s := Sample{Function: t.function.Name, Runtime: t.runtime, Country: t.country.Code, Policy: t.policy.Name}
	name := hostname(t.function, t.runtime, t.policy.Route)
	begin := time.Now()
	sites, _, err := w.resolve(ctx, t.country, t.country.Resolver, name)
	if err != nil {
		return s, err
	}
	lookup := time.Since(begin)
	chosen := t.policy.choose(sites)
	s.Cluster = chosen.Name
	s.Phases, err = w.call(ctx, t.country, chosen, name, t.function)
	s.Lookup = lookup
	return s, err
}

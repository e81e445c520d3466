package main

import (
	"slices"
	"time"

	"github.com/nearcast/nearcast/test/machine"
)

// Results are all that was measured.
type Results struct {
	Machine  machine.Machine
	Rounds   int
	Took     time.Duration
	Samples  []Sample
	Journeys []Journey
}

// Filter says which samples; "" is any.
type Filter struct{ Function, Runtime, Country, Policy string }

func (f Filter) matches(s Sample) bool {
	return (f.Function == "" || f.Function == s.Function) && (f.Runtime == "" || f.Runtime == s.Runtime) &&
		(f.Country == "" || f.Country == s.Country) && (f.Policy == "" || f.Policy == s.Policy)
}

func (r Results) of(f Filter) (all []Sample) {
	for _, s := range r.Samples {
		if f.matches(s) {
			all = append(all, s)
		}
	}
	return all
}

// part is a time of a sample.
type part func(Phases) time.Duration

func exchanged(p Phases) time.Duration  { return p.Exchange }
func network(p Phases) time.Duration    { return p.Network() }
func coldStart(p Phases) time.Duration  { return p.Cold }
func processing(p Phases) time.Duration { return p.Processing }
func first(p Phases) time.Duration      { return p.First() }

// times are a part of the samples, in milliseconds.
func times(samples []Sample, p part) (all []float64) {
	for _, s := range samples {
		all = append(all, milliseconds(p(s.Phases)))
	}
	return all
}

// saved pairs the nearest cluster's call with another policy's of the same round,
// function, runtime and country, and returns by how much it was shorter.
func (r Results) saved(f Filter, p part) (all []float64) {
	for _, other := range r.of(f) {
		same := func(s Sample) bool {
			return s.Policy == "nearest" && s.Round == other.Round && s.Function == other.Function && s.Runtime == other.Runtime && s.Country == other.Country
		}
		if i := slices.IndexFunc(r.Samples, same); i >= 0 {
			all = append(all, milliseconds(p(other.Phases)-p(r.Samples[i].Phases)))
		}
	}
	return all
}

// farthest is the site that is farthest from the country.
func farthest(c Country) string {
	return slices.MaxFunc(functionSites(), func(a, b string) int {
		return int(roundTrip(c.Code, countryOf(a)) - roundTrip(c.Code, countryOf(b)))
	})
}

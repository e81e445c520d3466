package main

import (
	"slices"
	"time"
)

// Move is what a user's calls were like after it came into a country.
type Move struct {
	Mode, From, To string
	// Gap is from the first call there to the first that a cluster of the country
	// answered; 0 where that was the same.
	Gap time.Duration
	// Elsewhere are the calls until then, Failed those without an answer.
	Elsewhere, Failed int
	// First is how long the first call took, Settled the median after the gap.
	First, Settled time.Duration
}

// moves splits a journey where the country changes.
func (j Journey) moves() (all []Move) {
	for n := 1; n < len(j.Calls); n++ {
		if j.Calls[n].Country != j.Calls[n-1].Country {
			all = append(all, j.move(n))
		}
	}
	return all
}

// move looks at the calls from the nth, the first in its country.
func (j Journey) move(n int) Move {
	first := j.Calls[n]
	m := Move{Mode: j.Mode, From: j.Calls[n-1].Country, To: first.Country, First: first.Took}
	var settled []float64
	for _, c := range j.Calls[n:] {
		if c.Country != first.Country {
			break
		}
		switch {
		case c.Err != nil:
			m.Failed++
		case c.Nearest():
			settled = append(settled, float64(c.Took))
			if len(settled) == 1 {
				m.Gap = c.At - first.At
			}
		default:
			m.Elsewhere++
		}
	}
	m.Settled = time.Duration(median(settled))
	return m
}

// Run is a part of a journey with the same country and cluster.
type Run struct {
	Country, Cluster string
	From, To         time.Duration
	Took             []float64 // milliseconds
}

// runs are the journey, call by call, with like calls together.
func (j Journey) runs() (all []Run) {
	for _, c := range j.Calls {
		last := len(all) - 1
		if last < 0 || all[last].Country != c.Country || all[last].Cluster != c.Cluster {
			all = append(all, Run{Country: c.Country, Cluster: c.Cluster, From: c.At})
			last++
		}
		all[last].To = c.At
		all[last].Took = append(all[last].Took, milliseconds(c.Took))
	}
	return all
}

// movesOf are all users' moves in a mode.
func movesOf(journeys []Journey, mode string) (all []Move) {
	for _, j := range journeys {
		if j.Mode == mode {
			all = append(all, j.moves()...)
		}
	}
	return slices.Clip(all)
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

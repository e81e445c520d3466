package main

import (
	"fmt"
	"slices"
	"strings"
)

// gaps are by mode: how long calls went elsewhere after a move.
func (r Results) gaps() string {
	var b strings.Builder
	b.WriteString("| the device has | TTL, s | gap at a move, s: least, median, most | calls elsewhere per move | without an answer | first call after a move, ms | then, ms |\n|---|---|---|---|---|---|---|\n")
	for _, mode := range modes {
		var gaps, elsewhere, firsts, settled []float64
		failed := 0
		for _, m := range movesOf(r.Journeys, mode.Name) {
			gaps, elsewhere = append(gaps, m.Gap.Seconds()), append(elsewhere, float64(m.Elsewhere))
			firsts, settled = append(firsts, milliseconds(m.First)), append(settled, milliseconds(m.Settled))
			failed += m.Failed
		}
		fmt.Fprintf(&b, "| %s | %s | %s, %s, %s | %s | %d | %s | %s |\n", mode.Name, r.ttlOf(mode),
			figure(slices.Min(gaps)), figure(median(gaps)), figure(slices.Max(gaps)), figure(median(elsewhere)), failed, spreadLeastMost(firsts), spreadLeastMost(settled))
	}
	return b.String()
}

func (r Results) ttlOf(mode Mode) string {
	for _, j := range r.Journeys {
		if j.Mode == mode.Name && j.TTL > 0 {
			return figure(j.TTL.Seconds())
		}
	}
	return "none"
}

// calls are the first users' calls.
func (r Results) calls() string {
	var b strings.Builder
	b.WriteString("| the device has | in | answered by | calls from–to | calls | ms |\n|---|---|---|---|---|---|\n")
	for _, j := range r.Journeys {
		if j.User != 0 {
			continue
		}
		for _, run := range j.runs() {
			fmt.Fprintf(&b, "| %s | %s |\n", j.Mode, run.cells())
		}
	}
	return b.String()
}

// cells are a run of calls in a row of a table.
func (r Run) cells() string {
	return fmt.Sprintf("%s | %s | %.1f–%.1f s | %d | %s", r.Country, r.Cluster, r.From.Seconds(), r.To.Seconds(), len(r.Took), spreadLeastMost(r.Took))
}

// spreadLeastMost is for few values.
func spreadLeastMost(all []float64) string {
	return figure(slices.Min(all)) + "–" + figure(slices.Max(all))
}

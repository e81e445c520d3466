package main

import (
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/nearcast/nearcast/lab"
)

// Policy is how a client comes to a cluster.
type Policy struct {
	Name string
	// Route is the name that it asks for.
	Route string
	// choose takes one of the answer.
	choose func([]lab.Site) lab.Site
}

// policies are Nearcast's, each cluster alone, and two ways to ignore where the
// client is. Without a source of numbers they can only be named.
func policies(random *rand.Rand) []Policy {
	first := func(sites []lab.Site) lab.Site { return sites[0] }
	turn := 0
	if random != nil { // clients are not in step
		turn = random.IntN(len(functionSites()))
	}
	all := []Policy{
		{"nearest", "nearest", first},
		{"random", "any", func(sites []lab.Site) lab.Site { return inOrder(sites)[random.IntN(len(sites))] }},
		{"round-robin", "any", func(sites []lab.Site) lab.Site { turn++; return inOrder(sites)[turn%len(sites)] }},
	}
	for _, site := range functionSites() {
		all = append(all, Policy{"at " + site, "at-" + site, first})
	}
	return all
}

// inOrder undoes the answer's rotation, so that the client's choice is its own.
func inOrder(sites []lab.Site) []lab.Site {
	return slices.SortedFunc(slices.Values(sites), func(a, b lab.Site) int { return strings.Compare(a.Name, b.Name) })
}

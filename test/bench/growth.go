package main

import (
	"fmt"
	"strings"
)

// growth has a curve for everything that can grow.
func growth() []group {
	return []group{
		overLocations(1, 10, 100, 1000),
		overFunctions(10, 100, 1000, 10_000, 100_000),
		overClusters(2, 16, 64, 256),
		overRules(1000, 10_000, 100_000, 1_000_000),
	}
}

// briefGrowth has two points of what loads fast.
func briefGrowth() []group {
	return []group{overLocations(1, 1000), overFunctions(100, 10_000)}
}

func overLocations(counts ...int) group {
	return overSizes("locations", "10,000 functions in each of 16 clusters.", counts, func(n int) size {
		return size{clusters: 16, functions: 10_000, placements: 16, locations: n}
	})
}

// overFunctions ends at the size that mark 2 bounds, here without a limit for Go's
// collector.
func overFunctions(counts ...int) group {
	g := overSizes("functions", fmt.Sprintf("%d clusters, each function in %d of them; %s locations.", large.clusters, large.placements, grouped(large.locations)), counts, func(n int) size {
		of := large
		of.functions = n
		return of
	})
	for i, t := range g.targets {
		if t.at == large.functions {
			g.targets[i].bounds = inMemory
		}
	}
	return g
}

func overClusters(counts ...int) group {
	return overSizes("clusters", "10,000 functions, each in 8 of the clusters, or in both of two; 1,000 locations.", counts, func(n int) size {
		return size{clusters: n, functions: 10_000, placements: min(n, 8), locations: 1000}
	})
}

// overSizes is a curve of nearcast with ECS beside whoami, which is asked the
// queries of the last size: its cost knows no size.
func overSizes(axis, text string, counts []int, of func(int) size) group {
	g := group{
		title: "Growth over " + axis, text: text, axis: axis, flat: 1,
		targets: []target{{name: "whoami, ECS", program: coreDNS, config: "whoami", size: of(counts[len(counts)-1]), asks: subnets, expects: anything}},
	}
	for _, n := range counts {
		g.targets = append(g.targets, target{
			name: "nearcast, ECS, " + count(n, axis), program: coreDNS, config: "nearcast", size: of(n), asks: subnets, expects: nearest, to: "whoami, ECS", at: n,
		})
	}
	return g
}

// overRules is a curve of rpz in front of a resolver's cache, beside the same
// without it.
func overRules(counts ...int) group {
	g := group{
		title: "Growth over rules", axis: "rules", text: "A resolver that answers from its cache; no rule matches.", flat: 3,
		targets: []target{{name: "CoreDNS", program: coreDNS, config: "resolver", asks: names, expects: filtered}},
	}
	for _, n := range counts {
		g.targets = append(g.targets, target{
			name: "rpz, " + grouped(n) + " rules", program: coreDNS, config: "resolver", rules: n, asks: names, expects: filtered, to: "CoreDNS", at: n,
			bounds: []bound{{mark: 3, measure: perQuery, to: "CoreDNS", most: 1.1}},
		})
	}
	return g
}

// count is a number of things.
func count(n int, things string) string {
	if n == 1 {
		things = strings.TrimSuffix(things, "s")
	}
	return grouped(n) + " " + things
}

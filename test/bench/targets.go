package main

import (
	"fmt"
	"slices"
	"time"
)

// usual is the size of the comparison. All functions are in all clusters, so that
// peers, which map clients and not functions, have the same answers.
var usual = size{clusters: 16, functions: 10_000, placements: 16, locations: 1000}

// large is the size that mark 2 bounds. A function that is in 8 clusters of 256 is a
// realistic one; one in all of them is not.
var large = size{clusters: 256, functions: 100_000, placements: 8, locations: 1000}

// inMemory is mark 2, in MB.
var inMemory = []bound{{mark: 2, measure: rest, most: 512}, {mark: 2, measure: loaded, most: 512}}

// full is what `make bench` measures.
func full() plan {
	return plan{
		groups: slices.Concat([]group{steering(), beyond()}, evenness(), []group{signing(), policy(1_000_000, 3), carrier(100_000), scale(), starting(usual, large), atRest()}, growth(), sizes()),
		rounds: 5, saturating: 3 * time.Second, steady: 2 * time.Second,
	}
}

// quick is what `make bench-quick` measures: of the comparisons what is closest to
// Nearcast, with few rules, and the ends of two curves.
func quick() plan {
	few := []string{"whoami", "whoami, ECS", "file", "nearcast, ECS", "nearcast, direct, ECS", "gdnsd, ECS"}
	return plan{
		groups: append([]group{steering().only(few...), policy(10_000, 1).only("CoreDNS", "rpz, 10,000 rules", "BIND", "BIND, 10,000 rules")}, briefGrowth()...),
		rounds: 3, saturating: time.Second, steady: time.Second,
	}
}

// steering compares servers whose answer depends on who asks, beside baselines
// that answer everybody alike.
func steering() group {
	many := usual
	many.clusters, many.placements = 64, 64
	return group{
		title: "Steering", steady: true,
		text: fmt.Sprintf("%s functions in each of %d clusters, clients in %s locations. ECS: each query has the client-subnet option of one of the locations.", grouped(usual.functions), usual.clusters, grouped(usual.locations)),
		targets: []target{
			{name: "whoami", program: coreDNS, config: "whoami", size: usual, asks: plain, expects: anything},
			{name: "whoami, ECS", program: coreDNS, config: "whoami", size: usual, asks: subnets, expects: anything},
			{name: "file", program: coreDNS, config: "file", size: usual, asks: plain, expects: always(0), to: "whoami"},
			{name: "file + cache", program: coreDNS, config: "cached", size: usual, asks: plain, expects: always(0), to: "whoami"},
			{name: "view × 16 + file", program: coreDNS, config: "view", size: usual, asks: plain, expects: always(usual.clusters / 2), to: "whoami"},
			{name: "view × 64 + file", program: coreDNS, config: "view", size: many, asks: plain, expects: always(many.clusters / 2), to: "whoami"},
			{name: "geoip + view × 16 + file, ECS", program: coreDNS, config: "geoip", size: usual, asks: subnets, expects: nearest, to: "whoami, ECS"},
			{name: "nearcast", program: coreDNS, config: "nearcast", size: usual, asks: plain, expects: always(0), to: "whoami"},
			{name: "nearcast, ECS", program: coreDNS, config: "nearcast", size: usual, asks: subnets, expects: nearest, to: "whoami, ECS",
				bounds: []bound{{mark: 1, measure: perQuery, to: "whoami, ECS", most: 1.1, asserted: true}, {mark: 1, measure: overall, to: "whoami, ECS", most: 1.1}}},
			{name: "whoami, ECS, as deployed", program: coreDNS, config: "whoami", deployed: true, size: usual, asks: subnets, expects: anything, to: "whoami, ECS"},
			{name: "nearcast, ECS, as deployed", program: coreDNS, config: "nearcast", deployed: true, size: usual, asks: subnets, expects: nearest, to: "whoami, ECS, as deployed",
				bounds: []bound{{mark: 1, measure: perQuery, to: "whoami, ECS, as deployed", most: 1.1}, {mark: 1, measure: overall, to: "whoami, ECS, as deployed", most: 1.1}}},
			{name: "nearcast, direct, ECS", program: coreDNS, config: "nearcast", direct: true, size: usual, asks: subnets, expects: nearest, to: "whoami, ECS",
				bounds: []bound{{mark: 4, measure: perQuery, to: "gdnsd, ECS", most: 2}, {mark: 4, measure: p99, to: "gdnsd, ECS", most: 1}}},
			{name: "nearcast, direct, ECS, as deployed", program: coreDNS, config: "nearcast", direct: true, deployed: true, size: usual, asks: subnets, expects: nearest, to: "whoami, ECS, as deployed",
				bounds: []bound{{mark: 4, measure: perQuery, to: "gdnsd, ECS", most: 2}, {mark: 4, measure: p99, to: "gdnsd, ECS", most: 1}}},
			{name: "whoami, prometheus, ECS", program: coreDNS, config: "whoami", counted: true, size: usual, asks: subnets, expects: anything, to: "whoami, ECS"},
			{name: "nearcast, prometheus, ECS", program: coreDNS, config: "nearcast", counted: true, size: usual, asks: subnets, expects: nearest, to: "whoami, prometheus, ECS",
				bounds: []bound{{mark: 5, measure: perQuery, to: "whoami, prometheus, ECS", most: 1.1}}},
			{name: "nearcast, direct, prometheus, ECS", program: coreDNS, config: "nearcast", direct: true, counted: true, size: usual, asks: subnets, expects: nearest, to: "whoami, ECS"},
			{name: "gdnsd, ECS", program: gdnsd, config: "gdnsd", size: usual, asks: subnets, expects: nearest, to: "whoami, ECS"},
			{name: "Knot mod-geoip, ECS", program: knot, config: "knot-geoip", size: usual, asks: subnets, expects: nearest, to: "whoami, ECS"},
			{name: "Knot", program: knot, config: "knot", size: usual, asks: plain, expects: always(0), to: "whoami"},
			{name: "NSD", program: nsd, config: "nsd", size: usual, asks: plain, expects: always(0), to: "whoami"},
			{name: "PowerDNS geoip, ECS", program: powerDNS, config: "powerdns", size: usual, asks: subnets, expects: nearest, to: "whoami, ECS"},
		},
	}
}

// beyond is what answers outside CoreDNS's chain beside gdnsd alone. A table of twenty
// servers, nineteen of which are idle for two minutes, has their memory taken away by the
// kernel where it reclaims early, and p99 is then the time to get it back.
func beyond() group {
	g := steering().only("gdnsd, ECS", "nearcast, direct, ECS", "nearcast, direct, ECS, as deployed")
	g.title, g.text = "Beyond the chain", "As in the table before, with no other server up."
	for i := range g.targets {
		g.targets[i].to = "gdnsd, ECS"
	}
	slices.Reverse(g.targets)
	g.targets[0].to = ""
	return g
}

// scale are the federations whose memory marks 2 and 7 bound, as they are deployed.
func scale() group {
	return group{
		title: "Scale", steady: true,
		text: fmt.Sprintf("%s functions in each of %d clusters, and %s functions, each in %d of %d; clients in %s locations.",
			grouped(usual.functions), usual.clusters, grouped(large.functions), large.placements, large.clusters, grouped(large.locations)),
		targets: []target{
			{name: "whoami, ECS, as deployed", program: coreDNS, config: "whoami", deployed: true, size: large, asks: subnets, expects: anything},
			{name: "nearcast, ECS, as deployed, " + count(usual.functions, "functions"), program: coreDNS, config: "nearcast", deployed: true, size: usual, asks: subnets, expects: nearest, to: "whoami, ECS, as deployed",
				bounds: []bound{{mark: 7, measure: resident, most: 32}, {mark: 7, measure: anonymous, most: 32}}},
			{name: "nearcast, ECS, as deployed, " + count(large.functions, "functions"), program: coreDNS, config: "nearcast", deployed: true, size: large, asks: subnets, expects: nearest, to: "whoami, ECS, as deployed",
				bounds: append(slices.Clone(inMemory), bound{mark: 7, measure: resident, most: 150}, bound{mark: 7, measure: anonymous, most: 150})},
		},
	}
}

// only is the group without other targets.
func (g group) only(names ...string) group {
	var kept []target
	for _, t := range g.targets {
		for _, name := range names {
			if t.name == name {
				kept = append(kept, t)
			}
		}
	}
	g.targets = kept
	return g
}

// policy compares resolvers with and without policy zones.
func policy(rules, starts int) group {
	with := fmt.Sprintf(", %s rules", grouped(rules))
	return group{
		title: "Policy", steady: true, starts: starts,
		text: fmt.Sprintf("Resolvers that answer %d names from their caches; no rule matches any. Loading is from the start until the last rule blocks.", resolvedNames),
		targets: []target{
			{name: "CoreDNS", program: coreDNS, config: "resolver", asks: names, expects: filtered},
			{name: "rpz" + with, program: coreDNS, config: "resolver", rules: rules, asks: names, expects: filtered, to: "CoreDNS",
				bounds: []bound{{mark: 3, measure: perQuery, to: "CoreDNS", most: 1.1}, {mark: 3, measure: loading, to: "BIND" + with, most: 1}}},
			{name: "BIND", program: bind, config: "bind", asks: names, expects: filtered},
			{name: "BIND" + with, program: bind, config: "bind", rules: rules, asks: names, expects: filtered, to: "BIND"},
			{name: "Unbound", program: unbound, config: "unbound", asks: names, expects: filtered},
			{name: "Unbound" + with, program: unbound, config: "unbound", rules: rules, asks: names, expects: filtered, to: "Unbound"},
		},
	}
}

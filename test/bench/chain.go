package main

import "fmt"

// Comparisons of what stands in one chain of CoreDNS's plugins with Nearcast's.

// few is as many functions as have all their signatures in every signer's cache.
var few = size{clusters: 16, functions: 500, placements: 16, locations: 1000}

// signing compares servers that sign on line, from their caches.
func signing() group {
	return group{
		title: "Signing", steady: true,
		text: fmt.Sprintf("%s functions in each of %d clusters, clients in %s locations. Each query has the client-subnet option of one of the locations, and the flag DO. "+
			"The key is one of ECDSA P-256, and every signature is in the cache. *whoami* has two signatures in a reply, the others one.", grouped(few.functions), few.clusters, grouped(few.locations)),
		targets: []target{
			{name: "whoami, ECS, DO", program: coreDNS, config: "whoami", size: few, asks: signatures, expects: anything},
			{name: "dnssec + whoami, ECS, DO", program: coreDNS, config: "dnssec", size: few, asks: signatures, expects: signedAnything, to: "whoami, ECS, DO"},
			{name: "nearcast, sign, ECS, DO", program: coreDNS, config: "nearcast", size: few, asks: signatures, expects: signedNearest, to: "dnssec + whoami, ECS, DO",
				bounds: []bound{{mark: 5, measure: perQuery, to: "dnssec + whoami, ECS, DO", most: 1.2}}},
		},
	}
}

// carrier compares resolvers that answer for functions and apply policy with the same
// resolvers without either. The others take functions' routes as a policy zone.
func carrier(rules int) group {
	g := group{
		title: "Carrier", steady: true,
		text: fmt.Sprintf("Resolvers that answer %d names from their caches, and functions' names: one query in four is for one of %s functions in each of %d clusters. "+
			"With policy, %s rules that match none of the queries; BIND, Unbound and Knot Resolver have the functions' routes as a policy zone too. "+
			"Without, the functions' names come from the upstream like all others.", resolvedNames, grouped(usual.functions), usual.clusters, grouped(rules)),
	}
	for _, r := range []struct {
		name, with string
		target     target
	}{
		{"CoreDNS", "rpz + nearcast + cache + forward", target{program: coreDNS, config: "resolver"}},
		{"BIND", "BIND, policy and routes", target{program: bind, config: "bind"}},
		{"Unbound", "Unbound, policy and routes", target{program: unbound, config: "unbound"}},
		{"Knot Resolver", "Knot Resolver, policy and routes", target{program: kresd, config: "kresd"}},
	} {
		without := r.target
		without.size, without.asks, without.expects = usual, mixed, routed
		with := without
		without.name, with.name = r.name, r.with
		with.rules, with.to = rules, r.name
		if r.name == "CoreDNS" {
			with.bounds = []bound{{mark: 5, measure: perQuery, to: r.name, most: 1.15}}
		}
		g.targets = append(g.targets, without, with)
	}
	return g
}

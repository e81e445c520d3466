package main

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"

	"github.com/miekg/dns"
)

// zone is what all servers are authoritative for.
const zone = "fn.example.org"

// size is how large a federation is. Clusters are a power of two, 1,024 at most, so
// that each has a block of 10.0.0.0/8 of its own. It is comparable.
type size struct {
	clusters, functions int
	// placements is in how many clusters each function is.
	placements int
	// locations are prefixes of 24 bits, each a zone of its own, in the regions of
	// the clusters in turn.
	locations int
	// probed is what of it is probed.
	probed probed
}

// functionName is a function's name, relative to the zone.
func functionName(function int) string { return fmt.Sprintf("f%d.demo", function) }

// clusterAddress is of the network for benchmarks (RFC 2544).
func clusterAddress(cluster int) netip.Addr {
	return netip.AddrFrom4([4]byte{198, 18, byte(cluster / 250), byte(cluster%250 + 1)})
}

// block has all clients whose nearest cluster this is, of those that have all
// functions.
func (s size) block(cluster int) netip.Prefix {
	bits := 8
	for n := s.clusters; n > 1; n /= 2 {
		bits++
	}
	return netip.PrefixFrom(ten(cluster<<(32-bits)), bits)
}

// location is the prefix of a location; it is within the block of regionOf.
func (s size) location(location int) netip.Prefix {
	region := s.regionOf(location)
	first := s.block(region)
	return netip.PrefixFrom(ten(region<<(32-first.Bits())+location/s.clusters<<8), 24)
}

// ten is an address of 10.0.0.0/8.
func ten(offset int) netip.Addr {
	var a [4]byte
	binary.BigEndian.PutUint32(a[:], 10<<24+uint32(offset))
	return netip.AddrFrom4(a)
}

// regionOf is the cluster that is in the location's region.
func (s size) regionOf(location int) int { return location % s.clusters }

// placed are the clusters of a function, the one of its number first and the
// others evenly apart.
func (s size) placed(function int) []int {
	clusters := make([]int, 0, s.placements)
	for n := range s.placements {
		clusters = append(clusters, (function+n*s.clusters/s.placements)%s.clusters)
	}
	return clusters
}

// query is one question of the workload.
type query struct {
	name string
	// subnet is the client-subnet option, none where it is invalid.
	subnet netip.Prefix
	// dnssec sets the flag DO.
	dnssec bool
}

// message returns the query as a DNS message with identity 0, which dnsperf
// replaces.
func (q query) message() *dns.Msg {
	m := new(dns.Msg).SetQuestion(dns.Fqdn(q.name), dns.TypeA)
	m.Id = 0
	if !q.subnet.IsValid() && !q.dnssec {
		return m
	}
	m.SetEdns0(1232, q.dnssec)
	if !q.subnet.IsValid() {
		return m
	}
	opt := m.IsEdns0()
	opt.Option = append(opt.Option, &dns.EDNS0_SUBNET{
		Code: dns.EDNS0SUBNET, Family: 1, SourceNetmask: uint8(q.subnet.Bits()), Address: net.IP(q.subnet.Addr().AsSlice()),
	})
	return m
}

// asked is how many queries a workload has; dnsperf begins again at their end.
const asked = 100_000

// steered are queries for all functions, in no order. They are the same in every run.
func (s size) steered() []query { return s.shuffled(func(*query, *rand.Rand) {}) }

// located are queries for all functions from all locations.
func (s size) located() []query {
	return s.shuffled(func(q *query, r *rand.Rand) { q.subnet = s.location(r.IntN(s.locations)) })
}

// signed are the same by clients that validate.
func (s size) signed() []query {
	all := s.located()
	for i := range all {
		all[i].dnssec = true
	}
	return all
}

// shuffled are queries for all functions in turn, each completed, and then mixed.
func (s size) shuffled(complete func(*query, *rand.Rand)) []query {
	random := rand.New(rand.NewPCG(uint64(s.functions), uint64(s.locations)))
	queries := make([]query, asked)
	for i := range queries {
		queries[i].name = functionName(i%s.functions) + "." + zone
		complete(&queries[i], random)
	}
	random.Shuffle(asked, func(i, k int) { queries[i], queries[k] = queries[k], queries[i] })
	return queries
}

// mixed are queries of clients whose resolver answers for functions too: one in four
// is for a function, of no more than every cache has room for.
func (s size) mixed() []query {
	outside := resolved()
	var all []query
	for i, q := range outside {
		all = append(all, q)
		if i%3 == 0 {
			all = append(all, query{name: functionName(i/3%s.functions) + "." + zone})
		}
	}
	return all
}

// resolvedNames is few enough for every cache.
const resolvedNames = 1000

// resolved are queries that no policy rule matches, though they share the rules'
// parents.
func resolved() []query {
	queries := make([]query, resolvedNames)
	for i := range queries {
		queries[i].name = fmt.Sprintf("www%d.b%d.example", i, i)
	}
	return queries
}

// stream packs queries as dnsperf -B reads them: each message behind its length,
// as over TCP.
func stream(queries []query) ([]byte, error) {
	var all []byte
	for _, q := range queries {
		packed, err := q.message().Pack()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", q.name, err)
		}
		all = binary.BigEndian.AppendUint16(all, uint16(len(packed)))
		all = append(all, packed...)
	}
	return slices.Clip(all), nil
}

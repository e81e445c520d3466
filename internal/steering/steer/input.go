package steer

import (
	"net/netip"
	"time"
)

func (t *Table) input(s *Standing, c *compiled, q Question) Input {
	in := Input{Order: t.orders[q.Location], Modifier: c.modifier, question: q, seed: c.seed, table: t, standing: s}
	if q.From != nil {
		in.Order = q.From.order
	}
	if t.isLocal(&q) {
		in.Order = s.order
	}
	return in
}

// isLocal reports whether the clients are at this site.
func (t *Table) isLocal(q *Question) bool {
	if q.From != nil {
		return q.From.local
	}
	return t.local[q.Location]
}

// latency returns the estimated round-trip time to each cluster, in milliseconds.
func (in *Input) latency() []float32 {
	if in.table.isLocal(&in.question) {
		return in.standing.latency
	}
	if from := in.question.From; from != nil {
		return from.latency
	}
	return in.table.latencies[in.question.Location]
}

// StickyPrefix returns the length of the address prefix by which sticky policies and load
// shedding distinguish clients: the size that one site or home is given.
func StickyPrefix(a netip.Addr) int {
	if a.Is4() {
		return 24
	}
	return 56
}

// client returns a number derived from the client's prefix and the function, evenly
// distributed.
func (in *Input) client() uint64 {
	a := in.question.Client
	if !a.IsValid() {
		return mix(in.seed)
	}
	raw, keep := a.As16(), StickyPrefix(a)
	if a.Is4() {
		keep += 96
	}
	return in.hash(raw[:keep/8])
}

// draw returns a number derived from the client, the function and the turn: evenly
// distributed over clients and functions, and more evenly than random over turns.
func (in *Input) draw() uint64 {
	raw := in.question.Client.As16()
	const golden = 0x9e3779b97f4a7c15 // 2^64 / φ
	return in.hash(raw[:]) + in.question.Turn*golden
}

// step returns which eighth of the clients this one belongs to when load is shed: see
// ranks.spare.
func (in *Input) step() int {
	return int(mix(in.client()+1) >> (64 - stepBits))
}

func (in *Input) hash(data []byte) uint64 {
	x := in.seed
	for _, b := range data {
		x = (x ^ uint64(b)) * 0x100000001b3 // FNV-1a
	}
	return mix(x)
}

// mix spreads x evenly over 64 bits (the finaliser of SplitMix64).
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// nearness describes how far the cluster is from the client.
func (in *Input) nearness(cluster int) string {
	t := in.table
	if !t.local[in.question.Location] {
		l := t.Locations.Location(in.question.Location)
		return t.placeOf(l).to(&t.State.Clusters[cluster]).String()
	}
	switch rtt := in.standing.rtts[cluster]; {
	case cluster == t.home:
		return "this site"
	case rtt > 0:
		return "rtt " + rtt.Round(10*time.Microsecond).String() + ", " + t.here.to(&t.State.Clusters[cluster]).String()
	}
	return t.here.to(&t.State.Clusters[cluster]).String()
}

// Package policy parses how a function's candidates are ordered, as an operator or a
// tenant writes it: in nearcast.dev/policy and in the Corefile's key policy. Package
// steer implements the policies.
package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Rule is a policy with its options. It is immutable, and only equal to itself.
type Rule struct {
	// Options are the options of the named policy: one of the types below.
	Options any
	// Threshold is the minimum share, from 0 to 1, of a region's placements that must be up for
	// the region to be used before others; 0 for no minimum.
	Threshold float64
	// Most is how many of the best candidates an answer has, from 1 to 16; Spread has all.
	Most int
	// Clusters and Clients limit which clusters are answered, and to whom.
	Clusters, Clients Fence
	// WhenDown is nil if the rule does not say it.
	WhenDown *WhenDown

	text string
}

// String returns the rule as it was written, with single spaces.
func (r *Rule) String() string { return r.text }

// Nearest picks the cluster nearest to the client.
type Nearest struct{}

// Anycast answers with the function's VIPs.
type Anycast struct{}

// Failover picks the cluster with the lowest weight.
type Failover struct{}

// Spread answers with every candidate.
type Spread struct{}

// Weighted draws a cluster in proportion to its weight.
type Weighted struct {
	// Sticky draws once for each client prefix.
	Sticky bool
}

// Cheapest picks the cheapest cluster within a latency budget.
type Cheapest struct {
	// Budget is between 0s and 1h.
	Budget time.Duration
}

// defaultBudget is a round trip that a person does not notice: a twentieth of the second
// after which a user's flow of thought is interrupted, in which a call makes a handful of
// round trips.
const defaultBudget = 50 * time.Millisecond

// Fastest picks the cluster with the least expected completion time of a call.
type Fastest struct {
	// Trips is the number of round trips of one call, from 0 to 100.
	Trips float64
	// Cold and Processing are the durations of a cold start and of a call, from 0s to 1h, by
	// runtime; they contain only what was written.
	Cold, Processing map[string]time.Duration
}

// defaultTrips is the number of round trips of one call over HTTPS: TCP, TLS 1.3, and the
// request.
const defaultTrips = 3

// counted policies answer with a number of their best candidates.
var counted = []string{"nearest", "fastest", "failover", "cheapest"}

// policies maps the name of each policy to the parser of its options.
var policies = map[string]func(o *options) any{
	"nearest":  func(*options) any { return Nearest{} },
	"anycast":  func(*options) any { return Anycast{} },
	"failover": func(*options) any { return Failover{} },
	"spread":   func(*options) any { return Spread{} },
	"weighted": func(o *options) any { return Weighted{Sticky: o.flag("sticky")} },
	"cheapest": func(o *options) any { return Cheapest{Budget: o.duration("budget", defaultBudget)} },
	"fastest": func(o *options) any {
		return Fastest{Trips: o.number("trips", defaultTrips, 100), Cold: o.perRuntime("cold"), Processing: o.perRuntime("processing")}
	},
}

// Default applies if neither the function nor the operator names a policy.
var Default = &Rule{Options: Nearest{}, Most: 1, text: "nearest"}

// Names returns the names of all policies, sorted.
func Names() []string { return slices.Sorted(maps.Keys(policies)) }

// Parse parses "NAME [OPTION…]". The error names the wrong word and lists the known ones.
func Parse(text string) (*Rule, error) {
	words := strings.Fields(text)
	if len(words) == 0 {
		return nil, fmt.Errorf("no policy given; known policies: %s", strings.Join(Names(), ", "))
	}
	parse, known := policies[words[0]]
	if !known {
		return nil, fmt.Errorf("unknown policy %q; known policies: %s", words[0], strings.Join(Names(), ", "))
	}
	o := &options{left: slices.Clone(words[1:])}
	r := &Rule{Most: 1, text: strings.Join(words, " ")}
	if slices.Contains(counted, words[0]) {
		r.Most = o.most()
	}
	r.Threshold = o.share("threshold")
	r.Clusters, r.Clients = o.fences()
	r.WhenDown = o.whenDown()
	r.Options = parse(o)
	if _, anycast := r.Options.(Anycast); anycast && r.Clusters.Limits() {
		o.fail("clusters cannot be limited: routers decide which site a VIP leads to")
	}
	if err := o.finish(); err != nil {
		return nil, fmt.Errorf("policy %s: %w", words[0], err)
	}
	return r, nil
}

package main

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// target is a server under measurement. To add one is to add an entry to a group
// of targets.go, and a directory to configs if none fits.
type target struct {
	name    string
	program program
	// config is the directory of configs that is written for it.
	config string
	size   size
	// rules is how many policy rules it has.
	rules int
	// direct and counted add plugins to the configuration of nearcast.
	direct, counted bool
	// snapshot starts it without its source, from the last state.
	snapshot bool
	// follows has it read the federation from an API.
	follows bool
	// deployed runs it with the collector's settings of manifests/nearcast.
	deployed bool
	// uncollected runs it without Go's collector.
	uncollected bool
	asks        workload
	// expects is what it answers when it is ready.
	expects func(target) []expectation
	// to is the target whose cost divides this one's; none for what is a yardstick
	// itself.
	to     string
	bounds []bound
	// at is where it stands on its group's axis.
	at int
}

// group is the targets that run together and take turns.
type group struct {
	title, text string
	// axis is what grows from target to target; empty where they are a comparison.
	axis string
	// flat is the mark that the ratio must not move along the axis; 0 for none.
	flat    int
	targets []target
	// idle is started, one target after the other, and asked nothing more.
	idle bool
	// steady has turns at a fixed rate too, open an open loop at the shares.
	steady, open bool
	// rests leaves each alone, one after the other, to see what it uses then.
	rests bool
	// starts is how often each is started, to see how long it loads.
	starts int
}

// bound is a mark of performance.md: the measure is at most so many times the
// other target's, or so much where there is none.
type bound struct {
	mark    int
	measure measure
	to      string
	most    float64
	// asserted fails the run where the mark is missed.
	asserted bool
}

// workload is a kind of queries.
type workload int

const (
	// plain queries for functions carry no client-subnet option.
	plain workload = iota
	// subnets are the same with one.
	subnets
	// signatures are the same with the flag DO too.
	signatures
	// names are for resolvers; no rule matches them.
	names
	// mixed are names, and functions' among them.
	mixed
)

func (t target) queries() []query {
	switch t.asks {
	case plain:
		return t.size.steered()
	case subnets:
		return t.size.located()
	case signatures:
		return t.size.signed()
	case mixed:
		return t.size.mixed()
	default:
		return resolved()
	}
}

// expectation is an answer that shows that a server is ready.
type expectation struct {
	query
	want string
}

// check asks the server, and says how the answer differs.
func (e expectation) check(server netip.AddrPort, timeout time.Duration) error {
	client := dns.Client{Timeout: timeout}
	reply, _, err := client.Exchange(e.message(), server.String())
	if err != nil {
		return err
	}
	if got := outcome(reply); got != e.want {
		return fmt.Errorf("%s from %s: got %q, want %q", e.name, e.subnet, got, e.want)
	}
	return nil
}

// outcome is the code of a reply, the addresses in its answer, and whether there is a
// signature in it.
func outcome(reply *dns.Msg) string {
	words := []string{dns.RcodeToString[reply.Rcode]}
	for _, rr := range reply.Answer {
		if a, ok := rr.(*dns.A); ok {
			words = append(words, a.A.String())
		}
	}
	if slices.ContainsFunc(slices.Concat(reply.Answer, reply.Ns, reply.Extra), func(rr dns.RR) bool { return rr.Header().Rrtype == dns.TypeRRSIG }) {
		words = append(words, "signed")
	}
	return strings.Join(words, " ")
}

func at(cluster int) string { return "NOERROR " + clusterAddress(cluster).String() }

func (t target) function(f int) string { return functionName(f) + "." + zone }

// anything is expected of whoami, whose answer is empty.
func anything(t target) []expectation {
	return []expectation{{query{name: t.function(0)}, "NOERROR"}}
}

// signedAnything is expected of whoami behind a signer.
func signedAnything(t target) []expectation {
	return []expectation{{query{name: t.function(0), dnssec: true}, "NOERROR signed"}}
}

// signedNearest is expected of servers that steer and sign.
func signedNearest(t target) []expectation {
	expected := nearest(t)
	for i := range expected {
		expected[i].dnssec = true
		expected[i].want += " signed"
	}
	return expected
}

// always is expected of servers that do not steer, or not by the option.
func always(cluster int) func(target) []expectation {
	return func(t target) []expectation {
		return []expectation{{query{name: t.function(0)}, at(cluster)}, {query{name: t.function(t.size.functions - 1)}, at(cluster)}}
	}
}

// nearest is expected of servers that steer: clients of the first location and of
// the last that have a function of the same number get the cluster of that.
func nearest(t target) []expectation {
	last := min(t.size.functions, t.size.locations) - 1
	return []expectation{
		{query{name: t.function(0), subnet: t.size.location(0)}, at(t.size.regionOf(0))},
		{query{name: t.function(last), subnet: t.size.location(last)}, at(t.size.regionOf(last))},
	}
}

// routed is expected of resolvers that have functions' names too.
func routed(t target) []expectation {
	return append(always(0)(t), filtered(t)...)
}

// filtered is expected of resolvers: the last rule is in force.
func filtered(t target) []expectation {
	expected := []expectation{{resolved()[0], at(0)}}
	if t.rules > 0 {
		expected = append(expected, expectation{query{name: ruleName(t.rules/2 - 1)}, "NXDOMAIN"})
	}
	return expected
}

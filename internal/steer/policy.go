package steer

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nearcast/nearcast/internal/federation"
)

// Policy orders the candidates of one tier. To add one, write a type in a file
// of its own, like cheapest.go, and register it there.
//
// Pick is on the path of every query: it must not allocate, lock or block.
type Policy interface {
	// Pick returns the member of mask, which is not empty, to answer with.
	// Removing it and picking again gives the second choice, and so on.
	Pick(mask Mask, in Input) int
	// Term says in a few words what put the cluster where it stands.
	Term(cluster int, in Input) string
}

// modifying policies decide by something of the function's own.
type modifying interface {
	modifier(t *Table, f *federation.Function) *Modifier
}

// grained policies tell clients of one location apart.
type grained interface{ grain() Grain }

// Grain is how finely an answer tells clients apart.
type Grain uint8

// The grains, the coarsest first.
const (
	// ByLocation answers depend on where the client is.
	ByLocation Grain = iota
	// ByPrefix answers depend on the client's prefix; see StickyPrefix.
	ByPrefix
	// ByDraw answers depend on the client and on when it asks.
	ByDraw
)

// Input is what a Policy decides by.
type Input struct {
	// Order is the order of clusters where the client is.
	Order Order
	// Modifier is the function's own; nil where its policy has none.
	Modifier *Modifier

	question Question
	seed     uint64
	table    *Table
	standing *Standing
}

// Modifier is what a function's own settings mean to its policy, by cluster.
// Functions whose settings are alike share one.
type Modifier struct {
	// Weights are by cluster index.
	Weights []uint32
	// Order is the clusters that were given a weight, lowest first.
	Order Order
	// Delay is what a call takes in each cluster beside the network, in milliseconds.
	Delay []float32
	// Cold is set where Delay includes a cold start.
	Cold Mask
}

// Rule is a Policy with its options, as federation.ParsePolicy makes it.
type Rule struct {
	Policy
	name, text string
	// threshold is the least share of a region's placements that must be up for
	// the region to be used before others; 0 for any.
	threshold float64
}

// String returns the rule as it was written.
func (r *Rule) String() string { return r.text }

// register defines the policy. Its parse takes from o the options that it knows.
func register(name string, parse func(o *options) Policy) {
	federation.DefinePolicy(name, func(args []string) (federation.Policy, error) {
		o := &options{left: slices.Clone(args)}
		rule := &Rule{name: name, text: strings.Join(append([]string{name}, args...), " ")}
		rule.threshold = o.share("threshold")
		rule.Policy = parse(o)
		return rule, o.finish()
	})
}

// options are the words after a policy's name. Each method takes one option out
// and keeps the first error.
type options struct {
	left  []string
	known []string
	err   error
}

func (o *options) flag(name string) bool {
	o.known = append(o.known, name)
	i := slices.Index(o.left, name)
	if i < 0 {
		return false
	}
	o.left = slices.Delete(o.left, i, i+1)
	return true
}

// values takes "name V…" with count values; nil where it is not there.
func (o *options) values(name, usage string, count int) []string {
	o.known = append(o.known, name+" "+usage)
	i := slices.Index(o.left, name)
	if i < 0 {
		return nil
	}
	if len(o.left) < i+1+count {
		o.fail("%s takes %s", name, usage)
		o.left = o.left[:i]
		return nil
	}
	taken := slices.Clone(o.left[i+1 : i+1+count])
	o.left = slices.Delete(o.left, i, i+1+count)
	return taken
}

func (o *options) duration(name string, otherwise time.Duration) time.Duration {
	v := o.values(name, "D", 1)
	if v == nil {
		return otherwise
	}
	return o.parseDuration(name, v[0])
}

// perRuntime takes any number of "name RUNTIME D" into durations.
func (o *options) perRuntime(name string, durations map[string]time.Duration) {
	for v := o.values(name, "RUNTIME D", 2); v != nil; v = o.values(name, "RUNTIME D", 2) {
		durations[v[0]] = o.parseDuration(name, v[1])
		o.known = o.known[:len(o.known)-1]
	}
}

func (o *options) parseDuration(name, text string) time.Duration {
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 || d > time.Hour {
		o.fail("%s: %q is not a duration from 0s to 1h", name, text)
	}
	return d
}

func (o *options) number(name string, otherwise, most float64) float64 {
	v := o.values(name, "N", 1)
	if v == nil {
		return otherwise
	}
	n, err := strconv.ParseFloat(v[0], 64)
	if err != nil || !(n >= 0 && n <= most) {
		o.fail("%s: %q is not a number from 0 to %g", name, v[0], most)
	}
	return n
}

// share takes "name N%"; 0 where it is not there.
func (o *options) share(name string) float64 {
	v := o.values(name, "N%", 1)
	if v == nil {
		return 0
	}
	text, ok := strings.CutSuffix(v[0], "%")
	n, err := strconv.ParseFloat(text, 64)
	if !ok || err != nil || !(n >= 0 && n <= 100) {
		o.fail("%s: %q is not a share from 0%% to 100%%", name, v[0])
	}
	return n / 100
}

func (o *options) fail(format string, args ...any) {
	if o.err == nil {
		o.err = fmt.Errorf(format, args...)
	}
}

func (o *options) finish() error {
	if o.err == nil && len(o.left) > 0 {
		o.fail("unknown option %q; known are %s", o.left[0], strings.Join(o.known, ", "))
	}
	return o.err
}

// key is equal for equal modifiers.
func (m *Modifier) key() string {
	key := make([]byte, 0, 4+6*len(m.Weights)+2*len(m.Order)+4*len(m.Delay)+8*len(m.Cold))
	for _, n := range [...]int{len(m.Weights), len(m.Order), len(m.Delay), len(m.Cold)} {
		key = binary.AppendUvarint(key, uint64(n)) //nolint:gosec // a length
	}
	for _, w := range m.Weights {
		key = binary.AppendUvarint(key, uint64(w))
	}
	for _, c := range m.Order {
		key = binary.LittleEndian.AppendUint16(key, c)
	}
	for _, d := range m.Delay {
		key = binary.LittleEndian.AppendUint32(key, math.Float32bits(d))
	}
	for _, w := range m.Cold {
		key = binary.LittleEndian.AppendUint64(key, w)
	}
	return string(key)
}

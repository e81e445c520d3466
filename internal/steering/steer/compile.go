package steer

import (
	"cmp"
	"hash/fnv"
	"time"
	"unsafe"

	"github.com/nearcast/nearcast/internal/base/vector"
	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/federation/policy"
)

// compiled is what a query needs of one function. Most functions have all but the seed in common
// with many others, so that the processor's cache holds it.
type compiled struct {
	seed uint64
	*common
}

// common is the part of a compiled that functions which are alike share.
type common struct {
	rule     *rule
	modifier *Modifier
	ttl      time.Duration
	grain    Grain
	anycast  bool
	// most is how many of the best candidates an answer has; 0 for all.
	most uint8
	// whenDown is nil to answer with all candidates.
	whenDown *policy.WhenDown
	fences
	// v4 and v6 report whether any placement has an address of the family.
	v4, v6     bool
	placements federation.Placements
}

// compileFrom compiles the functions that differ from those of before.
func (t *Table) compileFrom(before *Table) {
	t.memo = newMemo()
	var old vector.Vector[*federation.Function]
	if before != nil && t.sameClusters(before) && before.State.Functions.Len() <= t.State.Functions.Len() {
		t.memo = before.memo
		if before.Policy == t.Policy && before.WhenDown == t.WhenDown {
			t.functions, old = before.functions, before.State.Functions
		}
	}
	functions := t.functions.Edit()
	compiling := newCompiling(t)
	for i := range vector.Changed(old, t.State.Functions) {
		var c compiled
		if f := t.State.Functions.At(i); f != nil {
			c = compiling.compile(f)
		}
		functions.Set(i, c)
	}
	t.functions = functions.Vector()
}

// compiling compiles functions. What many have in common it works out once.
type compiling struct {
	*Table
	rules map[*policy.Rule]*rule
	alike memory[likeCompiled, *common]
}

// likeCompiled is what a common depends on.
type likeCompiled struct {
	placements federation.ListKey
	rule       *rule
	weights    *federation.Weight // the first; nil if there is none
	ofWeights  int
	ttl        time.Duration
	anycast    bool
	whenDown   *policy.WhenDown
}

func newCompiling(t *Table) *compiling {
	return &compiling{Table: t, rules: map[*policy.Rule]*rule{nil: t.rule}}
}

func (c *compiling) compile(f *federation.Function) compiled {
	return compiled{seedOf(f.String()), c.common(f)}
}

// ruleOf returns the compiled form of the rule; nil is the one for functions without a
// policy of their own.
func (c *compiling) ruleOf(of *policy.Rule) *rule {
	one := c.rules[of]
	if one == nil {
		one = newRule(of)
		c.rules[of] = one
	}
	return one
}

// common returns what the function has in common with those that are like it. A function that
// changes alone gets a common of its own.
func (c *compiling) common(f *federation.Function) *common {
	rule := c.ruleOf(f.Policy)
	like := likeCompiled{
		placements: f.Placements.Key(), rule: rule, weights: unsafe.SliceData(f.Weights), ofWeights: len(f.Weights),
		ttl: f.TTL, anycast: len(f.VIPs) > 0 && (rule.anycast || len(f.Placements) == 0), whenDown: f.WhenDown,
	}
	one, known := c.alike.recall(like)
	if !known {
		one = c.newCommon(f, like)
		c.alike.keep(like, one)
	}
	return one
}

func (c *compiling) newCommon(f *federation.Function, like likeCompiled) *common {
	one := &common{rule: like.rule, ttl: like.ttl, most: like.rule.most, whenDown: c.whenDown(f), fences: c.fencesOf(f), placements: f.Placements}
	one.anycast = like.anycast && len(one.clusters) == 0 // every site announces a VIP
	if p, ok := one.rule.Policy.(modifying); ok {
		one.modifier = c.intern(p.modifier(c.Table, f))
	}
	if p, ok := one.rule.Policy.(grained); ok {
		one.grain = p.grain()
	}
	for _, p := range f.Placements {
		for _, e := range p.Endpoints {
			one.v4, one.v6 = one.v4 || len(e.V4) > 0, one.v6 || len(e.V6) > 0
		}
	}
	return one
}

// whenDown returns what is answered while all of the function is down. Where the operator limits the
// clusters, a tenant's fallback, which may be anywhere, does not count.
func (t *Table) whenDown(f *federation.Function) *policy.WhenDown {
	own := f.WhenDown
	if own.Fallback() && t.Policy.Clusters.Limits() {
		own = nil
	}
	return cmp.Or(own, t.Policy.WhenDown, t.WhenDown)
}

func (m *memo) intern(one *Modifier) *Modifier {
	key := one.key()
	if same := m.modifiers[key]; same != nil {
		return same
	}
	if len(m.modifiers) == mostInterned {
		m.modifiers = map[string]*Modifier{}
	}
	m.modifiers[key] = one
	return one
}

// seedOf returns the same value in every process: two servers of one site must send a
// client to the same cluster.
func seedOf(name string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(name))
	return mix(h.Sum64())
}

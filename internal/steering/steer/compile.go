package steer

import (
	"hash/fnv"
	"time"
	"unsafe"

	"github.com/nearcast/nearcast/internal/base/vector"
	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/federation/policy"
)

// compiled is what a query needs of one function, in one cache line: with many functions,
// every additional line is a cache miss. The allocator puts eight bytes before a page of
// them, so that the last eight bytes are on the next line: those are the capacity of
// placements, which nobody reads.
type compiled struct {
	rule     *rule
	modifier *Modifier
	seed     uint64
	ttl      time.Duration
	grain    Grain
	anycast  bool
	all      bool
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
		if before.Policy == t.Policy {
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
	alike memory[likeCompiled, shared]
}

// likeCompiled is what shared depends on.
type likeCompiled struct {
	placements federation.ListKey
	rule       *rule
	weights    *federation.Weight // the first; nil if there is none
	ofWeights  int
}

// shared is the part of a compiled that depends on likeCompiled.
type shared struct {
	modifier *Modifier
	v4, v6   bool
}

func newCompiling(t *Table) *compiling {
	return &compiling{Table: t, rules: map[*policy.Rule]*rule{nil: t.rule}}
}

func (c *compiling) compile(f *federation.Function) compiled {
	rule, common := c.ruleOf(f.Policy), c.shared(f)
	one := compiled{
		rule: rule, modifier: common.modifier, seed: seedOf(f.String()), ttl: f.TTL,
		v4: common.v4, v6: common.v6, placements: f.Placements,
		anycast: len(f.VIPs) > 0 && (rule.anycast || len(f.Placements) == 0),
	}
	if p, ok := rule.Policy.(grained); ok {
		one.grain = p.grain()
	}
	_, one.all = rule.Policy.(interface{ all() })
	return one
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

func (c *compiling) shared(f *federation.Function) shared {
	like := likeCompiled{f.Placements.Key(), c.ruleOf(f.Policy), unsafe.SliceData(f.Weights), len(f.Weights)}
	one, known := c.alike.recall(like)
	if known {
		return one
	}
	if p, ok := like.rule.Policy.(modifying); ok {
		one.modifier = c.intern(p.modifier(c.Table, f))
	}
	for _, p := range f.Placements {
		for _, e := range p.Endpoints {
			one.v4, one.v6 = one.v4 || len(e.V4) > 0, one.v6 || len(e.V6) > 0
		}
	}
	c.alike.keep(like, one)
	return one
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

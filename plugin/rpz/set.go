package rpz

import (
	"net/netip"
	"slices"

	"github.com/gaissmai/bart"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/nearcast/nearcast/plugin/rpz/internal/policyzone"
)

// zone is one policy zone as the block has it.
type zone struct {
	name     string // canonical
	origin   origin
	override override
	treatment
	ede     uint16 // with hasEDE
	hasEDE  bool
	clients *bart.Lite // nil for all
	shadow  bool
	quiet   bool // its hits are not logged
	// addresses are the primaries as they are written.
	addresses []string
	own       ownTreatment
	// written are the lines of its keys.
	written map[string]int

	source   *source
	counters counters
	// skipped are the nsdname and nsip rules that were last named as skipped.
	skipped [2]int
}

// override is what a zone's rules do, whatever they say.
type override struct {
	kind   overrideKind
	action policyzone.Action // where kind is overrideAction
	target string            // where kind is overrideCNAME; canonical
	// keepLocal spares rules that have local data.
	keepLocal bool
}

// spares reports whether the override leaves what the match does.
func (o *override) spares(m policyzone.Match) bool {
	return o.kind == overrideNone || o.keepLocal && m.Action() == policyzone.Local
}

// String returns the override as the Corefile has it.
func (o override) String() string {
	switch o.kind {
	case overrideAction:
		return o.action.String()
	case overrideCNAME:
		return "cname " + o.target
	case overrideDisabled:
		return "disabled"
	}
	return "given"
}

type overrideKind uint8

const (
	overrideNone overrideKind = iota
	overrideAction
	overrideCNAME
	overrideDisabled
)

// consults reports whether the zone is for the client.
func (z *zone) consults(client netip.Addr) bool {
	return z.clients == nil || z.clients.Contains(client)
}

// inert reports whether a match of the zone changes nothing.
func (z *zone) inert() bool { return z.shadow || z.override.kind == overrideDisabled }

// set is what a query is held against: the zones with their generations of one
// moment. It is immutable.
type set struct {
	policies []policy
	// ready is set where each zone was loaded once.
	ready bool
	// early is how many of the policies a query meets before its answer is known:
	// up to the first that looks at answers, that one included.
	early int
	// perClient is set where one client may meet a rule that another does not.
	perClient bool
	// serverFamilies are those of the addresses of name servers that rules look at.
	serverFamilies wanted
	// iterative is the set for queries without RD: the zones that are not recursive-only.
	iterative *set
}

// policy is a zone with a generation.
type policy struct {
	*zone
	rules *policyzone.Zone
	// off is set where the zone is disabled by command; such policies are in sets that
	// explain.
	off bool
}

// inert reports whether a match of the policy changes nothing.
func (p *policy) inert() bool { return p.off || p.zone.inert() }

// newSet puts the generations together; a zone that has none is not consulted, and nor
// is one that is disabled, unless the set explains.
func newSet(zones []*zone, settings *settings, explains bool) *set {
	s := setOf(zones, settings, explains)
	s.iterative = setOf(slices.DeleteFunc(slices.Clone(zones), func(z *zone) bool { return z.recursiveOnly }), settings, explains)
	return s
}

// setOf is newSet for queries that do or do not want recursion.
func setOf(zones []*zone, settings *settings, explains bool) *set {
	s := &set{ready: true}
	late := false
	for _, z := range zones {
		rules, loaded := z.source.generation()
		_, off := disabled.get(z.name)
		s.ready = s.ready && (loaded || off)
		if rules == nil || off && !explains {
			continue
		}
		s.policies = append(s.policies, policy{z, rules, off})
		if !late {
			s.early++
		}
		s.perClient = s.perClient || !off && !z.inert() && (z.clients != nil || rules.Rules(policyzone.ClientIP) > 0)
		servers := settings.delegation && rules.Rules(policyzone.NSDName)+rules.Rules(policyzone.NSIP) > 0
		late = late || !off && (servers || rules.Rules(policyzone.IP) > 0)
		v4, v6 := rules.Families(policyzone.NSIP)
		s.serverFamilies = wanted{s.serverFamilies[0] || v4, s.serverFamilies[1] || v6}
	}
	return s
}

// counters are hits_total, resolved once: by trigger and action, or what stands
// for the action where nothing was changed.
type counters [policyzone.NSIP + 1][policyzone.Local + 1]prometheus.Counter

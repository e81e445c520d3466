package rpz

import (
	"net/netip"
	"slices"

	"github.com/gaissmai/bart"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/nearcast/nearcast/plugin/rpz/internal/policyzone"
)

// configuredZone is one policy zone with its settings in the block.
type configuredZone struct {
	name     string // canonical
	origin   origin
	override override
	treatment
	ede     uint16 // with hasEDE
	hasEDE  bool
	clients *bart.Lite // nil for all
	shadow  bool
	quiet   bool // its hits are not logged
	// addresses are the primaries as written.
	addresses []string
	own       ownTreatment
	// written are the lines of its keys.
	written map[string]int

	source   *source
	counters counters
	// skipped are the nsdname and nsip rules that were last logged as skipped.
	skipped [2]int
}

// override is what a zone's rules do instead of their own actions.
type override struct {
	kind   overrideKind
	action policyzone.Action // if kind is overrideAction
	target string            // if kind is overrideCNAME; canonical
	// keepLocal exempts rules with local data.
	keepLocal bool
}

// spares reports whether the override exempts the match.
func (o *override) spares(m policyzone.Match) bool {
	return o.kind == overrideNone || o.keepLocal && m.Action() == policyzone.Local
}

// String returns the override as in the Corefile.
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

// consults reports whether the zone applies to the client.
func (z *configuredZone) consults(client netip.Addr) bool {
	return z.clients == nil || z.clients.Contains(client)
}

// inert reports whether a match in the zone changes nothing.
func (z *configuredZone) inert() bool { return z.shadow || z.override.kind == overrideDisabled }

// set is what is applied to a query: the zones with their generations at one moment. It is immutable.
type set struct {
	policies []policy
	// ready is set if each zone has loaded once.
	ready bool
	// early is the number of policies that are checked before the answer is known: up to and including the first
	// that looks at answers.
	early int
	// perClient is set if a rule may match for one client but not for another.
	perClient bool
	// serverFamilies are the address families of name servers that rules look at.
	serverFamilies wanted
	// iterative is the set for queries without RD: the zones that are not recursive-only.
	iterative *set
}

// policy is a zone with a generation.
type policy struct {
	*configuredZone
	rules *policyzone.Zone
	// off is set if the zone is disabled by command; these policies are only in sets that explain.
	off bool
}

// inert reports whether a match in the policy changes nothing.
func (p *policy) inert() bool { return p.off || p.configuredZone.inert() }

// newSet puts the generations together. It omits zones without one and, unless the set explains, zones that are
// disabled.
func newSet(zones []*configuredZone, settings *settings, explains bool) *set {
	s := setOf(zones, settings, explains)
	s.iterative = setOf(slices.DeleteFunc(slices.Clone(zones), func(z *configuredZone) bool { return z.recursiveOnly }), settings, explains)
	return s
}

// setOf is newSet for queries with or without recursion.
func setOf(zones []*configuredZone, settings *settings, explains bool) *set {
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

// counters are hits_total, resolved once: by trigger and action, or by what replaces the action if nothing was
// changed.
type counters [policyzone.NSIP + 1][policyzone.Local + 1]prometheus.Counter

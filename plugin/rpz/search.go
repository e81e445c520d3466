package rpz

import (
	"net/netip"
	"strings"

	"github.com/nearcast/nearcast/plugin/rpz/internal/policyzone"
)

// hit is the winning rule, and what it does here.
type hit struct {
	policy *policy
	match  policyzone.Match
	action policyzone.Action
}

// search returns the winning rule at a stage, or nil. It also returns nil if that cannot be decided, which the
// stage then says. Zones take precedence over triggers; search notes a zone that changes nothing and goes on.
func (q *query) search(policies []policy, st *stage) *hit {
	canonical := policyzone.Canonical(st.name)
	for i := range policies {
		p := &policies[i]
		if !p.consults(q.client) {
			continue
		}
		for _, trigger := range [...]policyzone.Trigger{policyzone.ClientIP, policyzone.QName, policyzone.IP, policyzone.NSDName, policyzone.NSIP} {
			if p.rules.Rules(trigger) == 0 {
				continue
			}
			m, ok := q.meet(p, trigger, canonical, st)
			if !ok {
				continue
			}
			h := &hit{policy: p, match: m, action: p.effect(m)}
			switch {
			case !p.inert():
				return h
			case st.answerless:
				q.early = append(q.early, h)
			default:
				q.note(h)
			}
		}
		if st.undecided = q.undecided(p, st); st.undecided != "" {
			return nil
		}
	}
	return nil
}

// meet returns the zone's best rule of one trigger.
func (q *query) meet(p *policy, trigger policyzone.Trigger, name string, st *stage) (policyzone.Match, bool) {
	switch trigger {
	case policyzone.ClientIP:
		if st.first {
			return p.rules.ByAddress(trigger, q.client)
		}
	case policyzone.QName:
		return p.rules.ByName(trigger, name)
	case policyzone.IP:
		return best(p, trigger, st.addresses)
	case policyzone.NSDName:
		for _, server := range q.serverNames(st, name) {
			if m, ok := p.rules.ByName(trigger, server); ok {
				return m, true
			}
		}
	case policyzone.NSIP:
		return best(p, trigger, q.serverAddresses(st, name))
	}
	return policyzone.Match{}, false
}

// best returns the zone's best rule for any of the addresses.
func best(p *policy, trigger policyzone.Trigger, addresses []netip.Addr) (found policyzone.Match, ok bool) {
	for _, a := range addresses {
		if m, matched := p.rules.ByAddress(trigger, a); matched && (!ok || m.Beats(found)) {
			found, ok = m, true
		}
	}
	return found, ok
}

// effect is what a match in the zone does.
func (z *configuredZone) effect(m policyzone.Match) policyzone.Action {
	switch {
	case z.override.spares(m):
	case z.override.kind == overrideAction:
		return z.override.action
	case z.override.kind == overrideCNAME:
		return policyzone.Local
	}
	return m.Action()
}

// equal compares two names as they are in messages.
func equal(a, b string) bool { return len(a) == len(b) && strings.EqualFold(a, b) }

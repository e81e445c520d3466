package rpz

import "github.com/nearcast/nearcast/plugin/rpz/internal/policyzone"

// rebuild publishes the set of the zones' current generations.
func (h *RPZ) rebuild() {
	h.building.Lock()
	defer h.building.Unlock()
	s := newSet(h.zones, &h.settings, false)
	h.set.Store(s)
	for _, z := range h.zones {
		off := 0.0
		if _, is := disabled.get(z.name); is {
			off = 1
		}
		switchedOff.WithLabelValues(z.name).Set(off)
	}
	h.nameSkipped(s)
}

// nameSkipped logs which zones have rules that need delegation while it is off, once per count.
func (h *RPZ) nameSkipped(s *set) {
	for i := range s.policies {
		p := &s.policies[i]
		names, addresses := p.rules.Rules(policyzone.NSDName), p.rules.Rules(policyzone.NSIP)
		if h.settings.delegation {
			names, addresses = 0, 0
		}
		unusable.WithLabelValues(p.name, "delegation-off").Set(float64(names + addresses))
		if count := [2]int{names, addresses}; count != p.skipped {
			p.skipped = count
			if names+addresses == 0 {
				continue
			}
			log.Warningf("zone %s: %d nsdname and %d nsip rules are skipped; set `delegation on` to use them", p.name, names, addresses)
		}
	}
}

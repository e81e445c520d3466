package rpz

import (
	"fmt"
	"slices"

	"github.com/nearcast/nearcast/plugin/internal/arguments"
	"github.com/nearcast/nearcast/plugin/rpz/internal/policyzone"
)

// contradictions are settings that others make ineffective, each with its line. The block is used as it is.
func (s *stanza) contradictions() (all []error) {
	if line, set := s.written["min-ns-dots"]; set && !s.delegation {
		all = append(all, s.unused(line, "min-ns-dots: has no effect without `delegation on`"))
	}
	for _, z := range s.zones {
		for _, key := range []string{"log", "max-policy-ttl", "add-soa", "ede", "shadow"} {
			line, set := z.written[key]
			if !set {
				continue
			}
			if why := z.contradiction(key, &s.settings); why != "" {
				all = append(all, s.unused(line, fmt.Sprintf("zone %s: %s: %s", z.name, key, why)))
			}
		}
	}
	return all
}

func (s *stanza) unused(line int, text string) error {
	return fmt.Errorf("%s: %s", arguments.Position{File: s.at.File, Line: line}, text)
}

// contradiction says why a key of the zone has no effect, or returns "" if it has one.
func (z *configuredZone) contradiction(key string, block *settings) string {
	switch o := &z.override; {
	case key == "log" && !z.quiet && block.log == 0:
		return "`yes` has no effect with `log 0` of the block"
	case key == "shadow" && o.kind == overrideDisabled:
		return "has no effect with `policy disabled`"
	case o.kind == overrideAction && !o.keepLocal && slices.Contains(pointless[key], o.action):
		return fmt.Sprintf("has no effect with `policy %s`", o.action)
	}
	return ""
}

// pointless are the overrides that make a setting of a zone's answers ineffective.
var pointless = map[string][]policyzone.Action{
	"max-policy-ttl": {policyzone.NXDomain, policyzone.NoData, policyzone.Passthru, policyzone.Drop, policyzone.TCPOnly},
	"add-soa":        {policyzone.Passthru, policyzone.Drop, policyzone.TCPOnly},
	"ede":            {policyzone.Passthru, policyzone.Drop},
}

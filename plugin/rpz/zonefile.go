package rpz

import "github.com/nearcast/nearcast/plugin/rpz/internal/policyzone"

// ZoneFile is the content of a policy zone's file.
type ZoneFile struct {
	// Rules is the number of usable rules.
	Rules int
	// Faults name the unusable rules, and Doubts the usable ones that may not do what is meant, each with its file
	// and line, in the file's order.
	Faults, Doubts []error
}

// ReadZone reads the file of a policy zone, as the server does. The error says why none of
// it can be used.
func ReadZone(path, zone string) (ZoneFile, error) {
	rules, remarks, err := policyzone.ReadFile(path, zone)
	if err != nil {
		return ZoneFile{}, err
	}
	var f ZoneFile
	for t := policyzone.ClientIP; t <= policyzone.NSIP; t++ {
		f.Rules += rules.Rules(t)
	}
	for _, r := range remarks {
		if r.Doubtful {
			f.Doubts = append(f.Doubts, r.In(path))
		} else {
			f.Faults = append(f.Faults, r.In(path))
		}
	}
	return f, nil
}

// ZoneName returns the name of the policy zone in the file: the owner of its SOA. If the file does not state it,
// which is allowed, that is "rpz.".
func ZoneName(path string) (string, error) { return policyzone.Origin(path) }

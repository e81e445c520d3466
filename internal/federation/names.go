package federation

import (
	"slices"
	"strings"
)

// claimant is one template's wish for one hostname.
type claimant struct {
	template  *Template
	hostname  string
	isDefault bool
}

// assignNames gives every hostname to one template: a default name beats an
// annotated one, then the older template (one without a date is the youngest),
// then the first by namespace and name. Losers are reported.
func (b *builder) assignNames(templates []*Template) map[Ref][]string {
	owners := make(map[string]claimant, len(templates))
	var all []claimant
	for _, t := range templates {
		c := b.claimsOf(t)
		b.made[t.Ref] = &remembered{template: t, claims: c}
		all = append(all, c.names...)
		b.state.Faults = append(b.state.Faults, c.faults...)
	}
	for _, c := range all {
		if owner, taken := owners[c.hostname]; !taken || c.beats(owner) {
			owners[c.hostname] = c
		}
	}
	names := make(map[Ref][]string, len(templates))
	for _, c := range all {
		owner := owners[c.hostname]
		if owner.template == c.template {
			names[c.template.Ref] = append(names[c.template.Ref], c.hostname)
			continue
		}
		key := keyHostname
		if c.isDefault {
			key = ""
		}
		b.state.Faults = append(b.state.Faults,
			c.template.fault(key, "hostname %s already belongs to %s", c.hostname, owner.template.Ref))
	}
	return names
}

// claims are the hostnames that a template asks for and may have, and what it
// may not.
type claims struct {
	names  []claimant
	faults []Fault
}

// claimants returns t's claims.
func (b *builder) claimants(t *Template) (c claims) {
	if len(t.Hostnames) == 0 {
		for _, zone := range b.Zones {
			if IsReverse(zone) {
				continue
			}
			name, err := defaultName(t, zone)
			if err != nil {
				c.faults = append(c.faults, t.fault("", "default hostname: %v", err))
				continue
			}
			c.names = append(c.names, claimant{t, name, true})
		}
		return c
	}
	for _, name := range t.Hostnames {
		if err := b.Claims.allowName(t.Namespace, name); err != nil {
			c.faults = append(c.faults, t.fault(keyHostname, "%v", err))
			continue
		}
		if !b.inZone(name) {
			c.faults = append(c.faults,
				t.fault(keyHostname, "%s is not below any zone served here (%s)", name, strings.Join(b.Zones, " ")))
			continue
		}
		c.names = append(c.names, claimant{t, name, false})
	}
	return c
}

// defaultName is the name of a template that asks for none.
func defaultName(t *Template, zone string) (string, error) {
	return ParseHostname(t.Name + "." + t.Namespace + "." + strings.TrimPrefix(zone, "."))
}

// inZone reports whether the hostname is below one of the zones; an apex belongs
// to the operator.
func (b *builder) inZone(hostname string) bool {
	return !slices.Contains(b.Zones, hostname) && slices.ContainsFunc(b.Zones, func(zone string) bool {
		return !IsReverse(zone) && isAtOrBelow(strings.TrimPrefix(hostname, "*."), zone)
	})
}

// IsReverse reports whether the zone is one of addresses, where functions have no
// names.
func IsReverse(zone string) bool {
	return isAtOrBelow(zone, "in-addr.arpa.") || isAtOrBelow(zone, "ip6.arpa.")
}

func (c claimant) beats(o claimant) bool {
	if c.isDefault != o.isDefault {
		return c.isDefault
	}
	mine, theirs := c.template.Created, o.template.Created
	switch {
	case mine.Equal(theirs):
		return c.template.compare(o.template.Ref) < 0
	case mine.IsZero() || theirs.IsZero():
		return theirs.IsZero()
	}
	return mine.Before(theirs)
}

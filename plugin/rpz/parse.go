package rpz

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/coredns/caddy"
	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/plugin/internal/arguments"
	"github.com/nearcast/nearcast/plugin/rpz/internal/policyzone"
)

// stanza is one rpz block, parsed and checked.
type stanza struct {
	settings
	zones []*configuredZone
	at    arguments.Position
	// lines are the positions of the zones, by name.
	lines map[string]arguments.Position
	// written are the lines of the block's keys.
	written map[string]int
}

func defaults() settings {
	return settings{
		treatment:          treatment{recursiveOnly: true, addSOA: true, maxTTL: 5 * time.Second},
		servfailUntilReady: true, waitRecurse: true,
		minDots: 1, serverNames: waitServfail, serverAddresses: waitServfail,
		log: 10,
	}
}

// parse reads the block. An error names the line.
func parse(c *caddy.Controller) (*stanza, error) {
	s := &stanza{settings: defaults(), lines: map[string]arguments.Position{}, written: map[string]int{}}
	blocks := 0
	for c.Next() {
		if err := arguments.Begins(c, "rpz"); err != nil {
			return nil, err
		}
		if blocks++; blocks > 1 {
			return nil, c.Err("this server block has rpz twice; put all zones into one rpz block")
		}
		s.at = arguments.Here(c)
		if args, err := arguments.Rest(c); err != nil {
			return nil, err
		} else if len(args) > 0 {
			return nil, c.Errf("unexpected %q: name the zones inside the braces", args[0])
		}
		if _, err := arguments.Settings(c, func() error { return s.parseKey(c) }); err != nil {
			return nil, err
		}
	}
	if len(s.zones) == 0 {
		return nil, fmt.Errorf("%s: no zone: at least one is required", s.at)
	}
	for _, key := range []string{"nsdname-wait-recurse", "nsip-wait-recurse"} {
		if line, set := s.written[key]; set && !s.delegation {
			return nil, fmt.Errorf("%s:%d: %s: has no effect without `delegation on`", s.at.File, line, key)
		}
	}
	for _, z := range s.zones {
		z.treatment = z.own.over(s.treatment)
	}
	if s.state == "" && slices.ContainsFunc(s.zones, func(z *configuredZone) bool { return z.origin.file == "" }) {
		log.Warningf("%s: state is not set: after a restart, zones with a primary or a url stay unloaded until their source answers", s.at)
	}
	return s, nil
}

// keys are the settings of the block. Each parses its arguments and returns what is wrong with them; parseKey adds
// the line.
var keys = map[string]func(*settings, []string) error{
	"recursive-only":       func(s *settings, args []string) error { return parseSwitch(&s.recursiveOnly, args, "yes", "no") },
	"break-dnssec":         func(s *settings, args []string) error { return parseSwitch(&s.breakDNSSEC, args, "yes", "no") },
	"add-soa":              func(s *settings, args []string) error { return parseSwitch(&s.addSOA, args, "yes", "no") },
	"max-policy-ttl":       func(s *settings, args []string) error { return parseMaxTTL(&s.maxTTL, args) },
	"servfail-until-ready": func(s *settings, args []string) error { return parseSwitch(&s.servfailUntilReady, args, "yes", "no") },
	"qname-wait-recurse":   func(s *settings, args []string) error { return parseSwitch(&s.waitRecurse, args, "yes", "no") },
	"delegation":           func(s *settings, args []string) error { return parseSwitch(&s.delegation, args, "on", "off") },
	"min-ns-dots":          (*settings).parseMinDots,
	"nsdname-wait-recurse": func(s *settings, args []string) error { return parseWait(&s.serverNames, args) },
	"nsip-wait-recurse":    func(s *settings, args []string) error { return parseWait(&s.serverAddresses, args) },
	"log":                  (*settings).parseLog,
	"admin":                (*settings).parseAdmin,
	"state":                (*settings).parseState,
}

// zoneKeys are the settings of a zone.
var zoneKeys = map[string]func(*configuredZone, []string) error{
	"file":     (*configuredZone).parseFile,
	"primary":  (*configuredZone).parsePrimary,
	"url":      (*configuredZone).parseURL,
	"checksum": (*configuredZone).parseChecksum,
	"refresh":  (*configuredZone).parseRefresh,
	"tls":      (*configuredZone).parseTLS,
	"source":   (*configuredZone).parseSource,
	"limit":    (*configuredZone).parseLimit,
	"policy":   (*configuredZone).parsePolicy,
	"ede":      (*configuredZone).parseEDE,
	"clients":  (*configuredZone).parseClients,
	"shadow":   (*configuredZone).parseShadow,
	"log":      (*configuredZone).parseLog,

	"recursive-only": func(z *configuredZone, args []string) error { return parseOwnSwitch(&z.own.recursiveOnly, args) },
	"add-soa":        func(z *configuredZone, args []string) error { return parseOwnSwitch(&z.own.addSOA, args) },
	"max-policy-ttl": (*configuredZone).parseMaxTTL,
}

// aliases are keys of a zone that set the same thing; using both sets it twice.
var aliases = map[string]string{"file": "origin", "primary": "origin", "url": "origin"}

func (s *stanza) parseKey(c *caddy.Controller) error {
	key := c.Val()
	if key == "zone" {
		return s.parseZone(c)
	}
	parse, known := keys[key]
	if !known {
		return c.Errf("%v", arguments.UnknownKey(key, append([]string{"zone"}, slices.Sorted(maps.Keys(keys))...)))
	}
	if line, twice := s.written[key]; twice {
		return c.Errf("%s: already set on line %d", key, line)
	}
	s.written[key] = c.Line()
	args, err := arguments.Rest(c)
	if err != nil {
		return err
	}
	if err := parse(&s.settings, args); err != nil {
		return c.Errf("%s: %v", key, err)
	}
	return nil
}

// parseZone reads a zone with its block.
func (s *stanza) parseZone(c *caddy.Controller) error {
	args, err := arguments.Rest(c)
	switch {
	case err != nil:
		return err
	case len(args) != 1:
		return c.Err("zone: takes one name, and its settings in braces")
	}
	if _, ok := dns.IsDomainName(args[0]); !ok {
		return c.Errf("zone: %q is not a domain name", args[0])
	}
	z := &configuredZone{name: policyzone.Canonical(args[0]), written: map[string]int{}}
	if before, twice := s.lines[z.name]; twice {
		return c.Errf("zone: %s is already on line %d", z.name, before.Line)
	}
	s.lines[z.name] = arguments.Here(c)
	z.origin.zone = z.name
	opened, err := arguments.Settings(c, func() error { return z.parseKey(c) })
	switch {
	case err != nil:
		return err
	case !opened:
		return c.Errf("zone: missing { after %s", args[0])
	}
	if _, ok := z.written["origin"]; !ok {
		return fmt.Errorf("%s: zone %s: no source: one of file, primary and url is required", s.lines[z.name], args[0])
	}
	if err := z.settle(); err != nil {
		return fmt.Errorf("%s: zone %s: %w", s.lines[z.name], args[0], err)
	}
	s.zones = append(s.zones, z)
	return nil
}

func (z *configuredZone) parseKey(c *caddy.Controller) error {
	key := c.Val()
	parse, known := zoneKeys[key]
	if !known {
		return c.Errf("zone %s: %v", z.name, arguments.UnknownKey(key, slices.Sorted(maps.Keys(zoneKeys))))
	}
	name := key
	if alias, ok := aliases[key]; ok {
		name = alias
	}
	if line, twice := z.written[name]; twice {
		return c.Errf("zone %s: %s: already set on line %d", z.name, key, line)
	}
	z.written[name] = c.Line()
	args, err := arguments.Rest(c)
	if err != nil {
		return err
	}
	if err := parse(z, args); err != nil {
		return c.Errf("zone %s: %s: %v", z.name, key, err)
	}
	return nil
}

package nearcast

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/pkg/fall"
	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/site"
	"github.com/nearcast/nearcast/internal/steering/health"
	"github.com/nearcast/nearcast/plugin/internal/arguments"
	"github.com/nearcast/nearcast/plugin/internal/cookie"
	"github.com/nearcast/nearcast/plugin/nearcast/feed"
	"github.com/nearcast/nearcast/plugin/nearcast/zonefile"
)

// stanza is one nearcast block, parsed and checked.
type stanza struct {
	settings
	at, here   arguments.Position // of the block, and of the current key
	zones      []string
	servers    []Server
	hostmaster string
	keys       []signingKey
	fall       fall.F
	content    *zonefile.Content // of the file of records; nil without one
	// shared belongs to the running state; lines are the positions of its settings, by key.
	shared site.Config
	lines  map[string]arguments.Position
	// warnings are about settings that are valid but cannot be intended.
	warnings []error
}

// parse reads the block. An error names the line.
func parse(c *caddy.Controller) (*stanza, error) {
	s := &stanza{
		settings: settings{ttls: ttls{least: site.DefaultTTLLeast, most: site.DefaultTTLMost, zone: defaultZoneTTL}, cookies: cookies{jar: cookie.New()}},
		shared:   site.Config{Probe: health.Default},
		lines:    map[string]arguments.Position{},
	}
	blocks := 0
	for c.Next() {
		if err := arguments.Begins(c, "nearcast"); err != nil {
			return nil, err
		}
		if blocks++; blocks > 1 {
			return nil, c.Err("nearcast is in this server block twice")
		}
		s.at = arguments.Here(c)
		if err := s.parseZones(c); err != nil {
			return nil, err
		}
		if _, err := arguments.Settings(c, func() error { return s.parseKey(c) }); err != nil {
			return nil, err
		}
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	s.shared.Servers = s.serverNames()
	return s, nil
}

func (s *stanza) parseZones(c *caddy.Controller) error {
	args, err := arguments.Rest(c)
	if err != nil {
		return err
	}
	for _, arg := range args {
		if strings.ContainsFunc(arg, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return c.Errf("%+q is not a zone: write non-ASCII labels as A-labels (xn--…)", arg)
		}
	}
	s.zones = plugin.OriginsFromArgsOrServerBlock(args, c.ServerBlockKeys)
	if len(args) > 0 && len(s.zones) < len(args) {
		return c.Errf("%q: at least one of these is not a zone", args)
	}
	for i, zone := range s.zones {
		s.zones[i] = strings.ToLower(zone)
	}
	if len(s.zones) == 0 {
		return c.Err("no zone: name one here or as the key of the server block")
	}
	s.shared.Zones = s.zones
	return nil
}

// keys are the directives of the block. Each parses its arguments and returns what is wrong with them; parseKey
// adds the line.
var keys = map[string]func(*stanza, []string) error{
	"cluster":     (*stanza).parseCluster,
	"at":          (*stanza).parseAt,
	"karmada":     (*stanza).parseKarmada,
	"manifests":   (*stanza).parseManifests,
	"locations":   (*stanza).parseLocations,
	"geoip":       (*stanza).parseGeoIP,
	"ecs":         (*stanza).parseECS,
	"horizon":     (*stanza).parseHorizon,
	"claim":       (*stanza).parseClaim,
	"tenant":      (*stanza).parseTenant,
	"policy":      (*stanza).parsePolicy,
	"when-down":   (*stanza).parseWhenDown,
	"family":      (*stanza).parseFamily,
	"load":        (*stanza).parseLoad,
	"probe":       (*stanza).parseProbe,
	"ttl":         (*stanza).parseTTL,
	"ns":          (*stanza).parseNS,
	"hostmaster":  (*stanza).parseHostmaster,
	"snapshot":    (*stanza).parseSnapshot,
	"records":     (*stanza).parseRecords,
	"sign":        (*stanza).parseSign,
	"cookies":     (*stanza).parseCookies,
	"stale":       (*stanza).parseStale,
	"feed":        (*stanza).parseFeed,
	"speaker":     (*stanza).parseSpeaker,
	"admin":       (*stanza).parseAdmin,
	"fallthrough": (*stanza).parseFallthrough,
}

// repeatable keys add up; any other may appear once.
var repeatable = []string{"horizon", "tenant", "claim", "ns", "feed"}

// aliases are keys that set the same thing; using both sets it twice.
var aliases = map[string]string{"at": "cluster", "karmada": "source", "manifests": "source"}

func (s *stanza) parseKey(c *caddy.Controller) error {
	key := c.Val()
	parse, known := keys[key]
	if !known {
		return c.Errf("%v", arguments.UnknownKey(key, slices.Sorted(maps.Keys(keys))))
	}
	name := key
	if alias, ok := aliases[key]; ok {
		name = alias
	}
	if before, twice := s.lines[name]; twice && !slices.Contains(repeatable, key) {
		return c.Errf("%s: already set on line %d", key, before.Line)
	}
	s.here = arguments.Here(c)
	s.lines[name] = s.here
	args, err := arguments.Rest(c)
	if err != nil {
		return err
	}
	if err := parse(s, args); err != nil {
		return c.Errf("%s: %v", key, err)
	}
	return nil
}

// check finds faults that no single line shows.
func (s *stanza) check() error {
	if _, ok := s.lines["source"]; !ok {
		return fmt.Errorf("%s: no source: karmada or manifests is required", s.at)
	}
	for _, k := range s.keys {
		if !slices.Contains(s.zones, strings.ToLower(k.public.Hdr.Name)) {
			return fmt.Errorf("%s: key of %s, which is not a zone of this block (%s)", s.lines["sign"], k.public.Hdr.Name, strings.Join(s.zones, " "))
		}
	}
	for _, h := range s.shared.Horizons {
		for _, o := range s.shared.Horizons {
			if h.Name == o.Name {
				continue
			}
			for _, p := range h.Prefixes {
				if slices.Contains(o.Prefixes, p) {
					return fmt.Errorf("%s: prefix %s is in two horizons, %s and %s", s.lines["horizon"], p, h.Name, o.Name)
				}
			}
		}
	}
	if err := s.checkDefaults(); err != nil {
		return err
	}
	if err := s.checkFeeds(); err != nil {
		return err
	}
	return s.readRecords()
}

// checkDefaults finds zones below which a default name would be too long.
func (s *stanza) checkDefaults() error {
	for _, zone := range s.zones {
		for _, o := range [][2]string{{"ns", defaultServers(zone, nil)[0].Name}, {"hostmaster", defaultHostmaster(zone)}} {
			key, name := o[0], o[1]
			_, set := s.lines[key]
			if _, fits := dns.IsDomainName(name); !set && !fits {
				return fmt.Errorf("%s: %s is longer than the 255 octets of a domain name: add `%s NAME` with a shorter one", s.at, name, key)
			}
		}
	}
	return nil
}

// checkFeeds finds feeds that cannot have a name, or that have the same one.
func (s *stanza) checkFeeds() error {
	names := map[string]feed.Scope{}
	for _, l := range s.feeds {
		for _, zone := range s.zones {
			if l.Region == feed.All {
				continue
			}
			name, ok := l.PolicyZone(zone)
			if !ok {
				return fmt.Errorf("%s: feed: %s cannot be part of a domain name below %s", l.At, l.Scope, zone)
			}
			if other, twice := names[name]; twice && other != l.Scope {
				return fmt.Errorf("%s: feed: %s is the zone name of the feeds of %s and of %s", l.At, name, other, l.Scope)
			}
			names[name] = l.Scope
		}
	}
	return nil
}

// zoneList makes the zones with the data of their apexes. Own are the addresses of this server.
func (s *stanza) zoneList(own []netip.Addr) []Zone {
	var zones []Zone
	for _, name := range s.zones {
		servers := s.serversOf(name, own)
		zones = append(zones, Zone{
			Name: name, Servers: servers, serverTTL: s.serverTTL(), feeds: s.feedsOf(name), file: s.fileOf(name),
			soa:      newSOA(name, servers[0].Name, s.hostmaster, seconds(s.ttls.least)),
			signer:   newSigner(name, s.keys, seconds(s.ttls.zone)),
			counters: countersOf(name),
		})
	}
	return zones
}

// feedsOf returns the name below which the zone's policy zones are placed; "" if it has none.
func (s *stanza) feedsOf(zone string) string {
	if len(s.feeds) == 0 || federation.IsReverse(zone) {
		return ""
	}
	return feed.Policies(zone)
}

// serversOf returns the name servers of the zone; own are the addresses of this server.
func (s *stanza) serversOf(zone string, own []netip.Addr) []Server {
	if len(s.servers) == 0 {
		return defaultServers(zone, own)
	}
	return s.servers
}

// serverTTL is the TTL of the name servers' addresses. Those of a server that has no name of its own are the machine's,
// which may be a pod's.
func (s *stanza) serverTTL() uint32 {
	if len(s.servers) == 0 {
		return seconds(s.ttls.most)
	}
	return seconds(s.ttls.zone)
}

// serverNames returns the names of the name servers of all zones, sorted.
func (s *stanza) serverNames() []string {
	var names []string
	for _, zone := range s.zones {
		for _, server := range s.serversOf(zone, nil) {
			names = append(names, server.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func parseName(arg string) (string, error) {
	name, err := federation.ParseHostname(arg)
	if err == nil && strings.HasPrefix(name, "*.") {
		err = fmt.Errorf("%q: a wildcard is not allowed here", arg)
	}
	return name, err
}

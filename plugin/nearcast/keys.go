package nearcast

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/plugin/internal/arguments"
)

// One function per key that sets something of its block alone, in the order of the README: see statekeys.go for the
// settings of the running state, and feedkeys.go and cookies.go for those that need more.

func (s *stanza) parseECS(args []string) error {
	switch {
	case len(args) == 0:
		return errors.New("takes on, off or CIDR…")
	case len(args) == 1 && args[0] == "on":
		return nil
	case len(args) == 1 && args[0] == "off":
		s.ecs.off = true
		return nil
	}
	prefixes, err := arguments.Prefixes(args)
	s.ecs.from = prefixes
	return err
}

func parseDuration(arg string) (time.Duration, error) {
	d, err := time.ParseDuration(arg)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("%q is not a positive duration such as 5s", arg)
	}
	return d, nil
}

// maxTTL keeps an answer from outliving every change that steering reacts to.
const maxTTL = 86400

const (
	// defaultZoneTTL is long enough that resolvers seldom ask for these records, and short enough that a changed name
	// server or key is known everywhere on the same day.
	defaultZoneTTL = 2 * time.Hour
	// maxZoneTTL is what resolvers keep at most (RFC 8767, section 4), in seconds.
	maxZoneTTL = 7 * 86400
)

func (s *stanza) parseTTL(args []string) error {
	if len(args) != 2 && len(args) != 3 {
		return errors.New("takes LEAST MOST [ZONE] in seconds")
	}
	if len(args) == 3 {
		zone, err := strconv.ParseUint(args[2], 10, 32)
		if err != nil || zone < 1 || zone > maxZoneTTL {
			return fmt.Errorf("%q is not ZONE in seconds, from 1 to %d", args[2], maxZoneTTL)
		}
		s.ttls.zone = time.Duration(zone) * time.Second
	}
	least, err1 := strconv.ParseUint(args[0], 10, 32)
	most, err2 := strconv.ParseUint(args[1], 10, 32)
	if err := errors.Join(err1, err2); err != nil || most < 1 || least > most || most > maxTTL {
		return fmt.Errorf("%q %q are not LEAST MOST in seconds, with LEAST ≤ MOST and MOST from 1 to %d", args[0], args[1], maxTTL)
	}
	s.ttls.least, s.ttls.most = time.Duration(least)*time.Second, time.Duration(most)*time.Second
	return nil
}

func (s *stanza) parseNS(args []string) error {
	if len(args) == 0 {
		return errors.New("takes NAME [ADDR…]")
	}
	name, err := parseName(args[0])
	if err != nil {
		return err
	}
	if slices.ContainsFunc(s.servers, func(o Server) bool { return o.Name == name }) {
		return fmt.Errorf("%s is declared twice; put its addresses on one line", name)
	}
	server := Server{Name: name}
	for _, arg := range args[1:] {
		a, err := netip.ParseAddr(arg)
		if err != nil || a.Zone() != "" {
			return fmt.Errorf("%q is not an IP address", arg)
		}
		server.Addrs = append(server.Addrs, a.Unmap())
	}
	s.servers = append(s.servers, server)
	if zone := s.zoneAbove(name); zone != "" && len(server.Addrs) == 0 {
		s.warnings = append(s.warnings, fmt.Errorf("%s: ns: %s is in the zone %s and has no address, so nobody can reach it: add ADDR", s.here, name, zone))
	}
	return nil
}

// zoneAbove returns the zone of the block that contains a name, or "".
func (s *stanza) zoneAbove(name string) string {
	i := slices.IndexFunc(s.zones, func(zone string) bool { return dns.IsSubDomain(zone, name) })
	if i < 0 {
		return ""
	}
	return s.zones[i]
}

// parseHostmaster takes the mailbox as a name or as an address (RFC 1035,
// section 8: a dot before the @ is escaped).
func (s *stanza) parseHostmaster(args []string) error {
	mailbox, err := arguments.One(args, "a mailbox")
	if err != nil {
		return err
	}
	if user, host, ok := strings.Cut(mailbox, "@"); ok {
		if user == "" {
			return fmt.Errorf("%q is not a mailbox", mailbox)
		}
		host, err = parseName(host)
		s.hostmaster = strings.ReplaceAll(user, ".", `\.`) + "." + host
		return err
	}
	s.hostmaster, err = parseName(mailbox)
	return err
}

func (s *stanza) parseStale(args []string) error {
	arg, err := arguments.One(args, "a duration")
	if err == nil {
		s.stale, err = parseDuration(arg)
	}
	return err
}

// parseSign reads key pairs as written by dnssec-keygen.
func (s *stanza) parseSign(args []string) error {
	if len(args) == 0 {
		return errors.New("takes key files, such as Kfn.example.org.+013+00001")
	}
	for _, arg := range args {
		key, err := readKey(arg)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(s.keys, func(k signingKey) bool { return dns.IsDuplicate(k.public, key.public) }) {
			return fmt.Errorf("%s: given twice", arg)
		}
		s.keys = append(s.keys, key)
	}
	return nil
}

func (s *stanza) parseFallthrough(args []string) error {
	s.fall.SetZonesFromArgs(args)
	return nil
}

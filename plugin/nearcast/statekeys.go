package nearcast

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/nearcast/nearcast/internal/base/admin"
	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/federation/claims"
	"github.com/nearcast/nearcast/internal/federation/policy"
	"github.com/nearcast/nearcast/internal/site"
	"github.com/nearcast/nearcast/internal/steering/steer"
	"github.com/nearcast/nearcast/plugin/internal/arguments"
)

// One function per key that sets what blocks with one source share, in the order of the README: see keys.go for the
// settings of one block.

func (s *stanza) parseCluster(args []string) (err error) {
	s.shared.Where.Cluster, err = arguments.One(args, "the name of this site's Karmada cluster")
	return err
}

func (s *stanza) parseAt(args []string) error {
	if len(args) != 1 && len(args) != 2 {
		return errors.New("takes REGION[/ZONE] [LAT,LON]")
	}
	region, zone, zoned := strings.Cut(args[0], "/")
	if region == "" || zoned && zone == "" {
		return fmt.Errorf("%q is not REGION[/ZONE]", args[0])
	}
	s.shared.Where = steer.Site{Region: region}
	if zoned {
		s.shared.Where.Zones = []string{zone}
	}
	if len(args) == 2 {
		coordinates, err := federation.ParseCoordinates(args[1])
		if err != nil {
			return err
		}
		s.shared.Where.Coordinates = coordinates
	}
	return nil
}

func (s *stanza) parseKarmada(args []string) (err error) {
	if len(args) == 0 {
		return errors.New("takes KUBECONFIG [NAMESPACE…]")
	}
	s.shared.Source.Kubeconfig, err = arguments.Existing(args[0])
	if err != nil {
		return err
	}
	s.shared.Source.Namespaces = slices.Compact(slices.Sorted(slices.Values(args[1:])))
	return nil
}

// parseManifests takes a directory that may appear later: see sourceOfBlocks.isThere.
func (s *stanza) parseManifests(args []string) (err error) {
	s.shared.Source.Manifests, err = arguments.FolderToMake(args)
	return err
}

func (s *stanza) parseLocations(args []string) error {
	file, err := arguments.One(args, "a file")
	if err == nil {
		s.shared.Locations.Locations, err = arguments.Existing(file)
	}
	return err
}

func (s *stanza) parseGeoIP(args []string) error {
	if len(args) == 0 {
		return errors.New("takes MMDB files")
	}
	for _, arg := range args {
		file, err := arguments.Existing(arg)
		if err != nil {
			return err
		}
		s.shared.Locations.GeoIP = append(s.shared.Locations.GeoIP, file)
	}
	return nil
}

func (s *stanza) parseHorizon(args []string) error {
	if len(args) < 2 {
		return errors.New("takes NAME CIDR…")
	}
	if slices.ContainsFunc(s.shared.Horizons, func(h site.Horizon) bool { return h.Name == args[0] }) {
		return fmt.Errorf("%s is declared twice; put its prefixes on one line", args[0])
	}
	if len(s.shared.Horizons) == steer.MaxHorizons {
		return fmt.Errorf("%s: more than %d horizons", args[0], steer.MaxHorizons)
	}
	prefixes, err := arguments.Prefixes(args[1:])
	s.shared.Horizons = append(s.shared.Horizons, site.Horizon{Name: args[0], Prefixes: prefixes})
	return err
}

func (s *stanza) parseClaim(args []string) error {
	if len(args) < 2 {
		return errors.New("takes NAMESPACE NAME… [addresses CIDR…] [ports PORT…]")
	}
	claim := claims.Claim{Namespace: args[0]}
	names, ports, err := parsePorts(args[1:])
	if err != nil {
		return err
	}
	claim.Ports = ports
	cidrs := []string(nil)
	if i := slices.Index(names, "addresses"); i >= 0 {
		names, cidrs = names[:i], names[i+1:]
		if len(cidrs) == 0 {
			return errors.New("addresses: takes CIDR…")
		}
	}
	for _, arg := range names {
		name, err := parseName(arg)
		if err != nil {
			return err
		}
		claim.Names = append(claim.Names, name)
	}
	claim.Addresses, err = arguments.Prefixes(cidrs)
	s.shared.Claims = append(s.shared.Claims, claim)
	return err
}

// parsePorts takes the ports off the end of a claim, and returns the words before them.
func parsePorts(args []string) (before []string, ports []claims.PortRange, err error) {
	i := slices.Index(args, "ports")
	if i < 0 {
		return args, nil, nil
	}
	if i == len(args)-1 {
		return nil, nil, errors.New("ports: takes PORT…")
	}
	for _, arg := range args[i+1:] {
		few, err := claims.ParsePortRange(arg)
		if err != nil {
			return nil, nil, err
		}
		ports = append(ports, few)
	}
	return args[:i], ports, nil
}

func (s *stanza) parsePolicy(args []string) (err error) {
	s.shared.Policy, err = policy.Parse(strings.Join(args, " "))
	return err
}

func (s *stanza) parseWhenDown(args []string) (err error) {
	s.shared.WhenDown, err = policy.ParseWhenDown(strings.Join(args, " "))
	return err
}

func (s *stanza) parseFamily(args []string) error {
	mode, err := arguments.One(args, "linked or independent")
	if err == nil && mode != "linked" && mode != "independent" {
		err = fmt.Errorf("%q is not linked or independent", mode)
	}
	s.shared.Independent = mode == "independent"
	return err
}

// parseLoad takes FROM TO, each as a share of a placement's capacity.
func (s *stanza) parseLoad(args []string) error {
	if len(args) != 2 {
		return errors.New("takes FROM% TO%")
	}
	var shares [2]float64
	for i, arg := range args {
		text, ok := strings.CutSuffix(arg, "%")
		n, err := strconv.ParseFloat(text, 64)
		if !ok || err != nil || !(n > 0 && n <= 1000) {
			return fmt.Errorf("%q is not a share such as 80%%", arg)
		}
		shares[i] = n / 100
	}
	if shares[0] >= shares[1] {
		return fmt.Errorf("FROM %s must be less than TO %s", args[0], args[1])
	}
	s.shared.Load = steer.Load{From: shares[0], To: shares[1]}
	return nil
}

func (s *stanza) parseTenant(args []string) error {
	if len(args) < 2 {
		return errors.New("takes NAMESPACE CIDR…")
	}
	prefixes, err := arguments.Prefixes(args[1:])
	s.shared.Tenants = append(s.shared.Tenants, site.Tenant{Namespace: args[0], Prefixes: prefixes})
	return err
}

func (s *stanza) parseProbe(args []string) (err error) {
	if len(args) == 0 || len(args)%2 != 0 {
		return errors.New("takes pairs of interval D, timeout D, rise N, fall N, idle D, cert FILE, key FILE, ca FILE")
	}
	p := &s.shared.Probe
	for pair := range slices.Chunk(args, 2) {
		switch pair[0] {
		case "interval":
			p.Interval, err = parseDuration(pair[1])
		case "timeout":
			p.Timeout, err = parseDuration(pair[1])
		case "rise":
			p.Rise, err = parseCount(pair[1])
		case "fall":
			p.Fall, err = parseCount(pair[1])
		case "idle":
			p.Idle, err = parseDuration(pair[1])
		case "cert":
			p.TLS.Cert, err = arguments.Existing(pair[1])
		case "key":
			p.TLS.Key, err = arguments.Existing(pair[1])
		case "ca":
			p.TLS.CA, err = arguments.Existing(pair[1])
		default:
			err = fmt.Errorf("unknown option %q; known options: interval, timeout, rise, fall, idle, cert, key, ca", pair[0])
		}
		if err != nil {
			return err
		}
	}
	if (p.TLS.Cert == "") != (p.TLS.Key == "") {
		return errors.New("cert and key must be set together; one is missing")
	}
	return nil
}

func parseCount(arg string) (int, error) {
	n, err := strconv.Atoi(arg)
	if err != nil || n < 1 || n > 1000 {
		return 0, fmt.Errorf("%q is not a number from 1 to 1000", arg)
	}
	return n, nil
}

func (s *stanza) parseSnapshot(args []string) (err error) {
	s.shared.Snapshot, err = arguments.FolderToMake(args)
	return err
}

// parseSpeaker takes the socket of this site's speaker, which may start later.
func (s *stanza) parseSpeaker(args []string) (err error) {
	s.shared.Speaker, err = socket(args)
	return err
}

func (s *stanza) parseAdmin(args []string) (err error) {
	s.shared.Admin, err = socket(args)
	return err
}

// socket takes the path of a socket, whose length the system limits.
func socket(args []string) (string, error) {
	path, err := arguments.Socket(args)
	if err == nil && len(path) > admin.MaxPath {
		err = fmt.Errorf("%s is longer than the %d characters that a socket's path may have", path, admin.MaxPath)
	}
	return path, err
}

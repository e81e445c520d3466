package rpz

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/gaissmai/bart"
	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/plugin/internal/arguments"
	"github.com/nearcast/nearcast/plugin/rpz/internal/policyzone"
)

// One function per key, in the order of the README.

func parseSwitch(to *bool, args []string, on, off string) error {
	if len(args) != 1 || args[0] != on && args[0] != off {
		return fmt.Errorf("takes %s or %s", on, off)
	}
	*to = args[0] == on
	return nil
}

// wait is what a query does until the name servers that a rule needs are known.
type wait uint8

const (
	// waitServfail waits, and fails if they cannot be found.
	waitServfail wait = iota
	// waitYes waits, and skips the rule if they cannot be found: BIND's yes.
	waitYes
	// waitNo skips the rule until the next query: BIND's no.
	waitNo
)

var waits = map[string]wait{"servfail": waitServfail, "yes": waitYes, "no": waitNo}

func parseWait(to *wait, args []string) error {
	if len(args) == 1 {
		if w, known := waits[args[0]]; known {
			*to = w
			return nil
		}
	}
	return errors.New("takes servfail, yes or no")
}

// maxMaxTTL is a day: longer answers would outlive every change of policy.
const maxMaxTTL = 24 * time.Hour

func parseMaxTTL(to *time.Duration, args []string) error {
	if len(args) != 1 {
		return errors.New("takes a duration")
	}
	d, err := time.ParseDuration(args[0])
	if err != nil || d < 0 || d > maxMaxTTL || d != d.Truncate(time.Second) {
		return fmt.Errorf("%q is not a whole number of seconds from 0s to %s", args[0], maxMaxTTL)
	}
	*to = d
	return nil
}

func (z *configuredZone) parseMaxTTL(args []string) error {
	z.own.maxTTL = new(time.Duration)
	return parseMaxTTL(z.own.maxTTL, args)
}

// parseOwnSwitch is parseSwitch for a setting that the block may have too.
func parseOwnSwitch(to **bool, args []string) error {
	*to = new(bool)
	return parseSwitch(*to, args, "yes", "no")
}

// mostDots is how many dots the longest name has, without the final one.
const mostDots = 126

func (s *settings) parseMinDots(args []string) error {
	arg, err := arguments.One(args, "a number of dots")
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(arg)
	if err != nil || n < 0 || n > mostDots {
		return fmt.Errorf("%q is not a number from 0 to %d", arg, mostDots)
	}
	s.minDots = n
	return nil
}

func (s *settings) parseLog(args []string) error {
	if len(args) != 1 {
		return errors.New("takes a number per second")
	}
	n, err := strconv.Atoi(args[0])
	if err != nil || n < 0 || n > 100_000 {
		return fmt.Errorf("%q is not a number from 0 to 100000", args[0])
	}
	s.log = n
	return nil
}

func (s *settings) parseState(args []string) (err error) {
	s.state, err = arguments.FolderToMake(args)
	return err
}

// parseFile takes a path. The file need not exist yet: a list may be downloaded later.
func (z *configuredZone) parseFile(args []string) (err error) {
	path, err := arguments.One(args, "a path")
	if err == nil {
		z.origin.file, err = filepath.Abs(path)
	}
	return err
}

// parsePrimary takes ADDRESS... [key NAME [ALGORITHM]].
func (z *configuredZone) parsePrimary(args []string) (err error) {
	addresses := args
	if i := slices.Index(args, "key"); i >= 0 {
		addresses = args[:i]
		if z.origin.key, z.origin.algorithm, err = arguments.Key(args[i+1:]); err != nil {
			return fmt.Errorf("key: %w", err)
		}
	}
	if len(addresses) == 0 {
		return errors.New("takes ADDRESS... [key NAME [ALGORITHM]]")
	}
	z.addresses = addresses
	return z.resolvePrimaries(portDNS)
}

func (z *configuredZone) parseLimit(args []string) error {
	arg, err := arguments.One(args, "a number of records")
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(arg)
	if err != nil || n < 1 {
		return fmt.Errorf("%q is not a number of records", arg)
	}
	z.origin.limit = n
	return nil
}

// policies are the overrides that are actions.
var policies = map[string]policyzone.Action{
	"passthru": policyzone.Passthru, "drop": policyzone.Drop, "tcp-only": policyzone.TCPOnly,
	"nxdomain": policyzone.NXDomain, "nodata": policyzone.NoData,
}

// keepLocalData ends a policy that exempts local data.
const keepLocalData = "keep-local-data"

// parsePolicy takes a policy, or cname NAME, and keep-local-data.
func (z *configuredZone) parsePolicy(args []string) (err error) {
	keep := len(args) > 1 && args[len(args)-1] == keepLocalData
	if keep {
		args = args[:len(args)-1]
	}
	if z.override, err = parseOverride(args); err != nil {
		return err
	}
	z.override.keepLocal = keep
	if kind := z.override.kind; keep && (kind == overrideNone || kind == overrideDisabled) {
		return fmt.Errorf("%s: has no effect with %s, which overrides no action", keepLocalData, args[0])
	}
	return nil
}

func parseOverride(args []string) (override, error) {
	if len(args) == 2 && args[0] == "cname" {
		if _, ok := dns.IsDomainName(args[1]); !ok {
			return override{}, fmt.Errorf("%q is not a domain name", args[1])
		}
		return override{kind: overrideCNAME, target: policyzone.Canonical(args[1])}, nil
	}
	if len(args) != 1 {
		return override{}, errors.New("takes one policy or cname NAME, then optionally keep-local-data")
	}
	action, known := policies[args[0]]
	switch {
	case known:
		return override{kind: overrideAction, action: action}, nil
	case args[0] == "disabled":
		return override{kind: overrideDisabled}, nil
	case args[0] != "given":
		return override{}, fmt.Errorf("unknown policy %q; known policies: given, disabled, passthru, drop, tcp-only, nxdomain, nodata, cname NAME", args[0])
	}
	return override{}, nil
}

// errors8914 are the Extended DNS Errors that report policy.
var errors8914 = map[string]uint16{
	"blocked": dns.ExtendedErrorCodeBlocked, "censored": dns.ExtendedErrorCodeCensored,
	"filtered": dns.ExtendedErrorCodeFiltered, "forged": dns.ExtendedErrorCodeForgedAnswer,
}

func (z *configuredZone) parseEDE(args []string) error {
	if len(args) != 1 {
		return errors.New("takes one of none, blocked, censored, filtered, forged")
	}
	code, known := errors8914[args[0]]
	if !known && args[0] != "none" {
		return fmt.Errorf("unknown error %q; known errors: none, blocked, censored, filtered, forged", args[0])
	}
	z.ede, z.hasEDE = code, known
	return nil
}

func (z *configuredZone) parseClients(args []string) error {
	if len(args) == 0 {
		return errors.New("takes prefixes")
	}
	prefixes, err := arguments.Prefixes(args)
	z.clients = new(bart.Lite)
	for _, p := range prefixes {
		z.clients.Insert(p)
	}
	return err
}

// parseLog takes whether hits are logged; the block says how many.
func (z *configuredZone) parseLog(args []string) error {
	logged := true
	err := parseSwitch(&logged, args, "yes", "no")
	z.quiet = !logged
	return err
}

func (z *configuredZone) parseShadow(args []string) error {
	if len(args) != 0 {
		return errors.New("takes no arguments")
	}
	z.shadow = true
	return nil
}

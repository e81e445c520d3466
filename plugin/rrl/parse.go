package rrl

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"

	"github.com/coredns/caddy"

	"github.com/nearcast/nearcast/plugin/internal/arguments"
)

// settings are those of one block.
type settings struct {
	// perSecond is how many answers per second an account may get, by kind; 0 for no limit.
	perSecond [kinds]int
	// window is in seconds.
	window int
	slip   int
	// bits4 and bits6 are the lengths of a network's prefix.
	bits4, bits6 int
	exempt       []netip.Prefix
	// size is the least number of accounts.
	size       int
	reportOnly bool
}

// unset is the rate of a kind without its own key.
const unset = -1

func defaults() *settings {
	return &settings{perSecond: [kinds]int{50, unset, unset}, window: 15, slip: 2, bits4: 24, bits6: 56, size: 100_000}
}

// keys are the directives of the block. Each parses its arguments and returns what is wrong with them; parse adds
// the line.
var keys = map[string]func(*settings, []string) error{
	"responses-per-second": func(s *settings, args []string) error { return number(&s.perSecond[responses], args, 0, 10_000) },
	"nxdomains-per-second": func(s *settings, args []string) error { return number(&s.perSecond[nxdomains], args, 0, 10_000) },
	"errors-per-second":    func(s *settings, args []string) error { return number(&s.perSecond[failures], args, 0, 10_000) },
	"window":               func(s *settings, args []string) error { return number(&s.window, args, 1, 3600) },
	"slip":                 func(s *settings, args []string) error { return number(&s.slip, args, 0, 10) },
	"ipv4-prefix-length":   func(s *settings, args []string) error { return number(&s.bits4, args, 1, 32) },
	"ipv6-prefix-length":   func(s *settings, args []string) error { return number(&s.bits6, args, 1, 128) },
	"exempt":               (*settings).parseExempt,
	"max-table-size":       func(s *settings, args []string) error { return number(&s.size, args, 1000, 10_000_000) },
	"report-only":          (*settings).parseReportOnly,
}

// repeatable keys add up; any other may appear once.
var repeatable = []string{"exempt"}

// parse reads the block. An error names the line.
func parse(c *caddy.Controller) (*settings, error) {
	s := defaults()
	lines := map[string]int{}
	blocks := 0
	for c.Next() {
		if err := arguments.Begins(c, "rrl"); err != nil {
			return nil, err
		}
		if blocks++; blocks > 1 {
			return nil, c.Err("rrl is in this server block twice")
		}
		if args, err := arguments.Rest(c); err != nil {
			return nil, err
		} else if len(args) > 0 {
			return nil, c.Errf("unexpected %q: rrl takes no arguments; put its settings inside braces, one per line", args[0])
		}
		if _, err := arguments.Settings(c, func() error { return s.parseKey(c, lines) }); err != nil {
			return nil, err
		}
	}
	for k := range s.perSecond {
		if s.perSecond[k] == unset {
			s.perSecond[k] = s.perSecond[responses]
		}
	}
	return s, nil
}

// parseKey reads a key; lines are the positions of the keys.
func (s *settings) parseKey(c *caddy.Controller, lines map[string]int) error {
	key := c.Val()
	set, known := keys[key]
	if !known {
		return c.Errf("%v", arguments.UnknownKey(key, slices.Sorted(maps.Keys(keys))))
	}
	if before, twice := lines[key]; twice && !slices.Contains(repeatable, key) {
		return c.Errf("%s: already set on line %d", key, before)
	}
	lines[key] = c.Line()
	args, err := arguments.Rest(c)
	if err != nil {
		return err
	}
	if err := set(s, args); err != nil {
		return c.Errf("%s: %v", key, err)
	}
	return nil
}

// number takes one number.
func number(to *int, args []string, least, most int) error {
	arg, err := arguments.One(args, "a number")
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(arg)
	if err != nil || n < least || n > most {
		return fmt.Errorf("%q is not a number from %d to %d", arg, least, most)
	}
	*to = n
	return nil
}

func (s *settings) parseExempt(args []string) error {
	if len(args) == 0 {
		return errors.New("takes CIDR…")
	}
	prefixes, err := arguments.Prefixes(args)
	s.exempt = append(s.exempt, prefixes...)
	return err
}

func (s *settings) parseReportOnly(args []string) error {
	if len(args) > 0 {
		return errors.New("takes no arguments")
	}
	s.reportOnly = true
	return nil
}

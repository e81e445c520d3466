package ddr

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/coredns/caddy"
	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/plugin/internal/arguments"
)

// stanza is one ddr directive with its block, parsed and checked.
type stanza struct {
	at           arguments.Position
	designations []Designation
	ttl          uint32 // seconds
}

// maxTTL is a day, in seconds: a client that keeps a designation longer would miss most changes.
const maxTTL = 86400

// servedPath is the only path at which CoreDNS answers DNS over HTTPS.
const servedPath = "/dns-query{?dns}"

// defaults is a stanza that designates nothing. Its TTL is short so that clients find a new designation soon.
func defaults() *stanza { return &stanza{ttl: 300} }

// parse reads the directive. An error names the line.
func parse(c *caddy.Controller) (*stanza, error) {
	s := defaults()
	lines, ttlLine := 0, 0
	for c.Next() {
		if err := arguments.Begins(c, "ddr"); err != nil {
			return nil, err
		}
		if lines++; lines > 1 {
			return nil, c.Err("ddr is in this server block twice; put all designations into one")
		}
		s.at = arguments.Here(c)
		if args, err := arguments.Rest(c); err != nil {
			return nil, err
		} else if len(args) > 0 {
			return nil, c.Errf("unexpected %q: ddr takes no arguments; put `designate TARGET PROTOCOL...` inside braces", args[0])
		}
		if _, err := arguments.Settings(c, func() error { return s.parseKey(c, &ttlLine) }); err != nil {
			return nil, err
		}
	}
	s.rank()
	return s, nil
}

func (s *stanza) parseKey(c *caddy.Controller, ttlLine *int) error {
	key, at := c.Val(), arguments.Here(c)
	parse, known := keys[key]
	switch {
	case !known:
		return c.Errf("%v", arguments.UnknownKey(key, slices.Sorted(maps.Keys(keys))))
	case key == "ttl" && *ttlLine > 0:
		return c.Errf("ttl: already set on line %d", *ttlLine)
	case key == "ttl":
		*ttlLine = at.Line
	}
	args, err := arguments.Rest(c)
	if err != nil {
		return err
	}
	if err := parse(s, at, args); err != nil {
		return fmt.Errorf("%s: %s: %w", at, key, err)
	}
	return nil
}

// rank gives each designation without a priority its position as priority.
func (s *stanza) rank() {
	for i := range s.designations {
		if s.designations[i].Priority == 0 {
			s.designations[i].Priority = uint16(i + 1)
		}
	}
}

// keys parse their arguments and return what is wrong with them; parse adds the line.
var keys = map[string]func(s *stanza, at arguments.Position, args []string) error{
	"designate": (*stanza).parseDesignate,
	"ttl":       (*stanza).parseTTL,
}

func (s *stanza) parseTTL(_ arguments.Position, args []string) error {
	text, err := arguments.One(args, "a number of seconds")
	if err != nil {
		return err
	}
	ttl, err := strconv.ParseUint(text, 10, 32)
	if err != nil || ttl < 1 || ttl > maxTTL {
		return fmt.Errorf("%q is not a number of seconds from 1 to %d", text, maxTTL)
	}
	s.ttl = uint32(ttl)
	return nil
}

// maxDesignations bounds the size of an answer to a query that anybody may send with a forged source.
const maxDesignations = 8

func (s *stanza) parseDesignate(at arguments.Position, args []string) error {
	if len(s.designations) == maxDesignations {
		return fmt.Errorf("more than %d designations; put protocols that share a port on one line", maxDesignations)
	}
	if len(args) < 2 {
		return errors.New("takes TARGET PROTOCOL..., such as `designate dns.example.net dot doq`")
	}
	d := Designation{At: at}
	if err := d.parseTarget(args[0]); err != nil {
		return err
	}
	for rest := args[1:]; len(rest) > 0; {
		taken, err := d.parseOption(rest)
		if err != nil {
			return err
		}
		rest = rest[taken:]
	}
	if err := d.complete(); err != nil {
		return err
	}
	s.designations = append(s.designations, d)
	return nil
}

func (d *Designation) parseTarget(text string) error {
	d.Target = dns.CanonicalName(text)
	_, numeric := netip.ParseAddr(text)
	if _, ok := dns.IsDomainName(d.Target); !ok || d.Target == "." || numeric == nil || belowSpecial(d.Target) {
		return fmt.Errorf("%q is not the name of a resolver, such as dns.example.net", text)
	}
	return nil
}

// options parse the words that follow them and return how many they used.
var options = map[string]func(*Designation, []string) (int, error){
	"port":      (*Designation).parsePort,
	"priority":  (*Designation).parsePriority,
	"dohpath":   (*Designation).parsePath,
	"hint":      (*Designation).parseHints,
	"elsewhere": func(d *Designation, _ []string) (int, error) { d.Elsewhere = true; return 0, nil },
}

// parseOption reads a protocol, or an option with its arguments.
func (d *Designation) parseOption(args []string) (taken int, err error) {
	word := args[0]
	if _, ok := protocols[word]; ok {
		if slices.Contains(d.Protocols, word) {
			return 0, fmt.Errorf("%s is given twice", word)
		}
		d.Protocols = append(d.Protocols, word)
		return 1, nil
	}
	parse, ok := options[word]
	if !ok {
		return 0, fmt.Errorf("%q is neither a protocol (%s) nor an option (%s)", word,
			strings.Join(slices.Sorted(maps.Keys(protocols)), ", "), strings.Join(slices.Sorted(maps.Keys(options)), ", "))
	}
	if taken, err = parse(d, args[1:]); err != nil {
		return 0, fmt.Errorf("%s: %w", word, err)
	}
	return taken + 1, nil
}

func (d *Designation) parsePort(args []string) (int, error) { return number(&d.Port, args) }

func (d *Designation) parsePriority(args []string) (int, error) { return number(&d.Priority, args) }

// number reads a number from 1 to 65535.
func number(to *uint16, args []string) (int, error) {
	if len(args) == 0 {
		return 0, errors.New("takes a number from 1 to 65535")
	}
	n, err := strconv.ParseUint(args[0], 10, 16)
	switch {
	case err != nil || n == 0:
		return 0, fmt.Errorf("%q is not a number from 1 to 65535", args[0])
	case *to != 0:
		return 0, errors.New("is given twice")
	}
	*to = uint16(n)
	return 1, nil
}

// variable is where a URI template takes the query (RFC 9461, section 5).
var variable = regexp.MustCompile(`\{[?&](\w+,)*dns(,\w+)*\}`)

func (d *Designation) parsePath(args []string) (int, error) {
	const wanted = "a path with the variable dns, such as " + servedPath
	if len(args) == 0 {
		return 0, errors.New("takes " + wanted)
	}
	path := args[0]
	_, err := url.ParseRequestURI(variable.ReplaceAllString(path, ""))
	if err != nil || !strings.HasPrefix(path, "/") || !variable.MatchString(path) || len(path) > 255 {
		return 0, fmt.Errorf("%q is not %s", path, wanted)
	}
	d.Path = path
	return 1, nil
}

// maxHints bounds the addresses of a target, for the size of answers.
const maxHints = 8

func (d *Designation) parseHints(args []string) (int, error) {
	for _, arg := range args {
		a, err := netip.ParseAddr(arg)
		if err != nil || a.Zone() != "" || a.Is4In6() || a.IsUnspecified() || a.IsMulticast() {
			return 0, fmt.Errorf("%q is not the address of a resolver; addresses come last on the line", arg)
		}
		if slices.Contains(d.Hints, a) {
			return 0, fmt.Errorf("%s is given twice", a)
		}
		d.Hints = append(d.Hints, a)
	}
	if len(d.Hints) == 0 || len(d.Hints) > maxHints {
		return 0, fmt.Errorf("takes 1 to %d addresses", maxHints)
	}
	return len(args), nil
}

// complete reports what is missing or contradictory.
func (d *Designation) complete() error {
	switch https := slices.ContainsFunc(d.Protocols, overHTTPS); {
	case len(d.Protocols) == 0:
		return errors.New("no protocol: at least one of " + strings.Join(slices.Sorted(maps.Keys(protocols)), ", ") + " is required")
	case !https && d.Path != "":
		return errors.New("dohpath: applies only to h2 and h3")
	case https && d.Path == "":
		d.Path = servedPath
	}
	return nil
}

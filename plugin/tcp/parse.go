package tcp

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"

	"github.com/coredns/caddy"
	"github.com/coredns/caddy/caddyfile"

	"github.com/nearcast/nearcast/plugin/internal/arguments"
	"github.com/nearcast/nearcast/plugin/internal/blocks"
)

// line is one tcp directive.
type line struct {
	at arguments.Position
	bounds
}

// keys parse the arguments of the keys in braces.
var keys = map[string]func(*bounds, []string) error{
	"connections": func(b *bounds, args []string) (err error) {
		if len(args) != 1 {
			return errors.New("takes one argument, a number of connections")
		}
		b.all, err = number(args[0], 1, mostConnections)
		return err
	},
	"network": func(b *bounds, args []string) (err error) {
		if len(args) != 1 && len(args) != 3 {
			return errors.New("takes N [IPV4-LENGTH IPV6-LENGTH]")
		}
		if b.network, err = number(args[0], 1, mostConnections); err != nil || len(args) == 1 {
			return err
		}
		if b.v4, err = number(args[1], 0, 32); err != nil {
			return err
		}
		b.v6, err = number(args[2], 0, 128)
		return err
	},
}

// mostConnections is more than one process can serve.
const mostConnections = 1_000_000

func number(arg string, least, most int) (int, error) {
	n, err := strconv.Atoi(arg)
	if err != nil || n < least || n > most {
		return 0, fmt.Errorf("%q is not a number from %d to %d", arg, least, most)
	}
	return n, nil
}

// parseLine reads tcp { ... }; unset keys have their defaults.
func parseLine(c *caddy.Controller) (line, error) {
	l := line{}
	for c.Next() {
		if err := arguments.Begins(c, "tcp"); err != nil {
			return l, err
		}
		if l.at.Line > 0 {
			return l, c.Errf("tcp is in this server block twice, first on line %d", l.at.Line)
		}
		l.at = arguments.Here(c)
		if args, err := arguments.Rest(c); err != nil {
			return l, err
		} else if len(args) > 0 {
			return l, c.Errf("unexpected %q: tcp takes no arguments; put its settings inside braces", args[0])
		}
		seen := map[string]bool{}
		if _, err := arguments.Settings(c, func() error { return l.parseKey(c, seen) }); err != nil {
			return l, err
		}
		if len(seen) == 0 {
			err := c.Err("tcp has no settings: set connections or network inside braces, or remove tcp to use the defaults")
			c.Next()
			return l, cmp.Or(arguments.Begins(c, "tcp"), err)
		}
	}
	l.bounds = l.complete(openFiles())
	if l.network > l.all {
		return l, c.Errf("network %d exceeds the total of %d connections; lower it, or raise connections", l.network, l.all)
	}
	return l, nil
}

func (l *line) parseKey(c *caddy.Controller, seen map[string]bool) error {
	name := c.Val()
	read := keys[name]
	switch {
	case read == nil:
		return c.Errf("%v", arguments.UnknownKey(name, []string{"connections", "network"}))
	case seen[name]:
		return c.Errf("%s is set twice", name)
	}
	seen[name] = true
	args, err := arguments.Rest(c)
	if err != nil {
		return err
	}
	if err := read(&l.bounds, args); err != nil {
		return c.Errf("%s: %v", name, err)
	}
	return nil
}

// Check reads the tcp lines of a Corefile with the server's own parser. It starts nothing. It returns what would
// keep the server from starting.
func Check(path string) (faults []error) {
	all, err := blocks.Read(path)
	if err != nil {
		return nil // the check of the whole Corefile reports this
	}
	var first *line
	for _, block := range all {
		tokens := block.Tokens["tcp"]
		if len(tokens) == 0 {
			continue
		}
		l, err := parseLine(&caddy.Controller{Dispenser: caddyfile.NewDispenserTokens(path, tokens)})
		switch {
		case err != nil:
			faults = append(faults, err)
		case first == nil:
			first = &l
		case first.bounds != l.bounds:
			faults = append(faults, fmt.Errorf("%s: tcp's limits apply to the whole process, and %s sets different ones; make them equal", l.at, first.at))
		}
	}
	return faults
}

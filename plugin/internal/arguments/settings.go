package arguments

import (
	"strings"

	"github.com/coredns/caddy"
)

// Settings reads the block after the arguments of a directive, or of a key that has a block. It calls set for each
// key, with the controller at that key; set takes the key's arguments. It reports whether there is a block. A brace
// anywhere else is an error with its line, because caddy's NextBlock would take the contents of an unexpected brace
// for the block's own, and what follows it for another directive.
func Settings(c *caddy.Controller, set func() error) (opened bool, err error) {
	if !c.NextArg() {
		return false, nil
	}
	for c.Next() && c.Val() != "}" {
		key := c.Val()
		if err := brace(c, key); err != nil {
			return true, err
		}
		if err := set(); err != nil {
			return true, err
		}
		if c.NextArg() {
			return true, c.Errf("%s: unexpected %q after it: it has no settings in braces", key, c.Val())
		}
	}
	return true, nil
}

// Rest takes the remaining arguments of the line.
func Rest(c *caddy.Controller) ([]string, error) {
	args := c.RemainingArgs()
	for _, arg := range args {
		if err := brace(c, arg); err != nil {
			return nil, err
		}
	}
	return args, nil
}

// Begins returns an error if a block's brace stands where the next directive of that name would begin.
func Begins(c *caddy.Controller, name string) error {
	if c.Val() == "{" {
		return c.Errf("unexpected {: it belongs on the line of %s, after its arguments", name)
	}
	return nil
}

// brace returns an error for a word that is, or ends in, a brace.
func brace(c *caddy.Controller, word string) error {
	switch {
	case word == "{":
		return c.Err("unexpected {: it belongs on the line of the key whose settings it opens")
	case strings.HasSuffix(word, "{"):
		return c.Errf("%q: a space is missing before the {", word)
	}
	return nil
}

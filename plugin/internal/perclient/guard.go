package perclient

import (
	"fmt"
	"slices"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/plugin"

	"github.com/nearcast/nearcast/plugin/internal/blocks"
)

// Straight are the plugins that neither resolve a name inside the server nor ask another
// one: where a server block has no others, nearcast's own reply reaches the client, with
// its option.
var Straight = []string{
	"acl", "bind", "bufsize", "cache", "cancel", "ddr", "debug", "direct", "errors", "health", "https", "https3", "log", "loop", "multisocket",
	"nearcast", "nsid", "on", "pprof", "prometheus", "quic", "ready", "reload", "root", "rrl", "tcp", "timeouts", "tls", "view",
}

// guarded marks a configuration whose blocks have their guards.
type guarded struct{}

// Guard puts the handlers of this package into every server block of the configuration: a
// plugin of any may lead to a handler of another. It is for the setup of a plugin that
// stands before cache in the order, with no handler between in some block at least, after
// it has added its own handler, and is called for each block that has one: only the last
// that stands before a cache wraps it.
func Guard(c *caddy.Controller) error {
	all, err := blocks.Configured(c)
	if err != nil {
		return err
	}
	for _, b := range all {
		if len(b.Tokens["cache"]) > 0 {
			b.Config.AddPlugin(beforeCache)
		}
	}
	if c.Get(guarded{}) != nil {
		return nil
	}
	c.Set(guarded{}, true)
	for _, b := range all {
		if !straight(b) {
			b.Config.Plugin = slices.Insert(b.Config.Plugin, 0, inFront)
		}
	}
	if zones := choosing(all); len(zones) > 0 {
		for _, b := range all {
			b.Config.Plugin = slices.Insert(b.Config.Plugin, 0, plugin.Plugin(func(next plugin.Handler) plugin.Handler { return &chosen{next, zones} }))
		}
	}
	c.OnStartup(func() error { return misplaced(all) })
	return nil
}

func straight(b blocks.Block) bool {
	for name := range b.Tokens {
		if !slices.Contains(Straight, name) {
			return false
		}
	}
	return true
}

// misplaced names a cache that could not be wrapped: the order of a build of one's own has
// it elsewhere. Without nearcast it is only what policy does for some clients that such a
// cache gives to others.
func misplaced(all []blocks.Block) error {
	if !slices.ContainsFunc(all, func(b blocks.Block) bool { return len(b.Tokens["nearcast"]) > 0 }) {
		return nil
	}
	for _, b := range all {
		if b.Config.Handler("cache") != nil && b.Config.Handler(nameBefore) == nil {
			return fmt.Errorf("the server block %s has cache where it would give one client's answers to others: "+
				"in plugin.cfg, put cache right behind nearcast", b.Keys[0])
		}
	}
	return nil
}

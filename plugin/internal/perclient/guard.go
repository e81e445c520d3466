package perclient

import (
	"fmt"
	"slices"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/plugin"

	"github.com/nearcast/nearcast/plugin/internal/blocks"
)

// Straight are the plugins that neither resolve a name inside the server nor query another server. If a server
// block has no other plugins, nearcast's own reply reaches the client, with its option.
var Straight = []string{
	"acl", "bind", "bufsize", "cache", "cancel", "ddr", "debug", "direct", "errors", "health", "https", "https3", "log", "loop", "multisocket",
	"nearcast", "nsid", "on", "pprof", "prometheus", "quic", "ready", "reload", "root", "rrl", "tcp", "timeouts", "tls", "view",
}

// guarded marks a configuration whose blocks have been guarded.
type guarded struct{}

// Guard puts the handlers of this package into every server block of the configuration, because a plugin of any
// block may lead to a handler of another. Call it from the setup of a plugin that comes before cache in the order,
// with no handler between them in some block at least, after that plugin has added its own handler, and for each
// block that has one. Only the last of these plugins before a cache wraps the cache.
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

// misplaced names a cache that could not be wrapped because your own build orders it elsewhere. Without nearcast,
// this cache can only give other clients what policy does for some.
func misplaced(all []blocks.Block) error {
	if !slices.ContainsFunc(all, func(b blocks.Block) bool { return len(b.Tokens["nearcast"]) > 0 }) {
		return nil
	}
	for _, b := range all {
		if b.Config.Handler("cache") != nil && b.Config.Handler(nameBefore) == nil {
			return fmt.Errorf("in the server block %s, cache runs before nearcast and would give one client's answers to others: "+
				"in plugin.cfg, put cache directly after nearcast", b.Keys[0])
		}
	}
	return nil
}

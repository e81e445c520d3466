package nearcast

import (
	"fmt"
	"slices"
	"strings"

	"github.com/coredns/caddy"
	"github.com/coredns/caddy/caddyfile"
	"github.com/coredns/coredns/plugin"

	"github.com/nearcast/nearcast/plugin/internal/arguments"
	"github.com/nearcast/nearcast/plugin/internal/domain"
)

// steered is a server block in which nearcast answers for the zones.
type steered struct {
	index int // in the Corefile
	zones []string
	// signed are those of the zones that have a key.
	signed []string
}

// unsigning are plugins in front of nearcast that answer names of any zone without signatures, with the names that
// they answer.
var unsigning = []struct{ name, what string }{
	{"any", "queries for ANY, which nearcast answers itself (RFC 8482)"},
	{"dns64", "queries for AAAA"}, {"local", "names that begin with localhost"}, {"siit", "queries for A"},
}

// hazards are what would make clients get wrong answers, in the blocks where nearcast answers or in others of the
// Corefile.
func hazards(path string, all []caddyfile.ServerBlock, ours []steered) (warnings []error) {
	for _, s := range ours {
		if tokens := all[s.index].Tokens["loadbalance"]; len(tokens) > 0 {
			warnings = append(warnings, fmt.Errorf("%s: loadbalance shuffles the answers that nearcast has ordered; remove it from this block", start(path, tokens)))
		}
		for _, front := range unsigning {
			if tokens := all[s.index].Tokens[front.name]; len(tokens) > 0 && len(s.signed) > 0 {
				warnings = append(warnings, fmt.Errorf("%s: %s answers %s in the signed zone %s without signatures: validating resolvers reject these answers; remove it from this block",
					start(path, tokens), front.name, front.what, strings.Join(s.signed, " ")))
			}
		}
	}
	for i, block := range all {
		if to := mixes(all, i, ours); to != "" {
			warnings = append(warnings, fmt.Errorf("%s: cache gives one client's cluster to all others: nearcast answers what this block forwards to %s for a single client; "+
				"put nearcast into this block, or add `disable success` for its zones to cache", start(path, block.Tokens["cache"]), to))
		}
		if alias, to := mixesAliases(all, i, ours); to != "" {
			warnings = append(warnings, fmt.Errorf("%s: cache gives one client's cluster to all others if an alias of %s leads to names that another block forwards to %s, "+
				"where nearcast answers for a single client; put nearcast into a block of this server", start(path, block.Tokens["cache"]), alias, to))
		}
	}
	return warnings
}

// start is where a plugin's tokens begin, in the Corefile or a file that it imports.
func start(path string, tokens []caddyfile.Token) arguments.Position {
	c := &caddy.Controller{Dispenser: caddyfile.NewDispenserTokens(path, tokens)}
	c.Next()
	return arguments.Here(c)
}

// mixes returns the place to which block i forwards, where nearcast answers, if it caches those answers; "" if
// there is none.
func mixes(all []caddyfile.ServerBlock, i int, ours []steered) string {
	for _, f := range forwards(all[i]) {
		for _, s := range ours {
			if s.index == i || !slices.ContainsFunc(s.zones, func(zone string) bool { return caches(all[i], f.from, zone) }) {
				continue
			}
			if to := f.leadsTo(all[s.index]); to != "" {
				return to
			}
		}
	}
	return ""
}

// caches reports whether the block caches answers in the zone that it gets by forwarding.
func caches(block caddyfile.ServerBlock, forwarded, zone string) bool {
	cache := caddyfile.NewDispenserTokens("", block.Tokens["cache"])
	cached := false
	for cache.Next() {
		only := zonesOf(cache.RemainingArgs())
		cached = meets(zonesOf(block.Keys), zone) && meets(zonesOf([]string{forwarded}), zone) && (len(only) == 0 || meets(only, zone))
		for cache.NextBlock() {
			setting, args := cache.Val(), cache.RemainingArgs()
			if setting != "disable" || len(args) == 0 || args[0] != "success" {
				continue
			}
			but := zonesOf(args[1:])
			if len(but) == 0 || slices.ContainsFunc(but, func(b string) bool { return domain.Under([]byte(zone), b) }) {
				return false
			}
		}
	}
	return cached
}

// zonesOf returns the zones among a plugin's arguments or a block's keys; a number is a TTL.
func zonesOf(args []string) (zones []string) {
	for _, arg := range args {
		if strings.Trim(arg, "0123456789") != "" {
			zones = append(zones, plugin.Host(arg).NormalizeExact()...)
		}
	}
	return zones
}

// meets reports whether the zone overlaps one of the others.
func meets(others []string, zone string) bool {
	return slices.ContainsFunc(others, func(o string) bool { return domain.Under([]byte(zone), o) || domain.Under([]byte(o), zone) })
}

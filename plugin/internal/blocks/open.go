package blocks

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"github.com/coredns/caddy/caddyfile"
	"github.com/coredns/coredns/plugin"
)

// forwarding are the plugins that send queries to other servers.
var forwarding = []string{"forward", "grpc"}

// Open returns what answers every client for all names without being marked as intended: the forward lines of
// blocks for the root that strangers can reach and that no acl bounds. A view is taken to choose the clients by its
// expression.
func Open(path string, all []caddyfile.ServerBlock) (warnings []error) {
	for _, block := range all {
		for _, name := range forwarding {
			tokens := block.Tokens[name]
			if !forwardsAll(tokens) || !slices.ContainsFunc(block.Keys, isRoot) || !reached(block) || len(block.Tokens["view"]) > 0 || settled(block.Tokens["acl"]) {
				continue
			}
			at := tokens[0] // with a file if it is imported
			warnings = append(warnings, fmt.Errorf("%s:%d: %s answers all names for any client (an open resolver): allow only your clients' networks, for example "+
				"`acl { allow net 10.0.0.0/8; block }`, one line per network, or confirm that this is intended with `acl { allow net * }`", cmp.Or(at.File, path), at.Line, name))
		}
	}
	return warnings
}

func isRoot(key string) bool { return slices.Contains(plugin.Host(key).NormalizeExact(), ".") }

// forwardsAll reports whether one of a plugin's lines is for all names.
func forwardsAll(tokens []caddyfile.Token) bool {
	lines := caddyfile.NewDispenserTokens("", tokens)
	for lines.Next() {
		if args := lines.RemainingArgs(); len(args) > 0 && isRoot(args[0]) {
			return true
		}
		for lines.NextBlock() {
			lines.RemainingArgs()
		}
	}
	return false
}

// shared is the address space of carriers' own networks (RFC 6598).
var shared = netip.MustParsePrefix("100.64.0.0/10")

// reached reports whether strangers can reach the block, that is, whether it listens on more than addresses of this
// machine or of a private network.
func reached(block caddyfile.ServerBlock) bool {
	hosts := Hosts(block)
	return len(hosts) == 0 || slices.ContainsFunc(hosts, func(host string) bool {
		addr, err := netip.ParseAddr(host)
		if err != nil {
			return host != "lo"
		}
		return !addr.IsLoopback() && !addr.IsPrivate() && !addr.IsLinkLocalUnicast() && !shared.Contains(addr.Unmap())
	})
}

// everybody are the prefixes that an acl rule must name to cover a whole family.
var everybody = []string{"0.0.0.0/0", "::/0"}

// settled reports whether the acl lines decide, for each family, about all clients, including those that they do
// not name. Letting them in counts as a decision.
func settled(acl []caddyfile.Token) bool {
	said := map[string]bool{}
	lines := caddyfile.NewDispenserTokens("", acl)
	for lines.Next() {
		zones := lines.RemainingArgs()
		for lines.NextBlock() {
			for _, prefix := range settles(lines.RemainingArgs()) {
				said[prefix] = said[prefix] || len(zones) == 0 || slices.ContainsFunc(zones, isRoot)
			}
		}
	}
	return said[everybody[0]] && said[everybody[1]]
}

// settles returns the sources about which a rule decides, whatever the type of the query. Its arguments are [type
// QTYPE...] [net SOURCE...].
func settles(rule []string) (whom []string) {
	of := map[string][]string{"type": {"*"}, "net": {"*"}}
	part := ""
	for _, arg := range rule {
		if arg == "type" || arg == "net" {
			part = arg
			of[part] = nil
			continue
		}
		of[part] = append(of[part], arg)
	}
	switch {
	case !slices.Contains(of["type"], "*"):
		return nil
	case slices.Contains(of["net"], "*"):
		return everybody
	}
	return of["net"]
}

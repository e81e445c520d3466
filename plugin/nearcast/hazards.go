package nearcast

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/coredns/caddy/caddyfile"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	parsing "github.com/coredns/coredns/plugin/pkg/parse"
)

// hazards are what would have clients of the block answered wrongly: in it, or in others
// of the Corefile.
func hazards(path string, block caddyfile.ServerBlock, all []caddyfile.ServerBlock) (warnings []error) {
	if tokens := block.Tokens["loadbalance"]; len(tokens) > 0 {
		warnings = append(warnings, fmt.Errorf("%s:%d: loadbalance shuffles the answers that nearcast has put in order", path, tokens[0].Line))
	}
	for _, other := range all {
		cache := other.Tokens["cache"]
		if len(cache) == 0 || excludes(cache) {
			continue
		}
		if to := forwardedTo(path, other, block); to != "" {
			warnings = append(warnings, fmt.Errorf("%s:%d: cache gives one client's cluster to all others: what this block forwards to %s nearcast has answered for one; "+
				"let nearcast answer in this block, or have cache disable success for its zones", path, cache[0].Line, to))
		}
	}
	return warnings
}

// excludes reports whether the cache leaves some zones' answers alone.
func excludes(cache []caddyfile.Token) bool {
	return slices.ContainsFunc(cache, func(t caddyfile.Token) bool { return t.Text == "disable" })
}

// forwardedTo returns an address of the block that another forwards to; "" for none.
func forwardedTo(path string, from, block caddyfile.ServerBlock) string {
	ports, hosts := portsOf(block), hostsOf(path, block)
	forward := caddyfile.NewDispenserTokens(path, from.Tokens["forward"])
	for forward.Next() {
		for i, to := range forward.RemainingArgs() {
			if i == 0 {
				continue // the zone that is forwarded
			}
			_, rest := parsing.Transport(to)
			host, port, err := net.SplitHostPort(rest)
			if err != nil {
				host, port = rest, dnsserver.DefaultPort
			}
			addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
			if err == nil && ports[port] && (addr.IsLoopback() || slices.Contains(hosts, addr)) {
				return to
			}
		}
	}
	return ""
}

// portsOf are those that the block is served at.
func portsOf(block caddyfile.ServerBlock) map[string]bool {
	ports := map[string]bool{}
	for _, key := range block.Keys {
		_, rest := parsing.Transport(key)
		_, port, err := plugin.SplitHostPort(rest)
		if err != nil {
			continue
		}
		if port == "" {
			port = dnsserver.Port
		}
		ports[port] = true
	}
	return ports
}

// hostsOf are the addresses that the block is bound to.
func hostsOf(path string, block caddyfile.ServerBlock) (hosts []netip.Addr) {
	bind := caddyfile.NewDispenserTokens(path, block.Tokens["bind"])
	for bind.Next() {
		for _, arg := range bind.RemainingArgs() {
			if addr, err := netip.ParseAddr(arg); err == nil { // else an interface's name
				hosts = append(hosts, addr)
			}
		}
	}
	return hosts
}

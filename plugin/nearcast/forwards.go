package nearcast

import (
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/coredns/caddy/caddyfile"
	parsing "github.com/coredns/coredns/plugin/pkg/parse"
	"github.com/coredns/coredns/plugin/pkg/transport"

	"github.com/nearcast/nearcast/plugin/internal/blocks"
)

// forwarded is a line that forwards to other servers.
type forwarded struct {
	from    string
	to      []string
	carrier string // for upstreams that name none
}

// forwards returns a block's forward and grpc lines.
func forwards(block caddyfile.ServerBlock) (all []forwarded) {
	for _, line := range []struct{ name, carrier string }{{"forward", transport.DNS}, {"grpc", transport.GRPC}} {
		lines := caddyfile.NewDispenserTokens("", block.Tokens[line.name])
		for lines.Next() {
			args := lines.RemainingArgs()
			for lines.NextBlock() {
				lines.RemainingArgs()
			}
			if len(args) > 1 {
				all = append(all, forwarded{args[0], args[1:], line.carrier})
			}
		}
	}
	return all
}

// leadsTo returns the upstream that is the block itself, or "" if none is.
func (f forwarded) leadsTo(block caddyfile.ServerBlock) string {
	at := slices.IndexFunc(f.to, func(to string) bool { return leadsTo(f.carrier, to, block) })
	if at < 0 {
		return ""
	}
	return f.to[at]
}

// leadsTo reports whether the upstream is the block. It does not recognise an address of this machine that the
// block binds by an interface's name.
func leadsTo(carrier, to string, block caddyfile.ServerBlock) bool {
	rest := to
	if strings.Contains(to, "://") {
		carrier, rest = parsing.Transport(to)
	}
	host, port, err := net.SplitHostPort(rest)
	if err != nil {
		host, port = rest, blocks.PortOf(carrier)
	}
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	if err != nil {
		return false
	}
	bound, everywhere := blocks.Bound(block)
	if !slices.Contains(bound, addr) && (!everywhere || !addr.IsLoopback()) {
		return false
	}
	return slices.ContainsFunc(blocks.ServedOver(carrier, block.Keys), func(z blocks.ServedZone) bool { return z.Port == port })
}

// aliasing are the plugins behind cache that resolve the targets of their own aliases inside the server.
var aliasing = []string{"template", "dynupdate", "route53", "azure", "clouddns", "k8s_external", "kubernetes", "file", "auto", "secondary", "etcd"}

// mixesAliases returns the plugin through which block i, which caches, may answer with what another block of the
// same server forwards to a place where nearcast answers, and that place; "" if there is none.
func mixesAliases(all []caddyfile.ServerBlock, i int, ours []steered) (alias, to string) {
	at := slices.IndexFunc(aliasing, func(name string) bool { return len(all[i].Tokens[name]) > 0 })
	if len(all[i].Tokens["cache"]) == 0 || at < 0 {
		return "", ""
	}
	for j, other := range all {
		if j == i || !sameServer(all[i], other) {
			continue
		}
		for _, f := range forwards(other) {
			for _, s := range ours {
				if s.index == j || !slices.ContainsFunc(s.zones, func(zone string) bool {
					return meets(zonesOf(other.Keys), zone) && meets(zonesOf([]string{f.from}), zone)
				}) {
					continue
				}
				if to := f.leadsTo(all[s.index]); to != "" {
					return aliasing[at], to
				}
			}
		}
	}
	return "", ""
}

// sameServer reports whether one CoreDNS server has both blocks: plugins find the zones of other blocks only within
// it.
func sameServer(a, b caddyfile.ServerBlock) bool {
	hosts, others := blocks.Hosts(a), blocks.Hosts(b)
	if len(hosts)+len(others) > 0 && !slices.ContainsFunc(hosts, func(host string) bool { return slices.Contains(others, host) }) {
		return false
	}
	return slices.ContainsFunc([]string{transport.DNS, transport.TLS, transport.HTTPS, transport.HTTPS3, transport.QUIC, transport.GRPC}, func(carrier string) bool {
		theirs := blocks.ServedOver(carrier, b.Keys)
		return slices.ContainsFunc(blocks.ServedOver(carrier, a.Keys), func(z blocks.ServedZone) bool {
			return slices.ContainsFunc(theirs, func(o blocks.ServedZone) bool { return o.Port == z.Port })
		})
	})
}

package direct

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/coredns/caddy"
	"github.com/coredns/caddy/caddyfile"

	"github.com/nearcast/nearcast/plugin/internal/blocks"
)

// Check reads the direct lines of a Corefile with the server's own parser. It starts nothing. It returns what would
// keep the server from starting, and why a line would have no effect.
func Check(path string) (faults, warnings []error) {
	all, err := blocks.Read(path)
	if err != nil {
		return nil, nil // the check of the whole Corefile reports this
	}
	for i, block := range all {
		tokens := block.Tokens["direct"]
		if len(tokens) == 0 {
			continue
		}
		b, err := parseLine(&caddy.Controller{
			Dispenser: caddyfile.NewDispenserTokens(path, tokens), ServerBlockIndex: i, ServerBlockKeys: block.Keys,
		})
		if err != nil {
			faults = append(faults, err)
			continue
		}
		refusal := frontOf(block)
		if refusal == "" {
			refusal = b.beside(all)
		}
		if refusal != "" {
			warnings = append(warnings, fmt.Errorf("%s: direct is off: %s", b.at, refusal))
			continue
		}
		faults = append(faults, b.misaddressed(block)...)
	}
	return faults, warnings
}

// waits are the plugins that come before nearcast in this repository's order and may wait for other servers. For
// plugins that your own build adds, only starting it shows whether they wait.
var waits = []string{"trace", "dns64", "siit", "rewrite", "autopath", "rpz"}

// frontOf is front for a block that has not been started.
func frontOf(block caddyfile.ServerBlock) (refusal string) {
	for _, name := range waits {
		if len(block.Tokens[name]) > 0 {
			return comesFirst(name)
		}
	}
	if len(block.Tokens["nearcast"]) == 0 {
		return nobodyIsPrompt
	}
	return ""
}

// misaddressed finds addresses that conflict with the block's bind.
func (b *block) misaddressed(block caddyfile.ServerBlock) (faults []error) {
	listens, everywhere := blocks.Bound(block)
	if everywhere {
		listens = []netip.Addr{netip.IPv6Unspecified()}
	}
	for _, addr := range listens {
		if _, err := b.hosts(net.TCPAddrFromAddrPort(netip.AddrPortFrom(addr, 0))); err != nil {
			return []error{err}
		}
	}
	return nil
}

// Package blocks finds out what the server blocks of a Corefile serve, from their tokens alone. It starts nothing.
package blocks

import (
	"net/netip"
	"os"

	"github.com/coredns/caddy/caddyfile"
	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/pkg/parse"
	"github.com/coredns/coredns/plugin/pkg/transport"
)

// ServedZone is a zone that is served at a port.
type ServedZone struct {
	Name string // fully qualified, in lower case
	Port string
}

// Served returns the zones that the keys of a server block serve over plain DNS.
func Served(keys []string) []ServedZone { return ServedOver(transport.DNS, keys) }

// ServedOver returns the zones that the keys serve over one of CoreDNS's transports.
func ServedOver(carrier string, keys []string) []ServedZone {
	var all []ServedZone
	for _, key := range keys {
		over, rest := parse.Transport(key)
		_, port, err := plugin.SplitHostPort(rest)
		if over != carrier || err != nil {
			continue
		}
		if port == "" {
			port = PortOf(carrier)
		}
		for _, name := range plugin.Host(key).NormalizeExact() {
			all = append(all, ServedZone{name, port})
		}
	}
	return all
}

// Bound returns the addresses that the block's bind names, and whether it listens on all, which it does without a
// bind or if it binds the unspecified address. Addresses of named interfaces are not included.
func Bound(block caddyfile.ServerBlock) (addrs []netip.Addr, everywhere bool) {
	hosts := Hosts(block)
	everywhere = len(hosts) == 0
	for _, host := range hosts {
		addr, err := netip.ParseAddr(host)
		if err != nil {
			continue
		}
		addrs = append(addrs, addr)
		everywhere = everywhere || addr.IsUnspecified()
	}
	return addrs, everywhere
}

// Hosts returns the addresses and interfaces that the block's bind names; nothing if it has none.
func Hosts(block caddyfile.ServerBlock) (hosts []string) {
	bind := caddyfile.NewDispenserTokens("", block.Tokens["bind"])
	for bind.Next() {
		hosts = append(hosts, bind.RemainingArgs()...)
		for bind.NextBlock() {
			bind.RemainingArgs() // what is excepted
		}
	}
	return hosts
}

// Read reads the server blocks of a Corefile. An error names the file, and the line if there is one.
func Read(path string) ([]caddyfile.ServerBlock, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return caddyfile.Parse(path, f, nil)
}

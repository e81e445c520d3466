package blocks

import (
	"fmt"

	"github.com/coredns/caddy/caddyfile"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/pkg/parse"
	"github.com/coredns/coredns/plugin/pkg/transport"
)

// place is where a key is served.
type place struct {
	carrier string
	zone    ServedZone
	host    string // empty for all addresses
}

func (p place) String() string {
	s := p.carrier + "://" + p.zone.Name + ":" + p.zone.Port
	if p.host != "" {
		s += " on " + p.host
	}
	return s
}

// Overlaps returns why CoreDNS would refuse the keys: they are invalid or served twice. Blocks that a view filters
// may share theirs.
func Overlaps(all []caddyfile.ServerBlock) (faults []error) {
	taken := map[place]bool{}
	hosts := map[place][]string{} // by place, without the host
	for _, block := range all {
		for _, key := range block.Keys {
			places, err := placesOf(block, key)
			if err != nil {
				faults = append(faults, fmt.Errorf("the server block key %s is not valid: %w", key, err))
			}
			for _, p := range places {
				everywhere := place{p.carrier, p.zone, ""}
				switch {
				case len(block.Tokens["view"]) > 0:
				case taken[p]:
					faults = append(faults, fmt.Errorf("%s is served twice: list it once, in one server block", p))
				case taken[everywhere] || p.host == "" && len(hosts[p]) > 0:
					faults = append(faults, fmt.Errorf(
						"%s is served on all addresses by one server block and on one address by another: bind each block to its own addresses", everywhere))
				default:
					taken[p] = true
					hosts[everywhere] = append(hosts[everywhere], p.host)
				}
			}
		}
	}
	return faults
}

func placesOf(block caddyfile.ServerBlock, key string) (all []place, err error) {
	carrier, rest := parse.Transport(key)
	_, port, err := plugin.SplitHostPort(rest)
	if err != nil {
		return nil, err
	}
	if port == "" {
		port = PortOf(carrier)
	}
	hosts := Hosts(block)
	if len(hosts) == 0 {
		hosts = []string{""}
	}
	for _, name := range plugin.Host(key).NormalizeExact() {
		for _, host := range hosts {
			all = append(all, place{carrier, ServedZone{name, port}, host})
		}
	}
	return all, nil
}

// PortOf returns the port at which CoreDNS serves a transport by default.
func PortOf(carrier string) string {
	switch carrier {
	case transport.TLS:
		return transport.TLSPort
	case transport.QUIC:
		return transport.QUICPort
	case transport.GRPC:
		return transport.GRPCPort
	case transport.HTTPS, transport.HTTPS3:
		return transport.HTTPSPort
	}
	return dnsserver.Port
}

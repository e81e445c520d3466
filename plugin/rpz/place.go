package rpz

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	clog "github.com/coredns/coredns/plugin/pkg/log"
	"github.com/coredns/coredns/plugin/pkg/transport"

	"github.com/nearcast/nearcast/plugin/internal/blocks"
)

// place is an address at which the configuration answers, and the server blocks that answer there, in the order of
// the Corefile.
type place struct {
	address string // as dnsserver.Server.Addr
	host    netip.AddrPort
	blocks  []int
	configs []*dnsserver.Config
}

// carriers are the transports that a Corefile can name, plain DNS first.
var carriers = []string{transport.DNS, transport.TLS, transport.QUIC, transport.HTTPS, transport.HTTPS3, transport.GRPC}

// placesOf returns the places that may answer differently. Of addresses with the same server blocks, it returns the
// first.
func placesOf(all []blocks.Block) (places []*place) {
	for _, carrier := range carriers {
		for at, block := range all {
			for _, zone := range blocks.ServedOver(carrier, block.Keys) {
				for _, host := range block.Config.ListenHosts {
					p := placeAt(&places, carrier, host, zone.Port)
					if !slices.Contains(p.blocks, at) {
						p.blocks = append(p.blocks, at)
					}
					p.configs = append(p.configs, alike(block.Config, zone))
				}
			}
		}
	}
	var different []*place
	for _, p := range places {
		if !slices.ContainsFunc(different, func(o *place) bool { return slices.Equal(o.blocks, p.blocks) }) {
			different = append(different, p)
		}
	}
	return different
}

func placeAt(places *[]*place, carrier, host, port string) *place {
	address := carrier + "://" + net.JoinHostPort(host, port)
	if i := slices.IndexFunc(*places, func(p *place) bool { return p.address == address }); i >= 0 {
		return (*places)[i]
	}
	p := &place{address: address, host: netip.AddrPortFrom(netip.IPv6Unspecified(), 0)}
	if a, err := netip.ParseAddr(host); err == nil {
		n, _ := strconv.ParseUint(port, 10, 16) // CoreDNS listens there
		p.host = netip.AddrPortFrom(a, uint16(n))
	}
	*places = append(*places, p)
	return p
}

// alike returns a configuration of the zone that answers like the block, with the running plugins.
func alike(c *dnsserver.Config, zone blocks.ServedZone) *dnsserver.Config {
	own := &dnsserver.Config{
		Zone: zone.Name, Port: zone.Port, ListenHosts: c.ListenHosts, Transport: c.Transport,
		Debug: c.Debug, Stacktrace: c.Stacktrace, FilterFuncs: c.FilterFuncs, ViewName: c.ViewName,
	}
	if handlers := c.Handlers(); len(handlers) > 0 {
		first := handlers[0] // the first of the chain passes on to the rest
		own.AddPlugin(func(plugin.Handler) plugin.Handler { return first })
	}
	return own
}

// server returns a server that answers at the place like the one that listens there.
func (p *place) server() (*dnsserver.Server, error) {
	debug := clog.D.Value() // which a new server sets
	s, err := dnsserver.NewServer(p.address, p.configs)
	if clog.D.Clear(); debug {
		clog.D.Set()
	}
	if err != nil {
		return nil, fmt.Errorf("plugin/rpz: %s: %w", p.address, err)
	}
	return s, nil
}

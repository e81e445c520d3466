package bgp

import (
	"errors"
	"net/netip"
	"time"

	"github.com/nearcast/nearcast/bgp/cluster"
	"github.com/nearcast/nearcast/bgp/config"
	"github.com/nearcast/nearcast/bgp/vip"
	"github.com/nearcast/nearcast/internal/federation"
)

var (
	dnsVIP     = netip.MustParseAddr("198.51.100.53")
	errRefused = errors.New("refused")
)

// plainConfig is a file without VIPs.
func plainConfig() *config.Config {
	c, err := config.Parse([]byte("asn: 64512\nrouterID: 192.0.2.11\npeers: [{address: 192.0.2.1, asn: 64500, families: [ipv4, ipv6], nextHop: \"2001:db8:1::11\"}]"))
	if err != nil {
		panic(err)
	}
	return c
}

// unprobed is a Service of namespace media without a probe, and with the endpoints.
func unprobed(name, address string, endpoints ...cluster.Endpoint) cluster.Service {
	return cluster.Service{
		ServiceRef: vip.ServiceRef{Namespace: "media", Name: name}, Created: time.Unix(1, 0), Ports: []string{"tcp/80"},
		Addresses: []netip.Addr{netip.MustParseAddr(address)}, Endpoints: endpoints, Probe: federation.Target{Kind: federation.ProbeNone},
	}
}

// ready is an endpoint on this node.
var ready = cluster.Endpoint{Addr: netip.MustParseAddrPort("10.0.0.1:8080"), Ready: true, Here: true}

package cluster

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/nearcast/nearcast/bgp/config"
	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/federation/claims"
)

// TestAForeignPortIsProbedOnlyIfAPoolPermitsIt: otherwise a TCP probe of the Service's
// own port is used, and the Service keeps its address.
func TestAForeignPortIsProbedOnlyIfAPoolPermitsIt(t *testing.T) {
	foreign := func(s *Service) {
		s.Probe, s.ForeignPort = federation.Target{Kind: federation.ProbeHTTP, Path: "/", Host: "x"}, 9000
		s.Endpoints = []Endpoint{{Addr: netip.MustParseAddrPort("10.0.0.1:9000"), Own: 8080, Ready: true}}
	}
	ports := func(first, last uint16) []claims.PortRange {
		return []claims.PortRange{{First: first, Last: last}}
	}
	for name, c := range map[string]struct {
		pools     []config.Pool
		ports     []string
		asked     string
		refused   bool
		unchecked bool
	}{
		"no pool has ports":  {pools: []config.Pool{{Namespaces: []string{"*"}}}, asked: "tcp 10.0.0.1:8080", refused: true},
		"another port":       {pools: []config.Pool{{Namespaces: []string{"media"}, ProbePorts: ports(9001, 9999)}}, asked: "tcp 10.0.0.1:8080", refused: true},
		"another namespace":  {pools: []config.Pool{{Namespaces: []string{"media"}}, {Namespaces: []string{"iot"}, ProbePorts: ports(9000, 9000)}}, asked: "tcp 10.0.0.1:8080", refused: true},
		"the port":           {pools: []config.Pool{{Namespaces: []string{"media"}, ProbePorts: ports(9000, 9000)}}, asked: "http 10.0.0.1:9000"},
		"a range, of all":    {pools: []config.Pool{{Namespaces: []string{"*"}, ProbePorts: ports(1, 65535)}}, asked: "http 10.0.0.1:9000"},
		"a Service over UDP": {pools: []config.Pool{{Namespaces: []string{"media"}}}, ports: []string{"udp/53"}, refused: true, unchecked: true},
	} {
		cfg := poolOf("media")
		for _, p := range c.pools {
			p.CIDRs = cfg.Pools[0].CIDRs
			cfg.Pools = append(cfg.Pools, p)
		}
		s := serviceOf("a", 1, foreign, "198.51.100.80")
		if c.ports != nil {
			s.Ports = c.ports
		}
		before := slices.Clone(s.Endpoints)
		vips, refused := Assign(cfg, []Service{s})
		if len(vips) != 2 || !slices.Equal(s.Endpoints, before) {
			t.Errorf("%s: %+v, endpoints %v", name, vips, s.Endpoints)
			continue
		}
		asked := ""
		for _, check := range vips[1].Checks {
			asked += fmt.Sprintf("%s %s", check.Endpoints.Probe.Kind, check.Endpoints.Addrs[0])
		}
		if asked != c.asked || (asked == "") != c.unchecked {
			t.Errorf("%s: got probe %q, want %q", name, asked, c.asked)
		}
		if (len(refused) == 1) != c.refused || c.refused && !strings.HasPrefix(refused[0].String(), "Service media/a: nearcast.dev/probe: port 9000 is not a port") {
			t.Errorf("%s: refused %v", name, refused)
		}
	}
}

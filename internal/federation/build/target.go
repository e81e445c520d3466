package build

import (
	"maps"
	"net/netip"
	"slices"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/federation/annotation"
	"github.com/nearcast/nearcast/internal/federation/claims"
)

// target decides what to probe from this site to see whether the placement is alive: the
// address in the default horizon, else in the first other horizon by name.
func (b *pass) target(t *federation.Template, p *federation.Placement) federation.Target {
	horizon := ""
	if _, ok := p.Endpoints[horizon]; !ok {
		horizon = slices.Min(slices.Collect(maps.Keys(p.Endpoints)))
	}
	e, spec := p.Endpoints[horizon], b.probe
	p.ProbesGateway = e.Gateway
	if spec.Port != 0 && !b.mayProbe(t, annotation.Probe, e, spec.Port) {
		spec = federation.ProbeSpec{Kind: federation.ProbeTCP}
	}
	port := spec.PortAt(e, t.TCPPort)
	if len(t.Backends) > 0 && e.Gateway && spec.Port == 0 && e.Port == 0 && spec.Kind == federation.ProbeTCP {
		port = t.TCPPort // 80 without TLS
	}
	if spec.Port == 0 && port != 0 && !b.mayProbe(t, ownKey(horizon), e, port) {
		port = t.TCPPort
	}
	if t.Withholds(p) {
		spec = federation.ProbeSpec{Kind: federation.ProbeTCP}
	}
	if spec.Kind == federation.ProbeNone || port == 0 {
		return federation.Target{Kind: federation.ProbeNone}
	}
	out := federation.Target{Kind: spec.Kind, Addr: netip.AddrPortFrom(e.First(), port)}
	if spec.Kind != federation.ProbeTCP {
		out.Host, out.Path = spec.Host, spec.Path
	}
	if spec.Kind == federation.ProbeHTTP || spec.Kind == federation.ProbeHTTPS {
		out.Expect = t.Expect
	}
	return out
}

// mayProbe reports whether the template's placement at the endpoint may be probed on the
// port that the annotation names. If not, it adds one fault of the annotation.
func (b *pass) mayProbe(t *federation.Template, key string, e federation.Endpoint, port uint16) bool {
	if t.HasPort(e, port) || b.Claims.AllowsPort(t.Namespace, netip.AddrPortFrom(e.First(), port)) {
		return true
	}
	fault := t.Fault(key, "port %d is not one of the function's ports, and no claim line allows it for namespace %s; it is not probed", port, t.Namespace)
	if !slices.Contains(b.making.faults, fault) {
		b.making.faults = append(b.making.faults, fault)
	}
	return false
}

// ownKey returns the annotation for the function's own addresses in the horizon.
func ownKey(horizon string) string {
	if horizon == "" {
		return annotation.Address
	}
	return annotation.Address + "." + horizon
}

// nodePorts are the ports that Kubernetes assigns to Services on nodes by default.
var nodePorts = claims.PortRange{First: 30000, Last: 32767}

// atNodePort returns the endpoints with the port that the probe names, if it is a claimed
// port of the nodes behind a gateway: member clusters assign it to a Service, and the
// template does not contain it. Any other port that does not belong to the function is the
// port of a health check.
func (b *pass) atNodePort(t *federation.Template, all map[string]federation.Endpoint) map[string]federation.Endpoint {
	port := b.probe.Port
	if !nodePorts.Has(port) {
		return all
	}
	changed := maps.Clone(all)
	for horizon, e := range all {
		_, known := t.PortOf(e, port)
		if e.Gateway && !known && b.Claims.AllowsPort(t.Namespace, netip.AddrPortFrom(e.First(), port)) {
			e.Port = port
			changed[horizon] = e
		}
	}
	return changed
}

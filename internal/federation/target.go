package federation

import (
	"maps"
	"net/netip"
	"slices"

	"github.com/nearcast/nearcast/internal/base/brief"
)

// target decides what to probe from this site to see whether the placement is alive: the
// address in the default horizon, else in the first other horizon by name.
func (b *pass) target(t *Template, p *Placement) Target {
	horizon := ""
	if _, ok := p.Endpoints[horizon]; !ok {
		horizon = slices.Min(slices.Collect(maps.Keys(p.Endpoints)))
	}
	e, spec := p.Endpoints[horizon], b.probe
	p.ProbesGateway = e.Gateway
	if spec.Port != 0 && !b.mayProbe(t, keyProbe, e, spec.Port) {
		spec = ProbeSpec{Kind: ProbeTCP}
	}
	port := spec.port(e, t.TCPPort)
	if spec.Port == 0 && port != 0 && !b.mayProbe(t, ownKey(horizon), e, port) {
		port = t.TCPPort
	}
	if t.withholds(p) {
		spec = ProbeSpec{Kind: ProbeTCP}
	}
	if spec.Kind == ProbeNone || port == 0 {
		return Target{Kind: ProbeNone}
	}
	out := Target{Kind: spec.Kind, Addr: netip.AddrPortFrom(e.First(), port)}
	if spec.Kind != ProbeTCP {
		out.Host, out.Path = spec.Host, spec.Path
	}
	if spec.Kind == ProbeHTTP || spec.Kind == ProbeHTTPS {
		out.Expect = t.Expect
	}
	return out
}

// mayProbe reports whether the template's placement at the endpoint may be probed on the
// port that the annotation names. If not, it adds one fault of the annotation.
func (b *pass) mayProbe(t *Template, key string, e Endpoint, port uint16) bool {
	if t.hasPort(e, port) || b.Claims.allowPort(t.Namespace, netip.AddrPortFrom(e.First(), port)) {
		return true
	}
	fault := t.fault(key, "port %d is none of the function's own, and no claim line allows it for namespace %s; it is not probed", port, t.Namespace)
	if !slices.Contains(b.making.faults, fault) {
		b.making.faults = append(b.making.faults, fault)
	}
	return false
}

// ownKey returns the annotation for the function's own addresses in the horizon.
func ownKey(horizon string) string {
	if horizon == "" {
		return keyAddress
	}
	return keyAddress + "." + horizon
}

// withholds reports whether the annotated probe is not sent to the placement: a probe must
// not wake a placement without replicas, and reaching its address is enough.
func (t *Template) withholds(p *Placement) bool {
	return (p.Cold || p.Capacity.none()) && t.Probe != nil && t.Probe.Kind != ProbeNone && t.Probe.Kind != ProbeTCP
}

// Withheld says why the annotated probe is not sent to the placement; "" if it is sent.
func (t *Template) Withheld(p *Placement) string {
	if !t.withholds(p) {
		return ""
	}
	return brief.Text("the probe " + t.Annotations.find(keyProbe).Value + " is not sent: it would start a function that has no replica")
}

// port returns the port to probe: the annotated port, the endpoint's own, the gateway's
// HTTPS port, or the Service's first TCP port; 0 if there is none.
func (s ProbeSpec) port(e Endpoint, service uint16) uint16 {
	switch {
	case s.Port != 0:
		return s.Port
	case e.Port != 0:
		return e.Port
	case e.Gateway && s.Kind == ProbeHTTP:
		return httpPort
	case e.Gateway:
		return httpsPort
	}
	return service
}

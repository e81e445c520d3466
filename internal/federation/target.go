package federation

import (
	"maps"
	"net/netip"
	"slices"

	"github.com/nearcast/nearcast/internal/brief"
)

// gatewayPort is probed on a cluster's gateway that declares no port: functions
// are called over HTTPS.
const gatewayPort = 443

// hostForProbe returns the host that a probe names where its spec names none.
func (b *builder) hostForProbe(t *Template) string {
	for _, name := range t.Hostnames {
		if name[0] != '*' {
			return name[:len(name)-1]
		}
	}
	if len(b.Zones) == 0 || len(t.Hostnames) > 0 {
		return ""
	}
	name, err := defaultName(t, b.Zones[0])
	if err != nil {
		return ""
	}
	return name[:len(name)-1]
}

// target decides what proves the placement alive from this site: the address in
// the default horizon, else in the first other by name.
func target(t *Template, p *Placement, host func(*Template) string) Target {
	e, ok := p.Endpoints[""]
	if !ok {
		first := slices.Min(slices.Collect(maps.Keys(p.Endpoints)))
		e = p.Endpoints[first]
	}
	spec := ProbeSpec{Kind: ProbeTCP}
	if t.Probe != nil {
		spec = *t.Probe
	}
	p.ProbesGateway = e.Gateway
	port := spec.port(e, t.TCPPort)
	if t.withholds(p) {
		spec = ProbeSpec{Kind: ProbeTCP}
	}
	if spec.Kind == ProbeNone || port == 0 {
		return Target{Kind: ProbeNone}
	}
	out := Target{Kind: spec.Kind, Addr: netip.AddrPortFrom(e.First(), port)}
	if spec.Kind != ProbeTCP {
		out.Host, out.Path = spec.Host, spec.Path
		if out.Host == "" {
			out.Host = host(t)
		}
	}
	if spec.Kind == ProbeHTTP || spec.Kind == ProbeHTTPS {
		out.Expect = t.Expect
	}
	return out
}

// withholds reports whether the annotated probe is not sent to the placement: one without a
// replica must not be woken by being asked, and reaching it is enough.
func (t *Template) withholds(p *Placement) bool {
	return (p.Cold || p.Capacity.none()) && t.Probe != nil && t.Probe.Kind != ProbeNone && t.Probe.Kind != ProbeTCP
}

// Withheld says why the annotated probe is not sent to the placement; "" if it is.
func (t *Template) Withheld(p *Placement) string {
	if !t.withholds(p) {
		return ""
	}
	return brief.Text("the probe " + t.Annotations.find(keyProbe).Value + " is not sent: it would start a function that has no replica")
}

// port returns what to probe: the annotated port, the endpoint's own, the
// gateway's, or the Service's first TCP port; 0 if there is none.
func (s ProbeSpec) port(e Endpoint, service uint16) uint16 {
	switch {
	case s.Port != 0:
		return s.Port
	case e.Port != 0:
		return e.Port
	case e.Gateway && s.Kind == ProbeHTTP:
		return 80
	case e.Gateway:
		return gatewayPort
	}
	return service
}

package federation

import (
	"maps"
	"net/netip"
)

// A Service names its ports once for all clusters. Where a placement is reached at another
// number, its address says so, or its probe does.

// The ports of the web, at which a gateway that declares no port takes HTTP and HTTPS.
const (
	httpPort  = 80
	httpsPort = 443
)

// nodePorts are those that Kubernetes gives Services on nodes, unless told otherwise.
var nodePorts = PortRange{30000, 32767}

// PortNumbers are the numbers by which one TCP port of a Service is reached.
type PortNumbers struct {
	Port uint16
	// Target is its pods', to which gateways go, and Node its nodes'; 0 where it has none.
	Target uint16 `json:",omitempty"`
	Node   uint16 `json:",omitempty"`
}

// has reports whether the number, which is not 0, is one of them.
func (n PortNumbers) has(number uint16) bool {
	return number == n.Port || number == n.Target || number == n.Node
}

// atNodePort returns the endpoints with the port that the probe names, where that is a
// claimed one of the nodes behind a gateway: members give it to a Service, and its template
// has it not. Any other port that is none of the function's own is a health check's.
func (b *pass) atNodePort(t *Template, all map[string]Endpoint) map[string]Endpoint {
	port := b.probe.Port
	if !nodePorts.Has(port) {
		return all
	}
	changed := maps.Clone(all)
	for horizon, e := range all {
		_, known := t.portOf(e, port)
		if e.Gateway && !known && b.Claims.allowPort(t.Namespace, netip.AddrPortFrom(e.First(), port)) {
			e.Port = port
			changed[horizon] = e
		}
	}
	return changed
}

// PortAt returns the port at which clients reach the function's port p at the endpoint: the
// probe's, where that is one of p's numbers; else the endpoint's, where it stands for p;
// else the gateway's for p; else p's own. It is never 0.
func (t *Template) PortAt(e Endpoint, p Port) uint16 {
	if e.VIP {
		return p.Number // every site has it there
	}
	if probed := t.probed(); probed != 0 && p.Protocol == "tcp" {
		if number, known := t.portOf(e, probed); known && number == p.Number {
			return probed
		}
	}
	if e.Port != 0 {
		number, known := t.portOf(e, e.Port)
		if known && number == p.Number || !known && t.mainPort() == p.Number {
			return e.Port
		}
		return p.Number
	}
	if web := t.webPort(e, p); web != 0 {
		return web
	}
	return p.Number
}

// HTTPSAt returns the port at which clients reach the function by HTTPS at the endpoint:
// that of its port https, or of one without a name, or else of its first over TCP.
func (t *Template) HTTPSAt(e Endpoint) uint16 {
	for _, name := range [...]string{"https", ""} {
		if p, ok := t.tcpPort(name); ok {
			return t.PortAt(e, p)
		}
	}
	first := Port{Protocol: "tcp", Number: t.TCPPort}
	port := t.PortAt(e, first)
	if port != first.Number || port != 0 && port == e.Port {
		return port
	}
	if http, ok := t.tcpPort("http"); e.Gateway || port == 0 || port == httpPort || ok && http.Number == port {
		return httpsPort // nobody takes HTTPS where HTTP is spoken
	}
	return port
}

// probed is the port of the annotated probe; 0 for none.
func (t *Template) probed() uint16 {
	if t.Probe == nil {
		return 0
	}
	return t.Probe.Port
}

// portOf returns which of the function's ports, by its own number, has the number at the
// endpoint; false for none. One whose own it is goes first.
func (t *Template) portOf(e Endpoint, number uint16) (uint16, bool) {
	for _, p := range t.Ports {
		if p.Number == number {
			return number, true
		}
	}
	for _, p := range t.Ports {
		if t.webPort(e, p) == number {
			return p.Number, true
		}
	}
	for _, n := range t.Numbers {
		if n.has(number) {
			return n.Port, true
		}
	}
	return 0, false
}

// webPort returns the port at which a gateway, or an Ingress, takes what is called by the
// port p; 0 where that is not known, and where the annotation port says it.
func (t *Template) webPort(e Endpoint, p Port) uint16 {
	switch {
	case !e.Gateway && t.Kind != "Ingress", p.Protocol != "tcp", t.Annotations.find(keyPort).Key != "":
	case p.Name == "http":
		return httpPort
	case p.Name == "https":
		return httpsPort
	}
	return 0
}

// mainPort is the number of the port that the port of an address stands for: https, unless
// the probe says that HTTP is spoken there; else one without a name, or the first.
func (t *Template) mainPort() uint16 {
	names := [...]string{"https", ""}
	if t.Probe != nil && t.Probe.Kind == ProbeHTTP {
		names[0] = "http"
	}
	for _, name := range names {
		if p, ok := t.tcpPort(name); ok {
			return p.Number
		}
	}
	for _, p := range t.Ports {
		if p.Protocol == "tcp" {
			return p.Number
		}
	}
	if t.TCPPort == 0 && len(t.Ports) > 0 {
		return t.Ports[0].Number
	}
	return t.TCPPort
}

// tcpPort returns the port over TCP of the name.
func (t *Template) tcpPort(name string) (Port, bool) {
	for _, p := range t.Ports {
		if p.Name == name && p.Protocol == "tcp" {
			return p, true
		}
	}
	return Port{}, false
}

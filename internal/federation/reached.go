package federation

import "slices"

// A Service has the same port numbers in all clusters. If a placement is reached at
// another number, its address or its probe says so.

// Port is a port at which a function is called.
type Port struct {
	// Name is the service name of RFC 6335 without its underscore; "" if it has none.
	Name string
	// Protocol is tcp or udp.
	Protocol string
	Number   uint16
}

// The web ports, at which a gateway without a declared port accepts HTTP and HTTPS.
const (
	httpPort  = 80
	httpsPort = 443
)

// PortNumbers are the numbers at which one TCP port of a Service is reached.
type PortNumbers struct {
	Port uint16
	// Target is the port of the pods, which gateways use, and Node that of the nodes; 0 if
	// there is none.
	Target uint16 `json:",omitempty"`
	Node   uint16 `json:",omitempty"`
}

// has reports whether the number, which must not be 0, is one of them.
func (n PortNumbers) has(number uint16) bool {
	return number == n.Port || number == n.Target || number == n.Node
}

// PortAt returns the port at which clients reach the function's port p at the endpoint: the
// probe's port if it is one of p's numbers; else the endpoint's port if it stands for p;
// else the gateway's port for p; else p's own number. It is never 0.
func (t *Template) PortAt(e Endpoint, p Port) uint16 {
	if e.VIP {
		return p.Number // every site has it at this number
	}
	if probed := t.probed(); probed != 0 && p.Protocol == "tcp" {
		if number, known := t.PortOf(e, probed); known && number == p.Number {
			return probed
		}
	}
	if e.Port != 0 {
		number, known := t.PortOf(e, e.Port)
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

// HTTPSAt returns the port at which clients reach the function over HTTPS at the
// endpoint: that of its port https, else of one without a name, else of its first TCP
// port.
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
		return httpsPort // an HTTP port does not accept HTTPS
	}
	return port
}

// probed returns the port of the annotated probe; 0 if there is none.
func (t *Template) probed() uint16 {
	if t.Probe == nil {
		return 0
	}
	return t.Probe.Port
}

// PortOf returns which of the function's ports, by its own number, has the given number
// at the endpoint; false if there is none. A port whose own number matches comes first.
func (t *Template) PortOf(e Endpoint, number uint16) (uint16, bool) {
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

// webPort returns the port at which a gateway or an Ingress accepts calls to the port p;
// 0 if that is not known or if the annotation port sets it.
func (t *Template) webPort(e Endpoint, p Port) uint16 {
	switch {
	case !e.Gateway && t.Kind != "Ingress", p.Protocol != "tcp", t.OwnPorts:
	case p.Name == "http":
		return httpPort
	case p.Name == "https":
		return httpsPort
	}
	return 0
}

// mainPort returns the number of the port that an address's port stands for: https, unless
// the probe shows that the address speaks HTTP; else a port without a name, or the first.
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

// tcpPort returns the TCP port with the name.
func (t *Template) tcpPort(name string) (Port, bool) {
	for _, p := range t.Ports {
		if p.Name == name && p.Protocol == "tcp" {
			return p, true
		}
	}
	return Port{}, false
}

// HasPort reports whether the port at the endpoint is the template's own: it is a port of
// its Service, or the gateway's, which serves all functions.
func (t *Template) HasPort(e Endpoint, port uint16) bool {
	web := port == httpPort || port == httpsPort
	switch {
	case port == t.TCPPort, slices.ContainsFunc(t.Numbers, func(n PortNumbers) bool { return n.has(port) }):
		return true
	case e.Gateway && (port == e.Port || web), t.Kind == "Ingress" && web:
		return true
	}
	return slices.ContainsFunc(t.Ports, func(p Port) bool { return p.Number == port && p.Protocol == "tcp" })
}

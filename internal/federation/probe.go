package federation

import (
	"net/netip"
	"unique"

	"github.com/nearcast/nearcast/internal/base/brief"
)

// ProbeKind says how a target is probed.
type ProbeKind string

// The probe kinds of nearcast.dev/probe.
const (
	ProbeNone  ProbeKind = "none"
	ProbeTCP   ProbeKind = "tcp"
	ProbeHTTP  ProbeKind = "http"
	ProbeHTTPS ProbeKind = "https"
	ProbeGRPC  ProbeKind = "grpc"
)

// Target is one thing to probe: everything that is sent, and where to. Placements with
// equal targets share one probe.
type Target struct {
	Kind ProbeKind
	Addr netip.AddrPort
	// Host is sent as Host and SNI; HTTP and HTTPS only.
	Host string
	// Path is the request target; HTTP and HTTPS only. For gRPC it is the service,
	// after a slash.
	Path   string
	Expect Expect
}

// SharedTarget is a Target that equal ones share: comparing two compares pointers.
type SharedTarget = unique.Handle[Target]

// String returns the target as a URL.
func (t Target) String() string {
	if t.Kind == ProbeNone {
		return string(ProbeNone)
	}
	s := string(t.Kind) + "://" + t.Addr.String() + t.Path
	if t.Host != "" {
		s += " (host " + t.Host + ")"
	}
	if !t.Expect.IsZero() {
		s += " (" + t.Expect.String() + ")"
	}
	return s
}

// ProbeSpec is a parsed nearcast.dev/probe.
type ProbeSpec struct {
	// Text is what the annotation says.
	Text string
	Kind ProbeKind
	// Port is 0 to use the endpoint's port or that of the scheme.
	Port uint16
	// Host is "" to use the function's first hostname.
	Host string
	Path string
}

// PortAt returns the port to probe: the annotated port, the endpoint's own, the gateway's
// HTTPS port, or the Service's first TCP port; 0 if there is none.
func (s ProbeSpec) PortAt(e Endpoint, service uint16) uint16 {
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

// Withholds reports whether the annotated probe is not sent to the placement: a probe must
// not wake a placement without replicas, and reaching its address is enough.
func (t *Template) Withholds(p *Placement) bool {
	return (p.Cold || p.Capacity.None()) && t.Probe != nil && t.Probe.Kind != ProbeNone && t.Probe.Kind != ProbeTCP
}

// Withheld says why the annotated probe is not sent to the placement; "" if it is sent.
func (t *Template) Withheld(p *Placement) string {
	if !t.Withholds(p) {
		return ""
	}
	return brief.Text("the probe " + t.Probe.Text + " is not sent: it would start a function that has no replica")
}

package federation

import "net/netip"

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

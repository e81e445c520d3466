package snapshot

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/nearcast/nearcast/internal/federation"
)

// TestAServiceOfAnOlderVersionIsProbedAsBefore: its snapshot has no port numbers, and the
// source may be unreachable for long.
func TestAServiceOfAnOlderVersionIsProbedAsBefore(t *testing.T) {
	at := func(port uint16) map[string]map[string]federation.Endpoint {
		return map[string]map[string]federation.Endpoint{"": {"a": {V4: []netip.Addr{netip.MustParseAddr("192.0.2.1")}, Port: port}}}
	}
	for name, c := range map[string]struct {
		kind      string
		tcp       uint16
		has, want []federation.PortNumbers
	}{
		"of an older version": {"Service", 80, nil, []federation.PortNumbers{{Port: 80}, {Port: 9100}, {Port: 8443}}},
		"of this version":     {"Service", 80, []federation.PortNumbers{{Port: 80, Target: 8080}}, []federation.PortNumbers{{Port: 80, Target: 8080}}},
		"without TCP":         {"Service", 0, nil, nil},
		"an Ingress":          {"Ingress", 443, nil, nil},
	} {
		f := &federation.Template{
			Meta: federation.NewMeta(federation.Ref{Kind: c.kind}), Service: &federation.Service{TCPPort: c.tcp, Numbers: c.has},
			Annotated: &federation.Annotated{Probe: &federation.ProbeSpec{Kind: federation.ProbeTCP, Port: 9100}, Fixed: at(8443)},
		}
		if portsOf(f); !slices.Equal(f.Numbers, c.want) {
			t.Errorf("%s: %v, want %v", name, f.Numbers, c.want)
		}
	}
}

package build

import (
	"strings"
	"testing"

	"github.com/nearcast/nearcast/internal/federation"
)

// TestTheZonesOwnNamesAreNotFunctions checks that a function that claims the name of a
// zone, or of a name server, is refused only that name, and by name.
func TestTheZonesOwnNamesAreNotFunctions(t *testing.T) {
	opts := Options{Zones: []string{"fn.example.org.", "in.fn.example.org."}, Servers: []string{"ns.dns.fn.example.org.", "ns1.fn.example.org."}}
	for name, c := range map[string]struct {
		template *federation.Template
		names    string
		fault    string // "" for none
	}{
		"a server":                    {service("demo", "w", "hostname", "ns1.fn.example.org"), "", "nearcast.dev/hostname: ns1.fn.example.org. is a name server of its zone"},
		"a server in capitals":        {service("demo", "w", "hostname", "NS1.FN.Example.org."), "", "ns1.fn.example.org. is a name server"},
		"a server beside others":      {service("demo", "w", "hostname", "a.fn.example.org,ns1.fn.example.org,b.fn.example.org"), "a.fn.example.org. b.fn.example.org.", "ns1.fn.example.org. is a name server"},
		"the zone":                    {service("demo", "w", "hostname", "fn.example.org,a.fn.example.org"), "a.fn.example.org.", "fn.example.org. is the apex of a zone"},
		"a zone inside the zone":      {service("demo", "w", "hostname", "in.fn.example.org"), "", "in.fn.example.org. is the apex of a zone"},
		"a server by default":         {service("dns", "ns"), "ns.dns.in.fn.example.org.", "default hostname: ns.dns.fn.example.org. is a name server"},
		"a zone by default":           {service("fn", "in"), "in.fn.fn.example.org. in.fn.in.fn.example.org.", ""},
		"a name above a server":       {service("demo", "w", "hostname", "dns.fn.example.org"), "dns.fn.example.org.", ""},
		"a name below a server":       {service("demo", "w", "hostname", "x.ns1.fn.example.org"), "x.ns1.fn.example.org.", ""},
		"a wildcard beside a server":  {service("demo", "w", "hostname", "*.demo.fn.example.org"), "*.demo.fn.example.org.", ""},
		"a name that only looks like": {service("demo", "w", "hostname", "ns11.fn.example.org"), "ns11.fn.example.org.", ""},
	} {
		s := world(opts, c.template, cluster("a", "192.0.2.1"))
		var names []string
		for _, f := range s.All() {
			names = append(names, f.Hostnames...)
		}
		if got := strings.Join(names, " "); got != c.names {
			t.Errorf("%s: the function has %q, want %q", name, got, c.names)
		}
		if c.fault == "" && len(s.Faults) > 0 || c.fault != "" && (len(s.Faults) != 1 || !strings.Contains(s.Faults[0].Error(), c.fault)) {
			t.Errorf("%s: faults %v, want one with %q", name, s.Faults, c.fault)
		}
	}
}

package main

import (
	"bytes"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/nearcast/nearcast/internal/fixture"
	"github.com/nearcast/nearcast/plugin/nearcast"
)

// TestExplainKeepsToItsSchema explains functions of every policy, refused
// candidates included.
func TestExplainKeepsToItsSchema(t *testing.T) {
	schema, err := jsonschema.NewCompiler().Compile("explain.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var functions []fixture.Function
	for _, policy := range []string{"nearest threshold 90%", "fastest", "cheapest", "weighted", "weighted sticky", "failover", "spread", "anycast"} {
		functions = append(functions, fixture.Function{Name: string(rune('a' + len(functions))), Clusters: append([]string{"nowhere"}, fixture.ThreeNames...),
			Health: map[string]string{"de-wide": "Unhealthy"}, Annotations: fixture.Unprobed("nearcast.dev/policy", policy, "nearcast.dev/vip", "198.51.100.1")})
	}
	dir := fixture.Dir(t, map[string]string{"locations.csv": fixture.Locations})
	if err := os.Mkdir(filepath.Join(dir, "m"), 0o755); err != nil {
		t.Fatal(err)
	}
	fixture.Write(t, filepath.Join(dir, "m", "all.yaml"), fixture.ThreeWith(functions...))
	corefile := filepath.Join(dir, "Corefile")
	fixture.Write(t, corefile, "fn.example.org {\n nearcast {\n  cluster mk-core\n  manifests "+dir+"/m\n  locations "+dir+"/locations.csv\n  horizon vpn 10.1.0.0/16\n }\n}\n")
	names := []string{"fn.example.org"}
	for _, f := range functions {
		names = append(names, f.Name+".demo.fn.example.org")
	}
	for _, name := range names {
		for _, from := range []string{"10.1.0.1", "10.2.0.1", "192.0.2.1", "2001:db8:1::1"} {
			e, err := nearcast.Explain(corefile, name, netip.MustParseAddr(from))
			if err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			if err := printJSON(&out, e); err != nil {
				t.Fatal(err)
			}
			value, err := jsonschema.UnmarshalJSON(&out)
			if err != nil {
				t.Fatal(err)
			}
			if err := schema.Validate(value); err != nil {
				t.Errorf("%s from %s: %v", name, from, err)
			}
			if e.Function != "" && len(e.Candidates) != 4 {
				t.Errorf("%s from %s: %d candidates, want three and one that is refused", name, from, len(e.Candidates))
			}
		}
	}
}

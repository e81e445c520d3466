package command

import (
	"bytes"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/spf13/cobra"

	"github.com/nearcast/nearcast/internal/base/program"
	"github.com/nearcast/nearcast/internal/testkit/coredns"
	"github.com/nearcast/nearcast/internal/testkit/fixture"
	"github.com/nearcast/nearcast/plugin/nearcast"
)

// TestExplainConformsToItsSchema explains functions with every policy, including refused candidates.
func TestExplainConformsToItsSchema(t *testing.T) {
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
			if err := program.PrintJSON(&out, e); err != nil {
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
				t.Errorf("%s from %s: got %d candidates, want three and a refused one", name, from, len(e.Candidates))
			}
		}
	}
}

// TestExplainOfPolicyZonesConformsToItsSchema has every verdict, and a server without functions.
func TestExplainOfPolicyZonesConformsToItsSchema(t *testing.T) {
	schema, err := jsonschema.NewCompiler().Compile("explain.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	dir := fixture.Dir(t, nil)
	rules := map[string]string{
		"shadow": "shadow\n", "off": "policy disabled\n", "others": "clients 198.51.100.0/24\n", "late": "", "cname": "policy cname garden.example\n", "last": "",
	}
	var zones strings.Builder
	for _, name := range []string{"shadow", "off", "others", "late", "cname", "last"} {
		if name != "late" {
			fixture.Write(t, filepath.Join(dir, name), "@ 60 SOA ns. host. 1 60 60 3600 30\nwww.example A 192.0.2.1\nwww.example TXT x\n8.0.0.0.192.rpz-client-ip CNAME rpz-drop.\n")
		}
		zones.WriteString("zone " + name + " {\nfile " + filepath.Join(dir, name) + "\n" + rules[name] + "}\n")
	}
	socket := filepath.Join(dir, "s")
	corefile := ".:0 {\nbind " + fixture.AnotherLoopback() + "\nrpz {\n" + zones.String() + "servfail-until-ready no\nadmin " + socket + "\n}\nfile " + filepath.Join(dir, "truth") + " example\n}\n"
	fixture.Write(t, filepath.Join(dir, "truth"), "@ 60 SOA ns host 1 2 3 4 5\n@ 60 NS ns\n")
	if err := coredns.Prepare(); err != nil {
		t.Fatal(err)
	}
	instance, err := coredns.Start(corefile)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = coredns.Stop(instance) }() // what is left ends with the test
	seen := map[string]bool{}
	for _, name := range []string{"www.example", "mail.example"} {
		for _, from := range []string{"192.0.2.1", "203.0.113.1", "198.51.100.1", "2001:db8::1"} {
			c := &cobra.Command{}
			c.SetContext(t.Context())
			e, err := explainLive(c, socket, name, from)
			if err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			if err := program.PrintJSON(&out, e); err != nil {
				t.Fatal(err)
			}
			value, err := jsonschema.UnmarshalJSON(&out)
			if err != nil {
				t.Fatal(err)
			}
			if err := schema.Validate(value); err != nil {
				t.Errorf("%s from %s: %v", name, from, err)
			}
			for _, z := range e.RPZ[0].Zones {
				seen[z.Verdict] = true
			}
		}
	}
	for _, verdict := range []string{"applied", "shadow", "disabled", "no match", "not reached", "not for this client", "not loaded"} {
		if !seen[verdict] {
			t.Errorf("the verdict %q did not occur", verdict)
		}
	}
}

package command

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"
)

// TestAFaultOfADatabaseNamesItsFile checks databases by themselves and through a Corefile: each
// fault is reported once, with its file, and the other files are read.
func TestAFaultOfADatabaseNamesItsFile(t *testing.T) {
	dir := t.TempDir()
	database := func(kind string, records map[string]mmdbtype.DataType) string {
		tree, err := mmdbwriter.New(mmdbwriter.Options{DatabaseType: kind, IncludeReservedNetworks: true})
		if err != nil {
			t.Fatal(err)
		}
		for prefix, record := range records {
			_, network, err := net.ParseCIDR(prefix)
			if err != nil {
				t.Fatal(err)
			}
			if err := tree.Insert(network, record); err != nil {
				t.Fatal(err)
			}
		}
		var b bytes.Buffer
		if _, err := tree.WriteTo(&b); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	files := map[string]string{
		"bad.mmdb": database("Country", map[string]mmdbtype.DataType{
			"192.0.2.0/24": mmdbtype.Map{"country_code": mmdbtype.String("DE")}, "198.51.100.0/24": mmdbtype.Map{"country_code": mmdbtype.Bool(true)},
		}),
		"tor.mmdb": database("GeoIP2-Anonymous-IP", map[string]mmdbtype.DataType{"192.0.2.0/24": mmdbtype.Map{"is_tor_exit_node": mmdbtype.Bool(true)}}),
		"isp.mmdb": database("GeoIP2-ISP", map[string]mmdbtype.DataType{"192.0.2.0/24": mmdbtype.Map{"autonomous_system_number": mmdbtype.Uint32(64500)}}),
		"cut.mmdb": "\xab\xcd\xefMaxMind.com",
		"l.csv":    "192.0.2.128/25,us\n",
		"m/c.yaml": "apiVersion: cluster.karmada.io/v1alpha1\nkind: Cluster\nmetadata: {name: mk}\n",
	}
	if err := os.Mkdir(filepath.Join(dir, "m"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	corefile := filepath.Join(dir, "Corefile")
	content := strings.ReplaceAll("fn.example.org:0 {\n nearcast {\n cluster mk\n manifests DIR/m\n locations DIR/l.csv\n geoip DIR/bad.mmdb DIR/tor.mmdb DIR/isp.mmdb DIR/cut.mmdb\n }\n}\n", "DIR", dir)
	if err := os.WriteFile(corefile, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	findings, read := checkPath(corefile)
	for name, want := range map[string]string{
		"bad.mmdb": "fault: 1 of 2 records are damaged, first the one for 198.51.100.0/24: country_code is not a string; their other data is used",
		"tor.mmdb": `fault: has no country, coordinates, continent or autonomous system in any record, so it locates no client (its type is "GeoIP2-Anonymous-IP")`,
		"isp.mmdb": `warning: has autonomous systems but no places (its type is "GeoIP2-ISP"), and no line of locations names an autonomous system: it has no effect`,
		"cut.mmdb": "fault: ",
	} {
		path, said := filepath.Join(dir, name), 0
		for _, f := range findings {
			if f.File == path {
				if said++; !strings.HasPrefix(f.Severity+": "+f.Reason, want) {
					t.Errorf("%s: %s: %s, want %s", name, f.Severity, f.Reason, want)
				}
			}
		}
		if said != 1 {
			t.Errorf("%d findings of %s in %v, want one", said, name, findings)
		}
		alone, counted := checkPath(path)
		if faulty := len(alone) > 0; faulty != strings.HasPrefix(want, "fault") || len(counted) == 0 != (name == "tor.mmdb" || name == "cut.mmdb") {
			t.Errorf("%s alone: %v, %v", name, alone, counted)
		}
	}
	if read[filepath.Join(dir, "l.csv")][unitLocation] != 1 {
		t.Error("the table is not read", read)
	}
}

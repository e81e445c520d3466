package rpz

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// TestReadmeIsTrue starts every Corefile of the README, and holds that it names
// every key and metric.
func TestReadmeIsTrue(t *testing.T) {
	data, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	readme := string(data)
	dir := t.TempDir()
	for _, folder := range []string{"run", "federation"} {
		if err := os.Mkdir(filepath.Join(dir, folder), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	fixture.Write(t, filepath.Join(dir, "local.rpz"), withSOA("shop.example.com CNAME shop.media.fn.example.org.\n"))
	fixture.Write(t, filepath.Join(dir, "public.rpz"), withSOA("sink.example.com A 192.0.2.80\n"))
	fixture.Write(t, filepath.Join(dir, "federation", "all.yaml"), fixture.ThreeWith())
	fixture.Write(t, filepath.Join(dir, "locations.csv"), fixture.Locations)
	examples := 0
	for _, part := range strings.Split(readme, "~~~ corefile\n")[1:] {
		corefile, _, _ := strings.Cut(part, "~~~")
		// None of the addresses is on this machine's network.
		corefile = strings.NewReplacer("/etc/nearcast", dir, "/run/nearcast", filepath.Join(dir, "run"), "192.0.2.53", "127.0.0.1:1", ". {", ".:0 {\nbind LOOPBACK").Replace(corefile)
		examples++
		serve(t, corefile)
	}
	if examples < 3 {
		t.Errorf("%d examples, want at least three", examples)
	}
	for key := range keys {
		if !strings.Contains(readme, "\n    "+key+" ") || !strings.Contains(readme, "\n* `"+key+"`") {
			t.Errorf("the README does not have the key %s in its syntax and its text", key)
		}
	}
	for key := range zoneKeys {
		if !strings.Contains(readme, "\n        "+key) || !strings.Contains(readme, "`"+key+"`") {
			t.Errorf("the README does not have the zone's key %s in its syntax and its text", key)
		}
	}
	for name := range policies {
		if !strings.Contains(readme, "|"+name) {
			t.Errorf("the README does not have the policy %s", name)
		}
	}
	for _, metric := range []string{"hits_total", "rules", "unusable_rules", "serial", "loads_total", "transfers_total", "downloads_total", "expired", "disabled", "delegation_lookups_total", "undecided_total"} {
		if !strings.Contains(readme, "`coredns_rpz_"+metric+"{") {
			t.Errorf("the README does not have the metric %s", metric)
		}
	}
	at := -1
	for _, section := range []string{"Name", "Description", "Syntax", "Metrics", "Metadata", "Ready", "Examples", "Bugs", "See Also"} {
		i := strings.Index(readme, "\n## "+section+"\n")
		if i <= at {
			t.Errorf("%s is missing or out of order", section)
		}
		at = i
	}
}

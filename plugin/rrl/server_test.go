package rrl

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/coredns/coredns/core/plugin"

	"github.com/nearcast/nearcast/internal/testkit/coredns"
	"github.com/nearcast/nearcast/internal/testkit/fixture"
	_ "github.com/nearcast/nearcast/plugin/nearcast"
)

func TestMain(m *testing.M) { coredns.Main(m) }

// TestReadmeIsTrue starts every Corefile of the README, and checks that it documents
// every key and metric.
func TestReadmeIsTrue(t *testing.T) {
	data, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	readme := string(data)
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "federation"), 0o755); err != nil {
		t.Fatal(err)
	}
	fixture.Write(t, filepath.Join(dir, "federation", "all.yaml"), fixture.ThreeWith())
	fixture.Write(t, filepath.Join(dir, "cookie-secrets"), "00112233445566778899aabbccddeeff\n")
	examples := 0
	for _, part := range strings.Split(readme, "~~~ corefile\n")[1:] {
		corefile, _, _ := strings.Cut(part, "~~~")
		corefile = strings.NewReplacer("/etc/nearcast", dir, "prometheus\n", "prometheus 127.0.0.1:0\n", "fn.example.org {", "fn.example.org:0 {\nbind "+fixture.Loopback()).Replace(corefile)
		examples++
		coredns.Serve(t, corefile)
	}
	if examples < 2 {
		t.Errorf("%d examples, want at least two", examples)
	}
	for key := range keys {
		if !strings.Contains(readme, "\n    "+key) || !strings.Contains(readme, "`"+key+"`") {
			t.Errorf("the README does not document the key %s in its syntax and its text", key)
		}
	}
	if !strings.Contains(readme, "`coredns_rrl_limited_total{") {
		t.Error("the README does not document the metric")
	}
	at := -1
	for _, section := range []string{"Name", "Description", "Syntax", "Metrics", "Examples", "Bugs", "See Also"} {
		i := strings.Index(readme, "\n## "+section+"\n")
		if i <= at {
			t.Errorf("%s is missing or out of order", section)
		}
		at = i
	}
}

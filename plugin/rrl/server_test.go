package rrl

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	_ "github.com/coredns/coredns/core/plugin"
	clog "github.com/coredns/coredns/plugin/pkg/log"

	"github.com/nearcast/nearcast/internal/base/directives"
	"github.com/nearcast/nearcast/internal/testkit/fixture"
	_ "github.com/nearcast/nearcast/plugin/nearcast"
)

func TestMain(m *testing.M) {
	caddy.Quiet, dnsserver.Quiet = true, true
	clog.Discard()
	if err := directives.Install(); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

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
		instance, err := caddy.Start(caddy.CaddyfileInput{Filepath: "README.md", Contents: []byte(corefile), ServerTypeName: "dns"})
		if err != nil {
			t.Errorf("%v in\n%s", err, corefile)
			continue
		}
		instance.ShutdownCallbacks()
		if err := instance.Stop(); err != nil {
			t.Error(err)
		}
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

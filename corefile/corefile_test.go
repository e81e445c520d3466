// Package corefile holds examples, one per use; this test starts each of them.
package corefile

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/coredns/caddy"
	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/testkit/coredns"
	"github.com/nearcast/nearcast/internal/testkit/fixture"
	_ "github.com/nearcast/nearcast/plugin/ddr"
	_ "github.com/nearcast/nearcast/plugin/direct"
	_ "github.com/nearcast/nearcast/plugin/nearcast"
	_ "github.com/nearcast/nearcast/plugin/rpz"
	_ "github.com/nearcast/nearcast/plugin/rrl"
)

// inputs writes what the examples refer to, and returns the folder that stands
// for /etc/nearcast.
func inputs(t *testing.T) string {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "federation"), 0o755); err != nil {
		t.Fatal(err)
	}
	fixture.Key(t, dir, "Kfn.example.org.+013+00001")
	fixture.Certificate(t, filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key"), "dns.carrier.example")
	for name, text := range map[string]string{
		"federation/all.yaml": fixture.ThreeWith(),
		"locations.csv":       fixture.Locations,
		"cookie-secrets":      "00112233445566778899aabbccddeeff\n",
		"local.rpz":           "$TTL 60\n@ SOA ns. host. 1 2 3 4 5\nshop.example.com CNAME shop.media.fn.example.org.\n",
		"trial.rpz":           "$TTL 60\n@ SOA ns. host. 1 2 3 4 5\n*.trial.example CNAME .\n",
		"kubeconfig":          "apiVersion: v1\nkind: Config\nclusters: [{name: k, cluster: {server: \"https://127.0.0.1:1\"}}]\ncontexts: [{name: k, context: {cluster: k, user: k}}]\ncurrent-context: k\nusers: [{name: k, user: {token: x}}]\n",
	} {
		fixture.Write(t, filepath.Join(dir, name), text)
	}
	return dir
}

// keys finds those of a server block, which the test gives ports of their own.
var keys = regexp.MustCompile(`(?m)^([a-z].*|\..*) \{$`)

// onFreePorts gives each key of a server block a port of its own.
func onFreePorts(line string) string {
	return strings.ReplaceAll(strings.TrimSuffix(line, " {"), " ", ":0 ") + ":0 {\n    bind 127.0.0.1"
}

// plain returns where the example is asked over UDP and TCP.
func plain(instance *caddy.Instance) string {
	for _, s := range instance.Servers() {
		if s.LocalAddr() != nil && s.Addr() != nil {
			return s.LocalAddr().String()
		}
	}
	return ""
}

// start starts a Corefile on free ports, with dir in place of /etc/nearcast, asks it and
// stops it.
func start(t *testing.T, name, text, dir string) {
	t.Helper()
	text = strings.NewReplacer("/etc/nearcast", dir, "/run/nearcast", filepath.Join(dir, "run"), ":9153", "127.0.0.1:0", "192.0.2.53", "127.0.0.1:1", "    ready\n", "    ready 127.0.0.1:0\n").Replace(text)
	text = keys.ReplaceAllStringFunc(text, onFreePorts)
	instance, err := coredns.Start(text)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	client := dns.Client{}
	if _, _, err := client.Exchange(new(dns.Msg).SetQuestion("fn.example.org.", dns.TypeSOA), plain(instance)); err != nil {
		t.Errorf("%s: %v", name, err)
	}
	if err := coredns.Stop(instance); err != nil {
		t.Errorf("%s: %v", name, err)
	}
}

func TestMain(m *testing.M) { coredns.Main(m) }

func TestEveryExampleStarts(t *testing.T) {
	examples, err := filepath.Glob("*.Corefile")
	if err != nil || len(examples) < 5 {
		t.Fatalf("%d examples, %v", len(examples), err)
	}
	dir := inputs(t)
	for _, example := range examples {
		data, err := os.ReadFile(example)
		if err != nil {
			t.Fatal(err)
		}
		start(t, example, string(data), dir)
	}
}

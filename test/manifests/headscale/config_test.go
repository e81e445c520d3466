package headscale

import (
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/juanfont/headscale/hscontrol/derp"
	"github.com/juanfont/headscale/hscontrol/types"
	"github.com/spf13/viper"
	"gopkg.in/yaml.v3"
)

// load reads the configuration as `headscale serve` does.
func load(t *testing.T) *types.Config {
	t.Helper()
	viper.Reset()
	if err := types.LoadConfig(folder+"config.yaml", true); err != nil {
		t.Fatal(err)
	}
	c, err := types.LoadServerConfig()
	if err != nil {
		t.Fatalf("config.yaml: %v", err)
	}
	return c
}

func TestHeadscaleReadsItsConfiguration(t *testing.T) {
	c := load(t)
	for _, f := range []struct {
		what      string
		got, want any
	}{
		{"the address that nodes use", c.ServerURL, "https://headscale.example.org:443"},
		{"the port that no firewall blocks", c.Addr, "0.0.0.0:443"},
		{"metrics stay on the machine", c.MetricsAddr, "127.0.0.1:9090"},
		{"the prefix", c.PrefixV4.String(), "100.64.0.0/10"},
		{"the policy", c.Policy, types.PolicyConfig{Path: "/etc/headscale/policy.hujson", Mode: types.PolicyModeFile}},
		{"an embedded relay", c.DERP.ServerEnabled, true},
		{"which relays only our nodes", c.DERP.ServerVerifyClients, true},
		{"its STUN", c.DERP.STUNAddr, "0.0.0.0:3478"},
		{"no relays of Tailscale", len(c.DERP.URLs), 0},
		{"additional relays", c.DERP.Paths, []string{"/etc/headscale/derp.yaml"}},
		{"nodes keep their DNS", c.DNSConfig.OverrideLocalDNS || c.DNSConfig.MagicDNS, false},
		{"nothing goes to Tailscale's logs", c.LogTail.Enabled, false},
		{"its certificate", c.TLS.LetsEncrypt.Hostname, "headscale.example.org"},
	} {
		if !reflect.DeepEqual(f.got, f.want) {
			t.Errorf("%s: got %v, want %v", f.what, f.got, f.want)
		}
	}
}

// TestEveryKeyExistsInHeadscale: Headscale ignores a key that it does
// not know. Its example configuration has the known keys.
func TestEveryKeyExistsInHeadscale(t *testing.T) {
	ours, theirs := keys(t, folder+"config.yaml"), keys(t, example(t))
	for _, key := range ours {
		if !slices.Contains(theirs, key) {
			t.Errorf("config.yaml: unknown key %s", key)
		}
	}
}

func TestEveryRelayIsReachableOnTheHTTPSPort(t *testing.T) {
	c := load(t)
	c.DERP.Paths = []string{folder + "derp.yaml"}
	relays, err := derp.GetDERPMap(c.DERP)
	if err != nil {
		t.Fatalf("derp.yaml: %v", err)
	}
	if len(relays.Regions) != 1 {
		t.Fatalf("got %d regions, want 1", len(relays.Regions))
	}
	for id, region := range relays.Regions {
		if region.RegionID != id || id == c.DERP.ServerRegionID {
			t.Errorf("region %d has ID %d; Headscale's own is %d", id, region.RegionID, c.DERP.ServerRegionID)
		}
		for _, node := range region.Nodes {
			if node.RegionID != id || node.DERPPort != 443 || node.STUNOnly || node.InsecureForTests {
				t.Errorf("relay %s: %+v", node.Name, node)
			}
		}
	}
}

// keys returns the paths of all scalars and lists of a file.
func keys(t *testing.T, path string) []string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var root map[string]any
	if err := yaml.Unmarshal(data, &root); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	var all []string
	var walk func(prefix []string, node map[string]any)
	walk = func(prefix []string, node map[string]any) {
		for key, value := range node {
			path := append(slices.Clone(prefix), key)
			if inner, ok := value.(map[string]any); ok {
				walk(path, inner)
				continue
			}
			all = append(all, strings.Join(path, "."))
		}
	}
	walk(nil, root)
	slices.Sort(all)
	return all
}

// example is the path of the configuration that documents Headscale's keys.
func example(t *testing.T) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/juanfont/headscale").Output()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(strings.TrimSpace(string(out)), "config-example.yaml")
}

package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// warningsOf returns what is said of the text as a file, without the file's name.
func warningsOf(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "speaker.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, warning := range Warnings(path) {
		text, named := strings.CutPrefix(warning.Error(), path+": ")
		if !named {
			t.Errorf("got %v, want the file's name in it", warning)
		}
		all = append(all, text)
	}
	return strings.Join(all, "\n")
}

func TestPoolsSharedByNamespacesGiveWarnings(t *testing.T) {
	for name, c := range map[string]struct{ pools, want string }{
		"one each":                  {`[{cidrs: [198.51.100.64/27], namespaces: [a]}, {cidrs: [198.51.100.96/27], namespaces: [b]}]`, ""},
		"one of two pools":          {`[{cidrs: [198.51.100.64/26], namespaces: [a]}, {cidrs: [198.51.100.96/27], namespaces: [a, a]}]`, ""},
		"two of one":                {`[{cidrs: [198.51.100.64/26, "2001:db8::/64"], namespaces: [b, a]}]`, "line 4: pools[0].namespaces: the namespaces a, b share 198.51.100.64/26, 2001:db8::/64; if two namespaces"},
		"all of one":                {`[{cidrs: [198.51.100.64/26], namespaces: ["*"]}]`, "line 4: pools[0].namespaces: all namespaces share 198.51.100.64/26"},
		"two of pools that overlap": {`[{cidrs: [198.51.100.64/26], namespaces: [a]}, {cidrs: [203.0.113.0/24, 198.51.100.96/27], namespaces: [b]}]`, "line 4: pools[1].cidrs: the namespaces a, b of pools[0] share 198.51.100.96/27"},
		"IPv6 pools that overlap":   {`[{cidrs: ["2001:db8:53::/64"], namespaces: [a]}, {cidrs: ["2001:db8::/32"], namespaces: [b]}]`, "pools[1].cidrs: the namespaces a, b of pools[0] share 2001:db8:53::/64"},
		"all namespaces beside one namespace's range": {`[{cidrs: [198.51.100.64/27], namespaces: [a]}, {cidrs: [198.51.100.64/26], namespaces: ["*"]}]`, "pools[1].cidrs: all namespaces of pools[0] share 198.51.100.64/27"},
	} {
		got := warningsOf(t, "asn: 64512\nrouterID: 192.0.2.11\npeers: [{address: 192.0.2.1, asn: 64500}]\npools: "+c.pools+"\n")
		if got != c.want && (c.want == "" || !strings.Contains(got, c.want)) {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

func TestSecretsReadableByOthersGiveWarnings(t *testing.T) {
	dir := t.TempDir()
	text := `asn: 64512
routerID: 192.0.2.11
peers:
- {address: 192.0.2.1, asn: 64500, passwordFile: %[1]s/bgp.key}
services: {enabled: true, kubeconfig: %[1]s/kubeconfig}
pools: [{cidrs: [198.51.100.64/27], namespaces: [a]}]
`
	for _, c := range []struct {
		mode os.FileMode
		want []string
	}{
		{0o600, nil},
		{0o644, []string{"line 4: peers[0].passwordFile: " + dir + "/bgp.key holds a secret, and mode 0644", "line 5: services.kubeconfig: " + dir + "/kubeconfig holds a secret"}},
	} {
		for _, name := range []string{"bgp.key", "kubeconfig"} {
			path := filepath.Join(dir, name)
			if err := os.WriteFile(path, []byte("topsecret"), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, c.mode); err != nil {
				t.Fatal(err)
			}
		}
		got := warningsOf(t, fmt.Sprintf(text, dir))
		if c.want == nil && got != "" || strings.Contains(got, "topsecret") {
			t.Errorf("mode %04o: %s", c.mode, got)
		}
		for _, want := range c.want {
			if !strings.Contains(got, want) {
				t.Errorf("mode %04o: %q lacks %q", c.mode, got, want)
			}
		}
	}
}

func TestAnInvalidFileGivesNoWarnings(t *testing.T) {
	if got := warningsOf(t, "asn: 0\npools: [{cidrs: [198.51.100.64/27], namespaces: [\"*\"]}]\n"); got != "" {
		t.Error(got)
	}
}

// TestAStateThatLeaksGivesAWarning: what keeps a route inside while it is up is to keep it there while it
// is degraded or leaves.
func TestAStateThatLeaksGivesAWarning(t *testing.T) {
	for states, want := range map[string][]string{
		"{up: {communities: [no-export]}}": nil,
		"{up: {communities: [no-peer, no-export]}, degraded: {prepend: 3, med: 100, without: [no-peer]}}": {"states.degraded: lacks no-peer"},
		"{up: {communities: [no-export]}, draining: {prepend: 6, without: [no-export]}}":                  {"states.draining: lacks no-export"},
		"{up: {communities: [\"64512:7\"]}, draining: {prepend: 6, without: [\"64512:7\"]}}":              nil,
		"{up: {communities: [\"64512:7\"]}}":                                                              nil,
	} {
		got := warningsOf(t, "asn: 64512\nrouterID: 192.0.2.11\npeers: [{address: 192.0.2.1, asn: 64500}]\nstates: "+states+"\n")
		for _, text := range want {
			if !strings.Contains(got, text) {
				t.Errorf("%s: %q lacks %q", states, got, text)
			}
		}
		if want == nil && got != "" {
			t.Errorf("%s: %q", states, got)
		}
	}
}

// TestABandwidthThatFRRCannotCountGivesAWarning: with 32 bits, 100G and 400G become 58 and 41 of a hundred.
func TestABandwidthThatFRRCannotCountGivesAWarning(t *testing.T) {
	for bandwidth, want := range map[string]string{
		"34G": "", "34.359738G": "", "34.359739G": "line 4: states.up.linkBandwidth: 34359739K is more than FRR before July 2026 supports", "100G": "100G is more than FRR",
	} {
		got := warningsOf(t, "asn: 64512\nrouterID: 192.0.2.11\npeers: [{address: 192.0.2.1, asn: 64500}]\nstates: {up: {linkBandwidth: "+bandwidth+"}}\n")
		if got != want && (want == "" || !strings.Contains(got, want)) {
			t.Errorf("%s: got %q, want %q", bandwidth, got, want)
		}
	}
	got := warningsOf(t, "asn: 64512\nrouterID: 192.0.2.11\npeers: [{address: 192.0.2.1, asn: 64500}]\naggregates:\n- {prefix: 198.51.100.0/24, attributes: {linkBandwidth: 400G}}\n- {prefix: 203.0.113.0/24, attributes: {linkBandwidth: 4G}}\n")
	if want := "line 5: aggregates[0].attributes.linkBandwidth: 400G is more than FRR"; !strings.Contains(got, want) || strings.Contains(got, "aggregates[1]") {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestAKeyThatARouterDoesNotAcceptGivesAWarningWithoutTheKey: FRR's command line ends it at a space.
func TestAKeyThatARouterDoesNotAcceptGivesAWarningWithoutTheKey(t *testing.T) {
	for key, want := range map[string]string{
		"topsecret\n": "", "topsecret!#$'\n": "", "top secret": "contains spaces, which FRR, SONiC and VyOS do not accept", "topsecret ": "contains spaces",
		"top\tsecret": "contains spaces", `topsecret"`: "contains quotation marks, which BIRD does not accept",
	} {
		path := filepath.Join(t.TempDir(), "bgp.key")
		if err := os.WriteFile(path, []byte(key), 0o600); err != nil {
			t.Fatal(err)
		}
		got := warningsOf(t, "asn: 64512\nrouterID: 192.0.2.11\npeers:\n- {address: 192.0.2.2, asn: 64500}\n- {address: 192.0.2.1, asn: 64500, passwordFile: "+path+"}\n")
		if (got == "") != (want == "") || !strings.Contains(got, want) || want != "" && !strings.HasPrefix(got, "line 5: peers[1].passwordFile: the key in "+path) {
			t.Errorf("%q: got %q, want %q", key, got, want)
		}
		if strings.Contains(got, "secret") {
			t.Errorf("the warning contains the key: %s", got)
		}
	}
}

package routerconfig

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nearcast/nearcast/bgp"
)

var update = flag.Bool("update", false, "write the golden files")

// configs are those of testdata.
var configs = []string{"simple", "full", "unnumbered"}

func load(t *testing.T, name string) *bgp.Config {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := bgp.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// each calls f with what is written for every peer and every router that can have
// it.
func each(t *testing.T, f func(t *testing.T, router string, c *bgp.Config, p *bgp.Peer, text string)) {
	n := 0
	for _, name := range configs {
		c := load(t, name)
		for i := range c.Peers {
			p := &c.Peers[i]
			for _, router := range Routers() {
				if p.Interface != "" && !routers[router].unnumbered {
					continue
				}
				n++
				t.Run(name+"/"+p.Name()+"/"+router, func(t *testing.T) {
					var text strings.Builder
					if err := Write(&text, router, c, p); err != nil {
						t.Fatal(err)
					}
					f(t, router, c, p, text.String())
				})
			}
		}
	}
	if n != 18 {
		t.Fatalf("%d texts were written, not 18", n)
	}
}

// TestGolden compares what is written for the first peers with testdata.
func TestGolden(t *testing.T) {
	each(t, func(t *testing.T, router string, c *bgp.Config, p *bgp.Peer, text string) {
		if p != &c.Peers[0] {
			return
		}
		path := filepath.Join("testdata", strings.Split(t.Name(), "/")[1]+"."+router)
		if *update {
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if text != string(want) {
			t.Errorf("%s differs (-update writes it):\n%s", path, text)
		}
	})
}

func TestEveryVIPAndPoolOfTheFamiliesMayBeAnnounced(t *testing.T) {
	each(t, func(t *testing.T, _ string, c *bgp.Config, p *bgp.Peer, text string) {
		want := func(prefix string, family bgp.Family) {
			if strings.Contains(text, prefix) != p.Carries(family) {
				t.Errorf("%s is missing, or there without its family:\n%s", prefix, text)
			}
		}
		for _, v := range c.VIPs {
			prefix, err := v.Address.Prefix(v.Address.BitLen())
			if err != nil {
				t.Fatal(err)
			}
			want(prefix.String(), bgp.FamilyOf(v.Address))
		}
		for _, pool := range c.Pools {
			for _, cidr := range pool.CIDRs {
				want(cidr.String(), bgp.FamilyOf(cidr.Addr()))
			}
		}
	})
}

func TestTheSameIsWrittenEveryTime(t *testing.T) {
	each(t, func(t *testing.T, router string, c *bgp.Config, p *bgp.Peer, text string) {
		for range 20 {
			var again strings.Builder
			if err := Write(&again, router, c, p); err != nil {
				t.Fatal(err)
			}
			if again.String() != text {
				t.Fatalf("differs:\n%s\n%s", text, again.String())
			}
		}
	})
}

func TestTheKeyIsNeverWritten(t *testing.T) {
	const key = "correct horse"
	each(t, func(t *testing.T, router string, c *bgp.Config, p *bgp.Peer, _ string) {
		with := *p
		with.PasswordFile, with.Password = "/run/secrets/bgp", key
		var text strings.Builder
		if err := Write(&text, router, c, &with); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(text.String(), key) || !strings.Contains(text.String(), "<the-key-in-/run/secrets/bgp>") {
			t.Errorf("the key is written, or not where it is:\n%s", text.String())
		}
	})
}

// TestGuards holds what every router must be told, whatever the peer.
func TestGuards(t *testing.T) {
	guards := map[string][]string{
		"frr":    {"graceful-restart-disable", "set local-preference 0", "route-map NEARCAST-NOTHING out", "maximum-prefix", "match ip"},
		"bird":   {"graceful restart off", "bgp_local_pref = 0", "export none", "import limit", "error wait time 1,5", "then reject"},
		"junos":  {"graceful-restart disable", "local-preference 0", "export NEARCAST-NOTHING", "prefix-limit maximum", "term rest then reject"},
		"ios-xr": {"graceful-restart disable", "set local-preference 0", "route-policy NEARCAST-NOTHING out", "maximum-prefix", "drop"},
	}
	each(t, func(t *testing.T, router string, _ *bgp.Config, _ *bgp.Peer, text string) {
		for _, guard := range guards[router] {
			if !strings.Contains(text, guard) {
				t.Errorf("%q is missing:\n%s", guard, text)
			}
		}
	})
}

// TestNoLineEndsInSpace keeps the templates from leaving marks.
func TestNoLineEndsInSpace(t *testing.T) {
	each(t, func(t *testing.T, _ string, _ *bgp.Config, _ *bgp.Peer, text string) {
		for line := range strings.Lines(text) {
			if line = strings.TrimSuffix(line, "\n"); strings.TrimRight(line, " \t") != line || strings.Contains(line, "<no value>") {
				t.Errorf("%q", line)
			}
		}
	})
}

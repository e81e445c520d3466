package routerconfig

import (
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nearcast/nearcast/bgp/config"
	"github.com/nearcast/nearcast/bgp/route"
)

var update = flag.Bool("update", false, "write the golden files")

// texts are the configurations of testdata, and where the speakers are that share
// one.
var texts = []struct {
	name, config string
	speakers     []netip.Prefix
}{
	{name: "simple", config: "simple"},
	{name: "full", config: "full"},
	{name: "unnumbered", config: "unnumbered"},
	{name: "linklocal", config: "linklocal"},
	{name: "shared", config: "shared"},
	{name: "many", config: "shared", speakers: prefixes("192.0.2.11/32", "192.0.2.64/26", "2001:db8::11/128", "2001:db8:0:1::/64")},
	{name: "named", config: "named", speakers: prefixes("192.0.2.11/32", "192.0.2.12/32", "2001:db8::11/128", "2001:db8::12/128")},
}

// refused are the texts that a router cannot have; refuse_test.go has why.
var refused = []string{
	"full/192.0.2.1/srlinux", "unnumbered/eth0/junos", "unnumbered/eth0/ios-xr", "linklocal/fe80::1%eth0/ios-xr",
	"linklocal/fe80::1%eth0/sonic", "shared/2001:db8::1/junos", "many/2001:db8::1/junos",
}

func prefixes(texts ...string) []netip.Prefix {
	var all []netip.Prefix
	for _, text := range texts {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}

func load(t *testing.T, name string) *config.Config {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := config.ParseShared(data)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// each calls f with what is written for every peer and every router that can have
// it.
func each(t *testing.T, f func(t *testing.T, router string, c *config.Config, p *config.Peer, text string)) {
	all, not := 0, 0
	for _, test := range texts {
		c := load(t, test.config)
		for i := range c.Peers {
			p := &c.Peers[i]
			for _, router := range Routers() {
				all++
				name := test.name + "/" + p.Name() + "/" + router
				t.Run(name, func(t *testing.T) {
					var text strings.Builder
					err := Write(&text, router, c, p, test.speakers...)
					if (err != nil) != slices.Contains(refused, name) {
						t.Fatal(err)
					}
					if err != nil {
						not++
						return
					}
					f(t, router, c, p, text.String())
				})
			}
		}
	}
	if !t.Failed() && (all != 96 || not != len(refused)) {
		t.Fatalf("got %d texts, want 96; got %d rejections, want %d", all, not, len(refused))
	}
}

// speakersOf returns those of the text that a test of each is about.
func speakersOf(t *testing.T) []netip.Prefix {
	for _, test := range texts {
		if test.name == strings.Split(t.Name(), "/")[1] {
			return test.speakers
		}
	}
	t.Fatalf("unknown text %s", t.Name())
	return nil
}

// TestGolden compares what is written for the first peers with testdata.
func TestGolden(t *testing.T) {
	each(t, func(t *testing.T, router string, c *config.Config, p *config.Peer, text string) {
		if p != &c.Peers[0] {
			return
		}
		path := filepath.Join("testdata", strings.Split(t.Name(), "/")[1]+"."+router) // of the text, not of the configuration
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
			t.Errorf("%s differs (run with -update to write it):\n%s", path, text)
		}
	})
}

func TestEveryVIPAndPoolOfTheSessionsFamiliesIsAccepted(t *testing.T) {
	each(t, func(t *testing.T, _ string, c *config.Config, p *config.Peer, text string) {
		want := func(prefix string, family route.Family) {
			if strings.Contains(text, prefix) != p.Carries(family) {
				t.Errorf("%s is missing, or present without its family:\n%s", prefix, text)
			}
		}
		for _, v := range c.VIPs {
			prefix, err := v.Address.Prefix(v.Address.BitLen())
			if err != nil {
				t.Fatal(err)
			}
			want(prefix.String(), route.FamilyOf(v.Address))
		}
		for _, pool := range c.Pools {
			for _, cidr := range pool.CIDRs {
				want(cidr.String(), route.FamilyOf(cidr.Addr()))
			}
		}
	})
}

func TestTheOutputIsDeterministic(t *testing.T) {
	each(t, func(t *testing.T, router string, c *config.Config, p *config.Peer, text string) {
		for range 20 {
			var again strings.Builder
			if err := Write(&again, router, c, p, speakersOf(t)...); err != nil {
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
	each(t, func(t *testing.T, router string, c *config.Config, p *config.Peer, _ string) {
		if router == "junos" && strings.Contains(strings.Split(t.Name(), "/")[1], "a") { // shared, many, named: networks take none
			return
		}
		with := *p
		with.PasswordFile, with.Password = "/run/secrets/bgp", key
		var text strings.Builder
		if err := Write(&text, router, c, &with, speakersOf(t)...); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(text.String(), key) || !strings.Contains(text.String(), "<the-key-in-/run/secrets/bgp>") {
			t.Errorf("the key is in the output, or the path of its file is not:\n%s", text.String())
		}
	})
}

// TestEveryTextHasTheSafeguards checks what every router needs, whatever the peer.
func TestEveryTextHasTheSafeguards(t *testing.T) {
	guards := map[string][]string{
		"frr":     {"set local-preference 0", "route-map NEARCAST-NOTHING out", "maximum-prefix", "match ip"},
		"bird":    {"graceful restart off", "bgp_local_pref = 0", "export none", "import limit", "error wait time 1,5", "then reject"},
		"junos":   {"graceful-restart disable", "local-preference 0", "export NEARCAST-NOTHING", "accepted-prefix-limit maximum", "term rest then reject"},
		"ios-xr":  {"graceful-restart disable", "set local-preference 0", "route-policy NEARCAST-NOTHING out", "maximum-prefix", "drop"},
		"eos":     {"set local-preference 0", "route-map NEARCAST-NOTHING out", "maximum-routes", "match ip"},
		"srlinux": {"graceful-restart admin-state disable", "local-preference set 0", "export-policy [ NEARCAST-NOTHING ]", "max-received-routes", "default-action policy-result reject"},
		"sonic":   {`"set_local_pref": "0"`, `"route_map_out": [` + "\n        \"NEARCAST-NOTHING\"", "max_prefix_limit", "_prefix_set"},
		"vyos":    {"set local-preference 0", "route-map export NEARCAST-NOTHING", "maximum-prefix", "match ip"},
	}
	each(t, func(t *testing.T, router string, _ *config.Config, _ *config.Peer, text string) {
		for _, guard := range guards[router] {
			if !strings.Contains(text, guard) {
				t.Errorf("%q is missing:\n%s", guard, text)
			}
		}
	})
}

// TestNoLineEndsInSpace finds white space that templates leave behind.
func TestNoLineEndsInSpace(t *testing.T) {
	each(t, func(t *testing.T, _ string, _ *config.Config, _ *config.Peer, text string) {
		for line := range strings.Lines(text) {
			if line = strings.TrimSuffix(line, "\n"); strings.TrimRight(line, " \t") != line || strings.Contains(line, "<no value>") {
				t.Errorf("%q", line)
			}
		}
	})
}

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nearcast/nearcast/internal/base/progress"
	"github.com/nearcast/nearcast/internal/testkit/peers"
)

func plans() map[string]plan { return map[string]plan{"full": full(), "quick": quick()} }

func TestEveryTargetHasABaselineInItsGroup(t *testing.T) {
	for name, p := range plans() {
		for _, g := range p.groups {
			seen := map[string]bool{}
			for _, target := range g.targets {
				if seen[target.name] {
					t.Errorf("%s, %s: %s is listed twice", name, g.title, target.name)
				}
				seen[target.name] = true
			}
			for _, target := range g.targets {
				if target.to != "" && !seen[target.to] {
					t.Errorf("%s, %s: %s is compared with %s, which is missing", name, g.title, target.name, target.to)
				}
				for _, b := range target.bounds {
					if b.to != "" && !seen[b.to] {
						t.Errorf("%s, %s: the target of %s refers to %s, which is missing", name, g.title, target.name, b.to)
					}
				}
			}
		}
	}
}

func TestABaselineIsAskedTheSameQueries(t *testing.T) {
	for name, p := range plans() {
		for _, g := range p.groups {
			kinds := map[string]workload{}
			for _, target := range g.targets {
				kinds[target.name] = target.asks
			}
			for _, target := range g.targets {
				if target.to != "" && kinds[target.to] != target.asks {
					t.Errorf("%s, %s: %s and %s are asked different queries", name, g.title, target.name, target.to)
				}
			}
		}
	}
}

// TestEveryConfigurationIsWritten fills each template once, with few names.
func TestEveryConfigurationIsWritten(t *testing.T) {
	w, err := newWorld()
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	used := map[string]bool{}
	type variant struct {
		config                              string
		direct, counted, snapshots, follows bool
		asks                                workload
	}
	written := map[variant]bool{}
	for _, g := range full().groups {
		for _, target := range g.targets {
			used[target.config] = true
			v := variant{target.config, target.direct, target.counted, target.snapshot, target.follows, target.asks}
			if written[v] {
				continue
			}
			written[v] = true
			if target.config == "knot-geoip" || target.config == "powerdns" {
				peers.Find(t, target.program.name, target.program.debian)
			}
			target.size = size{clusters: 4, functions: 10, placements: 4, locations: 10}
			target.rules = min(target.rules, 10)
			s, err := w.newServer(target)
			if err != nil {
				t.Errorf("%s: %v", target.name, err)
				continue
			}
			err = filepath.WalkDir(s.place.Dir, func(path string, entry os.DirEntry, err error) error {
				if err != nil || entry.IsDir() {
					return err
				}
				text, err := os.ReadFile(path)
				if strings.Contains(string(text), "<no value>") || strings.Contains(string(text), "{{") {
					t.Errorf("%s has an unfilled placeholder:\n%s", path, text)
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
		}
	}
	folders, err := configs.ReadDir("configs")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range folders {
		if !used[f.Name()] {
			t.Errorf("configuration %s is unused", f.Name())
		}
	}
}

func TestAnUnavailableProgramIsSkippedAndNamed(t *testing.T) {
	t.Setenv("PATH", t.TempDir()) // without apt-get
	t.Setenv("NEARCAST_CACHE", t.TempDir())
	t.Setenv(progress.Times, "")
	absent := program{name: "no-such-server", debian: "no-such-package"}
	p := plan{groups: []group{{targets: []target{{name: "a", program: coreDNS}, {name: "b", program: absent}}}, {targets: []target{{name: "c", program: absent}, {name: "d", program: coreDNS}}}}}
	left, missing := p.available()
	if len(missing) != 1 || !strings.HasPrefix(missing[0], "no-such-server: ") {
		t.Errorf("%q is missing", missing)
	}
	for i, want := range []string{"a", "d"} {
		if got := left.groups[i].targets; len(got) != 1 || got[0].name != want {
			t.Errorf("got %v left", got)
		}
	}
	if len(p.groups[0].targets) != 2 {
		t.Error("the plan was modified")
	}
	if text := (Results{Missing: missing}).report(); !strings.Contains(text, missing[0]) {
		t.Errorf("the report does not name the skipped program:\n%s", text)
	}
}

func TestVersionsAreFound(t *testing.T) {
	for printed, want := range map[string]string{
		"CoreDNS-1.15.0\nlinux/amd64, go1.26.8, \n":                             "1.15.0",
		"gdnsd version 3.8.1\nUsage: gdnsd [-c /etc/gdnsd]":                     "3.8.1",
		"knotd (Knot DNS), version 3.2.6\n":                                     "3.2.6",
		"NSD version 4.6.1\nWritten by NLnet Labs.":                             "4.6.1",
		"BIND 9.18.47-1~deb12u1-Debian (Extended Support Version) <id:>":        "9.18.47",
		"Version 1.17.1\n\nConfigure line: --build=x86_64-linux-gnu":            "1.17.1",
		"Nov 26 00:15:44 PowerDNS Authoritative Server 4.7.3 (C) 2001-2022 BV":  "4.7.3",
		"DNS Performance Testing Tool\nVersion 2.10.0\n\nUsage: dnsperf [-f x]": "2.10.0",
	} {
		if got, err := parseVersion(printed); err != nil || got != want {
			t.Errorf("%q: got version %q, %v", printed, got, err)
		}
	}
	if got, err := parseVersion("usage: x"); err == nil {
		t.Errorf("got version %q, want an error", got)
	}
}

func TestTheDeployedConfigurationIsThatOfTheManifests(t *testing.T) {
	for _, path := range []string{"daemonset/daemonset.yaml", "deployment/deployment.yaml"} {
		text, err := os.ReadFile("../../manifests/nearcast/" + path)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{`{name: GOGC, value: "` + deployedGOGC + `"}`, "{name: GOMEMLIMIT, value: " + deployedMemory + "}", "limits: {memory: 512Mi}"} {
			if !strings.Contains(string(text), want) {
				t.Errorf("%s lacks %s", path, want)
			}
		}
	}
}

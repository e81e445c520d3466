package main

import (
	"embed"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"text/template"

	"github.com/nearcast/nearcast/internal/testkit/peers"
)

// configs has a directory per kind of server; each file is a template over a place.
//
//go:embed configs
var configs embed.FS

// place is where a target runs. Its exported part is what templates see.
type place struct {
	// Dir is the target's own directory.
	Dir     string
	Address string
	Port    int

	target target
	world  *world
}

// write writes the target's configuration.
func (p place) write() error {
	root := "configs/" + p.target.config
	return fs.WalkDir(configs, root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("configuration of %s: %w", p.target.name, err)
		}
		to := filepath.Join(p.Dir, strings.TrimPrefix(path, root))
		if entry.IsDir() {
			return os.MkdirAll(to, 0o755)
		}
		return p.fill(path, to)
	})
}

func (p place) fill(from, to string) error {
	t, err := template.ParseFS(configs, from)
	if err != nil {
		return err
	}
	f, err := os.Create(to)
	if err != nil {
		return err
	}
	defer f.Close()
	return t.Execute(f, p)
}

// Cores is how many threads a server is given.
func (p place) Cores() int { return runtime.NumCPU() }

// Direct reports whether the server answers where it reads.
func (p place) Direct() bool { return p.target.direct }

// Counted reports whether the server has what most have around their plugins:
// prometheus and errors.
func (p place) Counted() bool { return p.target.counted }

// Snapshot reports whether the server keeps its last state, and may lose its source.
func (p place) Snapshot() bool { return p.target.snapshot }

// Follows reports whether the server reads the federation from an API.
func (p place) Follows() bool { return p.target.follows }

// API is that of the federation.
func (p place) API() (*api, error) { return p.world.api(p.target.size) }

// Signed reports whether the server signs its answers.
func (p place) Signed() bool { return p.target.asks == signatures }

// Key is the base name of the files of the zone's key, as dnssec-keygen writes them.
func (p place) Key() (string, error) { return p.world.key() }

// Routes reports whether a resolver answers for functions' names too.
func (p place) Routes() bool { return p.target.asks == mixed && p.target.rules > 0 }

// Feed is the file of the functions' routes as a policy zone.
func (p place) Feed() (string, error) { return p.world.feed(p.target.size) }

// MetricsPort is a port that no target listens on.
func (p place) MetricsPort() int { return p.Port + 1000 }

// Zone is the file of the names as a zone, all at the cluster.
func (p place) Zone(cluster int) (string, error) { return p.world.zone(p.target.size, cluster) }

// Federation is the directory with manifests and locations.csv.
func (p place) Federation() (string, error) { return p.world.federation(p.target.size) }

// Database is the file of the locations in MaxMind's format.
func (p place) Database() (string, error) { return p.world.database(p.target.size) }

// HasRules reports whether policy is in front of the resolver.
func (p place) HasRules() bool { return p.target.rules > 0 }

// Rules is the file of the policy zone.
func (p place) Rules() (string, error) { return p.world.rules(p.target.rules) }

// Upstream is what resolvers forward to, with its port.
func (p place) Upstream() netip.AddrPort { return p.world.upstream.addr }

// Library is the one file of the program's package that matches the pattern.
func (p place) Library(pattern string) (string, error) {
	found, err := peers.Get(p.target.program.name, p.target.program.debian)
	if err != nil {
		return "", err
	}
	return found.File(pattern)
}

// Names are those of the functions, relative to the zone.
func (p place) Names() []string {
	all := make([]string, p.target.size.functions)
	for f := range all {
		all[f] = functionName(f)
	}
	return all
}

// clusterInConfig is what templates see of a cluster.
type clusterInConfig struct {
	Number  int
	Address netip.Addr
	// Block has all its clients; Country is how the database calls them.
	Block   netip.Prefix
	Country string
}

// LowerCountry is the country as PowerDNS writes it.
func (c clusterInConfig) LowerCountry() string { return strings.ToLower(c.Country) }

// Clusters are all clusters.
func (p place) Clusters() []clusterInConfig {
	all := make([]clusterInConfig, p.target.size.clusters)
	for c := range all {
		all[c] = clusterInConfig{Number: c, Address: clusterAddress(c), Block: p.target.size.block(c), Country: country(c)}
	}
	return all
}

// Middle is the cluster before which half of the others come.
func (p place) Middle() int { return p.target.size.clusters / 2 }

// locationInConfig is what templates see of a location.
type locationInConfig struct {
	Subnet netip.Prefix
	// Order are all clusters, the nearest first.
	Order []int
}

// Locations are all locations.
func (p place) Locations() []locationInConfig {
	s := p.target.size
	all := make([]locationInConfig, s.locations)
	for l := range all {
		all[l].Subnet = s.location(l)
		for n := range s.clusters {
			all[l].Order = append(all[l].Order, (s.regionOf(l)+n)%s.clusters)
		}
	}
	return all
}

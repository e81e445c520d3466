package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// perFile is how many functions a manifest file has.
const perFile = 1000

// writeFederation writes the manifests and the locations into a directory. What is probed is
// at the port.
func (s size) writeFederation(dir string, port int) error {
	manifests := filepath.Join(dir, "manifests")
	if err := os.MkdirAll(manifests, 0o755); err != nil {
		return err
	}
	if err := write(filepath.Join(manifests, "clusters.yaml"), func(w io.Writer) { s.writeClusters(w, port) }); err != nil {
		return err
	}
	for first := 0; first < s.functions; first += perFile {
		path := filepath.Join(manifests, fmt.Sprintf("functions-%d.yaml", first))
		if err := write(path, func(w io.Writer) { s.writeFunctions(w, first, min(first+perFile, s.functions), port) }); err != nil {
			return err
		}
	}
	return write(filepath.Join(dir, "locations.csv"), s.writeLocations)
}

// write makes a file of the text; an error of its writing shows at the end.
func write(path string, text func(io.Writer)) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	w := bufio.NewWriter(f)
	text(w)
	return w.Flush()
}

func clusterName(cluster int) string { return fmt.Sprintf("c%d", cluster) }

func (s size) writeClusters(w io.Writer, port int) {
	for c := range s.clusters {
		fmt.Fprint(w, fixture.Cluster{
			Name: clusterName(c), Region: fmt.Sprintf("r%d", c), Zone: "a", Address: s.gateway(c, port),
			Coordinates: fmt.Sprintf("%d,%d", c%16*10-80, c/16*20-160), // a grid over the world
		}.YAML())
	}
}

// writeFunctions mostly leaves the judgement to Karmada's word: probes cost the same
// whether anybody asks or not.
func (s size) writeFunctions(w io.Writer, from, to, port int) {
	for f := from; f < to; f++ {
		var names []string
		for _, c := range s.placed(f) {
			names = append(names, clusterName(c))
		}
		function := fixture.Function{Name: fmt.Sprintf("f%d", f), Clusters: names}
		s.probe(&function, f, port)
		fmt.Fprint(w, function.YAML())
	}
}

func (s size) writeLocations(w io.Writer) {
	for l := range s.locations {
		fmt.Fprintf(w, "%s,r%d,z%d\n", s.location(l), s.regionOf(l), l)
	}
}

// writeZone writes the functions' names as an ordinary zone, all at one cluster.
// Its TTL outlasts the run, so that caches are asked for what they have.
func (s size) writeZone(w io.Writer, cluster int) {
	fmt.Fprintf(w, "$ORIGIN %s.\n$TTL 3600\n@ SOA ns hostmaster 1 86400 7200 3600000 5\n@ NS ns\nns A 192.0.2.53\n", zone)
	for f := range s.functions {
		fmt.Fprintf(w, "%s A %s\n", functionName(f), clusterAddress(cluster))
	}
}

// writeFeed writes the functions' routes as a policy zone, all at the first cluster:
// what Nearcast's feed for one region has.
func (s size) writeFeed(w io.Writer) {
	fmt.Fprint(w, "$TTL 300\n@ SOA ns.test. h.test. 1 3600 600 86400 60\n@ NS ns.test.\n")
	for f := range s.functions {
		fmt.Fprintf(w, "%s.%s A %s\n", functionName(f), zone, clusterAddress(0))
	}
}

// country is the code that stands for a cluster in the database.
func country(cluster int) string {
	return string([]byte{'A' + byte(cluster/26), 'A' + byte(cluster%26)})
}

// writeDatabase writes the locations in MaxMind's format.
func (s size) writeDatabase(path string) error {
	tree, err := mmdbwriter.New(mmdbwriter.Options{DatabaseType: "GeoLite2-City", IncludeReservedNetworks: true})
	if err != nil {
		return err
	}
	for l := range s.locations {
		p := s.location(l)
		record := mmdbtype.Map{"country": mmdbtype.Map{"iso_code": mmdbtype.String(country(s.regionOf(l)))}}
		if err := tree.Insert(&net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), 32)}, record); err != nil {
			return fmt.Errorf("database: %s: %w", p, err)
		}
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = tree.WriteTo(f)
	return err
}

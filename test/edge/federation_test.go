package edge

import (
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
	"github.com/nearcast/nearcast/internal/testkit/netns"
)

const (
	functions = 10_000
	clusters  = 16
	// perFile is how many functions a file of manifests has.
	perFile = 1000
)

func nameOf(function int) string { return fmt.Sprintf("f%d.demo.fn.example.org.", function) }

// gatewayOf is the address of a cluster; its gateway is probed at port 443.
func gatewayOf(cluster int) string { return fmt.Sprintf("192.0.2.%d", cluster+1) }

// writeFederation writes manifests into a directory: every function in every cluster.
func writeFederation(t *testing.T, dir string) {
	t.Helper()
	var names []string
	var text strings.Builder
	for c := range clusters {
		names = append(names, fmt.Sprintf("c%d", c))
		text.WriteString(fixture.Cluster{Name: names[c], Region: fmt.Sprintf("r%d", c), Zone: "a", Address: gatewayOf(c), Coordinates: fmt.Sprintf("0,%d", c)}.YAML())
	}
	fixture.Write(t, filepath.Join(dir, "clusters.yaml"), text.String())
	for first := 0; first < functions; first += perFile {
		text.Reset()
		for f := first; f < first+perFile; f++ {
			text.WriteString(fixture.Function{Name: fmt.Sprintf("f%d", f), Clusters: names}.YAML())
		}
		fixture.Write(t, filepath.Join(dir, fmt.Sprintf("functions-%d.yaml", first)), text.String())
	}
}

// openGateways has every cluster's gateway take connections, in the network of the caller's thread.
func openGateways(t *testing.T) (gateways [clusters]net.Listener) {
	t.Helper()
	for c := range clusters {
		if err := netns.IP("addr", "add", gatewayOf(c)+"/32", "dev", "lo"); err != nil {
			t.Fatal(err)
		}
		gateways[c] = fixture.Listen(t, net.JoinHostPort(gatewayOf(c), "443"))
		t.Cleanup(func() { gateways[c].Close() })
	}
	return gateways
}

package routerconfig

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nearcast/nearcast/bgp/config"
	"github.com/nearcast/nearcast/internal/testkit/fixture"
	"github.com/nearcast/nearcast/internal/testkit/peers"
)

// TestFRRLoadsWhatIsPrinted has FRR's own parser read the output, twice in one
// text.
func TestFRRLoadsWhatIsPrinted(t *testing.T) {
	each(t, func(t *testing.T, router string, _ *config.Config, _ *config.Peer, text string) {
		if router == "frr" {
			wantLoaded(t, text+text)
		}
	})
}

// TestBIRDLoadsWhatIsPrinted has BIRD's own parser read the output.
func TestBIRDLoadsWhatIsPrinted(t *testing.T) {
	each(t, func(t *testing.T, router string, _ *config.Config, _ *config.Peer, text string) {
		if router == "bird" {
			wantQuiet(t, loadBIRD(t, text), text)
		}
	})
}

// TestTheOutputForTheShippedFileLoads needs no variables of a speaker's environment.
func TestTheOutputForTheShippedFileLoads(t *testing.T) {
	data, err := os.ReadFile("../../manifests/nearcast/daemonset/speaker.yaml")
	if err != nil {
		t.Fatal(err)
	}
	c, err := config.ParseShared(data)
	if err != nil {
		t.Fatal(err)
	}
	for _, router := range Routers() {
		var text strings.Builder
		if err := Write(&text, router, c, &c.Peers[0]); err != nil {
			t.Error(err)
		}
		if !strings.Contains(text.String(), "192.0.2.0/24") {
			t.Errorf("%s: got no network of the nodes:\n%s", router, text.String())
		}
		if load := loaders[router]; load != nil {
			wantQuiet(t, load(t, text.String()), text.String())
		}
	}
}

// TestTextsOfSeveralSpeakersLoadTogether loads the texts of many sessions into one router.
func TestTextsOfSeveralSpeakersLoadTogether(t *testing.T) {
	const more = `bfd: true, families: [ipv4, ipv6]`
	var files []string
	for i := 11; i < 14; i++ {
		files = append(files, fmt.Sprintf(`{asn: %d, routerID: 192.0.2.%[1]d, peers: [{address: 192.0.2.1, asn: 64500, nextHop: "2001:db8::%[1]d", %[2]s}, {interface: eth%[1]d, asn: 64500, bfd: true}, `+
			`{address: "2001:db8::1", asn: 64500, localAddress: "2001:db8::%[1]d", %[2]s}, {address: 203.0.113.9, asn: 64500, multihop: 4}]}`, i, more))
	}
	for i := 11; i < 13; i++ {
		files = append(files, fmt.Sprintf(`{asn: 64512, routerID: 192.0.2.%[1]d, peers: [{address: "fe80::1%%eth%[1]d", asn: 64500, localAddress: "fe80::2%%eth%[1]d"}]}`, i))
	}
	files = append(files, `{asn: 64512, routerID: "${NEARCAST_TEST_NODE}", peers: [{address: 192.0.2.1, asn: 64500}, {address: "2001:db8::1", asn: 64500}]}`)
	for router, load := range loaders {
		t.Run(router, func(t *testing.T) {
			var all strings.Builder
			for _, file := range files {
				c, err := config.ParseShared([]byte(file))
				if err != nil {
					t.Fatal(err)
				}
				for i := range c.Peers {
					if err := Write(&all, router, c, &c.Peers[i]); err != nil {
						t.Fatal(err)
					}
				}
			}
			wantQuiet(t, load(t, all.String()), all.String())
		})
	}
}

// TestTheLoadersRejectNonsense shows that the loaders read their input.
func TestTheLoadersRejectNonsense(t *testing.T) {
	for name, load := range loaders {
		t.Run(name, func(t *testing.T) {
			if err := load(t, "nonsense here;\n").Run(); err == nil {
				t.Error("nonsense was accepted")
			}
		})
	}
}

var loaders = map[string]func(t *testing.T, text string) *exec.Cmd{"frr": loadFRR, "bird": loadBIRD}

// wantLoaded fails the test unless FRR's shell knows every line.
func wantLoaded(t *testing.T, text string) {
	t.Helper()
	wantQuiet(t, loadFRR(t, text), text)
}

func wantQuiet(t *testing.T, cmd *exec.Cmd, text string) {
	t.Helper()
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%v: %s\n%s", err, out, text)
	}
}

// loadBIRD returns a command that has BIRD read a file with the text and what every
// router's configuration has.
func loadBIRD(t *testing.T, text string) *exec.Cmd {
	bird := peers.Find(t, "bird", "bird2")
	path := filepath.Join(t.TempDir(), "bird.conf")
	fixture.Write(t, path, "router id 192.0.2.1;\nprotocol device {}\nprotocol bfd {}\n"+text)
	return bird.Command("-p", "-c", path)
}

// loadFRR returns FRR's shell, which knows the commands of all its daemons. It
// wants a configuration of its own, which may be empty.
func loadFRR(t *testing.T, text string) *exec.Cmd {
	vtysh := peers.Find(t, "vtysh", "frr")
	dir := t.TempDir()
	path := filepath.Join(dir, "router.conf")
	fixture.Write(t, path, text)
	fixture.Write(t, filepath.Join(dir, "vtysh.conf"), "")
	cmd := vtysh.Command("--config_dir", dir, "-C", "-f", path)
	// FRR's libraries have their own directory.
	if libraries, err := vtysh.File("usr/lib/*-linux-gnu/frr"); err == nil {
		cmd.Env = append(cmd.Env, "LD_LIBRARY_PATH="+libraries+":"+filepath.Dir(libraries))
	}
	return cmd
}

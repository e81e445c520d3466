package routerconfig

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/nearcast/nearcast/bgp"
	"github.com/nearcast/nearcast/internal/fixture"
	"github.com/nearcast/nearcast/test/peers"
)

// TestFRRAndBIRDLoadWhatIsPrinted has the routers' own parsers read what is
// written.
func TestFRRAndBIRDLoadWhatIsPrinted(t *testing.T) {
	loaders := map[string]func(t *testing.T, text string) *exec.Cmd{"frr": loadFRR, "bird": loadBIRD}
	each(t, func(t *testing.T, router string, _ *bgp.Config, _ *bgp.Peer, text string) {
		load := loaders[router]
		if load == nil {
			return
		}
		if out, err := load(t, text).CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%v: %s\n%s", err, out, text)
		}
	})
}

// TestTheLoadersRefuseNonsense shows that they read.
func TestTheLoadersRefuseNonsense(t *testing.T) {
	for name, load := range map[string]func(t *testing.T, text string) *exec.Cmd{"frr": loadFRR, "bird": loadBIRD} {
		t.Run(name, func(t *testing.T) {
			if err := load(t, "nonsense here;\n").Run(); err == nil {
				t.Error("nonsense is loaded")
			}
		})
	}
}

// loadBIRD returns BIRD, which is to read a file that has the text and what every
// router has.
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
	// FRR keeps its libraries in a folder of their own.
	if libraries, err := vtysh.File("usr/lib/*-linux-gnu/frr"); err == nil {
		cmd.Env = append(cmd.Env, "LD_LIBRARY_PATH="+libraries+":"+filepath.Dir(libraries))
	}
	return cmd
}

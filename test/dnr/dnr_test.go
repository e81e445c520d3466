// Package dnr has the servers that tell clients of resolvers read what "nearcast dnr"
// prints for them.
package dnr

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
	"github.com/nearcast/nearcast/internal/testkit/peers"
)

// bin holds the programs, built once.
var bin string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		if family := os.Getenv(clientOf); family != "" {
			if err := client(family); err != nil {
				fmt.Fprintln(os.Stderr, err)
				return 1
			}
			return 0
		}
		dir, err := os.MkdirTemp("", "nearcast-dnr")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		bin = dir
		if err := fixture.Build(bin, "nearcast"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return m.Run()
	}())
}

const corefile = `. {
    ddr {
        designate dns.carrier.example dot doq hint 192.0.2.53 2001:db8::53
        designate dns.carrier.example h2 h3 port 8443 hint 192.0.2.53 2001:db8::53
        designate other.carrier.example dot
    }
}
`

// printed returns what the command prints for a server, in a file.
func printed(t *testing.T, server string) string {
	t.Helper()
	dir := t.TempDir()
	from := filepath.Join(dir, "Corefile")
	fixture.Write(t, from, corefile)
	out, err := exec.Command(filepath.Join(bin, "nearcast"), "dnr", server, "--corefile", from, "--interface", "lo").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	path := filepath.Join(dir, server+".conf")
	fixture.Write(t, path, string(out))
	return path
}

// reader is a server that only reads its configuration.
type reader struct {
	server, program, debianPackage string
	args                           []string // and the file
	// spoil makes what is printed wrong, which the server must notice.
	old, spoilt string
}

var readers = []reader{
	{"dnsmasq", "dnsmasq", "dnsmasq-base", []string{"--test", "--conf-file="}, "dhcp-option=162,00:", "dhcp-option=162,zz:"},
	{"kea-dhcp4", "kea-dhcp4", "kea-dhcp4-server", []string{"-t", ""}, `"data": "`, `"data": "zz`},
	{"kea-dhcp6", "kea-dhcp6", "kea-dhcp6-server", []string{"-t", ""}, `"data": "`, `"data": "zz`},
	{"radvd", "radvd", "radvd", []string{"--configtest", "--config="}, "RDNSS 2001", "RDNSS zz"},
}

// TestServersReadWhatIsPrintedForThem has as its control that each notices what is wrong.
func TestServersReadWhatIsPrintedForThem(t *testing.T) {
	for _, r := range readers {
		t.Run(r.server, func(t *testing.T) {
			program := peers.Find(t, r.program, r.debianPackage)
			path := printed(t, r.server)
			if out, err := r.read(program, path); err != nil {
				t.Errorf("%v: %s", err, out)
			}
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			fixture.Write(t, path, strings.Replace(string(text), r.old, r.spoilt, 1))
			if out, err := r.read(program, path); err == nil {
				t.Errorf("control: what is wrong is read too: %s", out)
			}
		})
	}
}

func (r reader) read(program peers.Program, path string) ([]byte, error) {
	args := append([]string(nil), r.args...)
	args[len(args)-1] += path
	cmd := program.Command(args...)
	// Kea locks its log's file elsewhere by default.
	cmd.Env = append(cmd.Env, "KEA_LOCKFILE_DIR=none", "KEA_PIDFILE_DIR="+filepath.Dir(path))
	return cmd.CombinedOutput()
}

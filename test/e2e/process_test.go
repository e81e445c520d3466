package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

var freePort = fixture.LocalPort

// coreDNS starts the image's CoreDNS, and waits until it answers at the port.
func coreDNS(t *testing.T, corefile, port string) *fixture.Output {
	t.Helper()
	path := filepath.Join(t.TempDir(), "Corefile")
	fixture.Write(t, path, corefile)
	log := fixture.Run(t, exec.Command(filepath.Join(bin, "coredns"), "-conf", path))
	eventually(t, "CoreDNS answers", slack, func() error {
		reply, err := dns.Exchange(new(dns.Msg).SetQuestion("fn.example.org.", dns.TypeSOA), "127.0.0.1:"+port)
		if err == nil && len(reply.Answer) == 0 {
			err = fmt.Errorf("got %s", dns.RcodeToString[reply.Rcode])
		}
		return err
	})
	return log
}

// federation writes manifests and locations, and returns their directory.
func federation(t *testing.T, functions ...fixture.Function) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "manifests"), 0o755); err != nil {
		t.Fatal(err)
	}
	fixture.Write(t, filepath.Join(dir, "manifests", "all.yaml"), fixture.ThreeWith(functions...))
	fixture.Write(t, filepath.Join(dir, "locations.csv"), fixture.Locations)
	return dir
}

// printed runs a program and returns its output, by line.
func printed(t *testing.T, cmd *exec.Cmd) []string {
	t.Helper()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(cmd.Args, " "), err, out)
	}
	return strings.Fields(strings.ReplaceAll(strings.TrimSpace(string(out)), " ", "_"))
}

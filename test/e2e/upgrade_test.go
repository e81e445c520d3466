package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// before is the last commit that writes the previous format of snapshots. Whoever changes
// the format sets it to the last commit with the present one.
const before = "88f213016005d52b76ec1e0371c3723242898ccf"

// buildBefore builds the CoreDNS of the commit before, from this repository's history.
func buildBefore(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	source := filepath.Join(dir, "source")
	git := func(args ...string) error {
		cmd := exec.Command("git", args...)
		cmd.Dir = "../.."
		return cmd.Run()
	}
	if err := git("cat-file", "-e", before+"^{commit}"); err != nil {
		t.Skipf("SKIPPED: this checkout has no history down to %s, whose build would write the snapshot", before)
	}
	archive := filepath.Join(dir, "source.tar")
	if err := git("archive", "--output", archive, before); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(source, 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("tar", "-xf", archive, "-C", source).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	program := filepath.Join(dir, "coredns")
	cmd := exec.Command("go", "build", "-o", program, "./cmd/coredns")
	cmd.Dir = source
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return program
}

// TestAnUpgradeDuringAnOutageServesOn has the old build write the snapshot, stops it and
// the API, and starts this build.
func TestAnUpgradeDuringAnOutageServesOn(t *testing.T) {
	old := buildBefore(t)
	dir := t.TempDir()
	port := freePort(t)
	api, kubeconfig := fixture.Karmada(t, dir, fixture.ThreeWith(fixture.Function{Name: "hello", Clusters: fixture.ThreeNames, Annotations: fixture.Unprobed()}))
	corefile := filepath.Join(dir, "Corefile")
	fixture.Write(t, corefile, strings.NewReplacer("PORT", port, "KUBECONFIG", kubeconfig, "DIR", dir).Replace(`fn.example.org:PORT {
    bind 127.0.0.1
    errors
    nearcast {
        cluster de-wide
        karmada KUBECONFIG
        snapshot DIR
        ns ns1.fn.example.org 127.0.0.1
    }
}
`))
	answered := func(program string) func() {
		cmd := exec.Command(program, "-conf", corefile)
		log := fixture.Run(t, cmd)
		eventually(t, filepath.Dir(program)+" answers", slack, func() error {
			reply, err := dns.Exchange(new(dns.Msg).SetQuestion("hello.demo.fn.example.org.", dns.TypeA), "127.0.0.1:"+port)
			if err != nil {
				return err
			}
			got := dns.RcodeToString[reply.Rcode]
			for _, rr := range reply.Answer {
				got = rr.(*dns.A).A.String()
			}
			return want(got, "192.0.2.4")
		})
		return func() {
			_ = cmd.Process.Signal(syscall.SIGTERM)
			_ = cmd.Wait() // fixture.Run waits too, and finds that it has exited
			if strings.Contains(log.String(), "refused: snapshot") {
				t.Errorf("got %s", log)
			}
		}
	}
	end := answered(old)
	end()
	files, err := filepath.Glob(filepath.Join(dir, "state-*.json"))
	if err != nil || len(files) != 1 {
		t.Fatalf("snapshots: %v, %v", files, err)
	}
	text, err := os.ReadFile(files[0])
	if err != nil || !strings.HasPrefix(string(text), "nearcast-snapshot 3 ") {
		t.Fatalf("%v, starts with %.40q", err, text)
	}
	api.CloseClientConnections()
	api.Close()
	answered(filepath.Join(bin, "coredns"))()
	if text, err = os.ReadFile(files[0]); err != nil || !strings.HasPrefix(string(text), "nearcast-snapshot 3 ") {
		t.Errorf("%v, starts with %.40q: a state that no source has confirmed was written", err, text)
	}
}

// Package e2e runs the programs as users do, and queries them with standard tools.
package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
	"github.com/nearcast/nearcast/internal/testkit/peers"
	"github.com/nearcast/nearcast/lab"
	"github.com/nearcast/nearcast/lab/functions"
)

// bin holds the programs, built once.
var bin string

func TestMain(m *testing.M) {
	fixture.Main(m, func(dir string) error {
		bin = dir
		if err := fixture.Build(bin); err != nil {
			return err
		}
		return functions.Build(context.Background(), filepath.Join(bin, "functions"), "")
	})
}

var eventually = fixture.Eventually

// want compares a part of the lab's status.
func want(got, wanted string) error {
	if got != wanted {
		return fmt.Errorf("got %q, want %q", got, wanted)
	}
	return nil
}

// slack is what a loaded machine may add to any bound; the bounds themselves are the
// lab's probe interval, timeout and fall.
const slack = 20 * time.Second

// labBound is (interval + jitter + timeout) × fall of the lab's probes.
const labBound = 2 * (1100*time.Millisecond + time.Second)

func TestLab(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "lab")
	l, err := lab.Start(t.Context(), lab.Options{Dir: dir, Bin: bin})
	if err != nil {
		t.Fatal(err)
	}
	closed := false
	closing := func() {
		if !closed {
			closed = true
			if err := l.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	defer closing()
	status := func() lab.Status { return l.Status(context.Background()) }
	site := func(name string) lab.SiteStatus {
		for _, s := range status().Sites {
			if s.Name == name {
				return s
			}
		}
		t.Fatal("no site " + name)
		return lab.SiteStatus{}
	}
	route := func(vip string) string {
		for _, r := range status().Routes {
			if r.Prefix == vip+"/32" {
				return strings.Join(r.From, " ")
			}
		}
		return "no such route"
	}
	vip := func(name string, addr netip.Addr) string {
		for _, v := range site(name).VIPs {
			if v.Address == addr.String() {
				return string(v.State)
			}
		}
		return "no such VIP"
	}
	const everyBackend, everySite = "us-azure hpc-kube de-wide l26-ugd", "mk-core us-azure hpc-kube de-wide l26-ugd"

	t.Run("every site answers with its own cluster or the nearest", func(t *testing.T) {
		for name, nearest := range map[string]string{
			"mk-core": "hpc-kube", "us-azure": "us-azure", "hpc-kube": "hpc-kube", "de-wide": "de-wide", "l26-ugd": "l26-ugd",
		} {
			eventually(t, name+" answers "+nearest, slack, func() error { return want(site(name).Answers["hello"], nearest) })
		}
	})
	t.Run("every VIP is announced by the sites that serve it", func(t *testing.T) {
		eventually(t, "all sites announce the resolvers' VIP", slack, func() error { return want(route("198.51.100.53"), everySite) })
		eventually(t, "all sites with a backend announce the function's VIP", slack, func() error { return want(route("198.51.100.80"), everyBackend) })
	})
	t.Run("dig sees the right cluster for clients of three countries", func(t *testing.T) {
		digAsks(t)
	})
	t.Run("a call runs the function where it was sent", func(t *testing.T) {
		for function, coldStart := range map[string]bool{"hello": true, "thumbnail": true, "archive": false} {
			callsFunction(t, function, coldStart)
		}
	})
	t.Run("a dead backend", func(t *testing.T) {
		if err := l.Fail("us-azure", "functions"); err != nil {
			t.Fatal(err)
		}
		took := eventually(t, "the answer moved", labBound+slack, func() error { return want(site("us-azure").Answers["hello"], "de-wide") })
		if took > labBound+2*time.Second { // for a loaded machine
			t.Errorf("moved after %s, want at most %s", took, labBound)
		}
		eventually(t, "the route was withdrawn", slack, func() error { return want(route("198.51.100.80"), "hpc-kube de-wide l26-ugd") })
		eventually(t, "the resolver's VIP does not follow the function's health", slack, func() error { return want(vip("us-azure", lab.DNSVIP), "up") })
		if err := l.Heal("us-azure", "functions"); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the answer came back", slack, func() error { return want(site("us-azure").Answers["hello"], "us-azure") })
		eventually(t, "the route came back", slack, func() error { return want(route("198.51.100.80"), everyBackend) })
	})
	t.Run("a dead CoreDNS", func(t *testing.T) {
		if err := l.Fail("de-wide", "dns"); err != nil {
			t.Fatal(err)
		}
		eventually(t, "its DNS VIP left the router", slack, func() error { return want(route("198.51.100.53"), "mk-core us-azure hpc-kube l26-ugd") })
		eventually(t, "the function's VIP does not follow the resolver's health", slack, func() error { return want(vip("de-wide", lab.FunctionVIP), "up") })
		if err := l.Heal("de-wide", "dns"); err != nil {
			t.Fatal(err)
		}
		eventually(t, "its DNS VIP came back", slack, func() error { return want(route("198.51.100.53"), everySite) })
	})
	t.Run("a dead speaker", func(t *testing.T) {
		if err := l.Fail("l26-ugd", "speaker"); err != nil {
			t.Fatal(err)
		}
		eventually(t, "its routes are gone", slack, func() error { return want(route("198.51.100.53"), "mk-core us-azure hpc-kube de-wide") })
		if err := l.Heal("l26-ugd", "speaker"); err != nil {
			t.Fatal(err)
		}
		eventually(t, "its routes came back", slack, func() error { return want(route("198.51.100.53"), everySite) })
	})
	t.Run("a drained cluster's VIP is withdrawn too", func(t *testing.T) {
		file := filepath.Join(l.Manifests(), "clusters.yaml")
		before, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		const address = "      nearcast.dev/address: 127.0.1.4:8080\n"
		drained := strings.Replace(string(before), address, address+"      nearcast.dev/drain: \"true\"\n", 1)
		if drained == string(before) {
			t.Fatal("clusters.yaml does not have the cluster")
		}
		if err := os.WriteFile(file, []byte(drained), 0o644); err != nil {
			t.Fatal(err)
		}
		eventually(t, "its function's VIP left the router", slack, func() error { return want(route("198.51.100.80"), "us-azure hpc-kube l26-ugd") })
		if err := want(route("198.51.100.53"), everySite); err != nil {
			t.Errorf("the resolver's VIP follows the function's: %v", err)
		}
		if err := os.WriteFile(file, before, 0o644); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the VIP came back", slack, func() error { return want(route("198.51.100.80"), everyBackend) })
	})
	t.Run("bad manifests are named and everything else is served", func(t *testing.T) {
		for name, text := range map[string]string{
			"typo.yaml": "apiVersion: v1\nkind: Service\nmetadata:\n  name: typo\n  namespace: demo\n  labels: {nearcast.dev/function: \"true\"}\n  annotations:\n    nearcast.dev/polcy: nearest\n",
			"none.yaml": "this: is: not YAML\n",
			"addr.yaml": "apiVersion: cluster.karmada.io/v1alpha1\nkind: Cluster\nmetadata:\n  name: extra\n  annotations:\n    nearcast.dev/address: 192.0.2.999\n",
		} {
			if err := os.WriteFile(filepath.Join(l.Manifests(), name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		for _, named := range []string{
			"typo.yaml:8: Service demo/typo: nearcast.dev/polcy: unknown annotation; did you mean nearcast.dev/policy?",
			"none.yaml:1: is not YAML",
			`addr.yaml:6: Cluster extra: nearcast.dev/address: "192.0.2.999" is not an address`,
		} {
			eventually(t, "the log names "+named, slack, func() error {
				log, err := os.ReadFile(filepath.Join(dir, "de-wide.dns.log"))
				if err == nil && !strings.Contains(string(log), named) {
					err = fmt.Errorf("not in the log:\n%s", log)
				}
				return err
			})
		}
		eventually(t, "everything else is served", slack, func() error { return want(site("de-wide").Answers["hello"], "de-wide") })
		out, err := nearcast("check", filepath.Join(dir, "de-wide.Corefile"))
		if err == nil || strings.Count(out, "fault: ") != 3 {
			t.Errorf("check: %v\n%s\nwant the three faults and exit status 1", err, out)
		}
	})
	t.Run("the command explains", func(t *testing.T) {
		out, err := nearcast("explain", "hello.demo."+lab.Zone, "--from", "203.0.113.200", "--admin", filepath.Join(dir, "us-azure.dns.sock"))
		if err != nil || !strings.Contains(out, "answer    cluster de-wide: 127.0.1.4") || !strings.Contains(out, "probe passes") {
			t.Errorf("live: %v\n%s", err, out)
		}
		out, err = nearcast("explain", "hello.demo."+lab.Zone, "--from", "203.0.113.200", "--corefile", filepath.Join(dir, "us-azure.Corefile"))
		if err != nil || !strings.Contains(out, "answer    cluster de-wide: 127.0.1.4") || !strings.Contains(out, "Karmada says Healthy") {
			t.Errorf("from files: %v\n%s", err, out)
		}
		out, err = nearcast("lab", "status", "--dir", dir, "-o", "json")
		if err != nil || !strings.Contains(out, `"prefix": "198.51.100.53/32"`) {
			t.Errorf("lab status: %v\n%s", err, out)
		}
	})
	t.Run("nothing is left behind", func(t *testing.T) {
		closing()
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the directory still exists: %v", err)
		}
		if left := processesOf(t, bin); left != "" {
			t.Errorf("still running:\n%s", left)
		}
	})
}

// nearcast runs the command and returns what it printed.
func nearcast(args ...string) (string, error) {
	out, err := exec.Command(filepath.Join(bin, "nearcast"), args...).CombinedOutput()
	return string(out), err
}

// processesOf returns the command lines of the programs that run from a directory.
func processesOf(t *testing.T, folder string) string {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, path := range all {
		line, err := os.ReadFile(path)
		if err == nil && strings.HasPrefix(string(line), folder+"/") {
			found = append(found, strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	return strings.Join(found, "\n")
}

// digAsks queries the resolver of mk-core with Debian's dig.
func digAsks(t *testing.T) {
	dig := peers.Find(t, "dig", "bind9-dnsutils")
	ask := func(args ...string) string {
		out, err := dig.Command(append([]string{"@127.0.0.1", "-p", "5301", "+tries=3", "+time=5", "+norecurse"}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("dig %v: %v\n%s", args, err, out)
		}
		return string(out)
	}
	hello := "hello.demo." + lab.Zone
	for _, c := range []struct {
		args  []string
		wants []string
	}{
		{[]string{hello, "+subnet=203.0.113.0/25"}, []string{"NOERROR", " aa;", `\sA\s+127\.0\.1\.2\b`, `CLIENT-SUBNET: 203\.0\.113\.0/25/25`}},
		{[]string{hello, "+subnet=203.0.113.128/25"}, []string{`\sA\s+127\.0\.1\.4\b`, `CLIENT-SUBNET: 203\.0\.113\.128/25/25`}},
		{[]string{hello, "+subnet=192.0.2.64/26"}, []string{`\sA\s+127\.0\.1\.5\b`, `CLIENT-SUBNET: 192\.0\.2\.64/26/26`}},
		{[]string{hello, "+subnet=2001:db8:49::/56"}, []string{`\sA\s+127\.0\.1\.4\b`, `CLIENT-SUBNET: 2001:db8:49::/56/48`}},
		{[]string{hello, "+subnet=0/0"}, []string{`\sA\s+127\.0\.1\.3\b`, `CLIENT-SUBNET: 0\.0\.0\.0/0/0`}},
		{[]string{hello, "+tcp"}, []string{`\sA\s+127\.0\.1\.3\b`}},
		{[]string{"nothing." + lab.Zone, "+subnet=203.0.113.0/25"}, []string{"NXDOMAIN", `\sSOA\s+ns\.fn\.example\.org\.`, `CLIENT-SUBNET: 203\.0\.113\.0/25/0`}},
		{[]string{"AAAA", hello, "+subnet=203.0.113.0/25"}, []string{"NOERROR", "ANSWER: 0,", `\sSOA\s+ns\.fn\.example\.org\.`, `CLIENT-SUBNET: 203\.0\.113\.0/25/0`}},
		{[]string{"NS", lab.Zone}, []string{`\sNS\s+ns\.fn\.example\.org\.`, `ns\.fn\.example\.org\.\s+\d+\s+IN\s+A\s+198\.51\.100\.53`}},
	} {
		// The site's own clients are ranked by round-trip times, which are wrong for a
		// while on a loaded machine.
		eventually(t, strings.Join(c.args, " "), slack, func() error {
			out := ask(c.args...)
			for _, wanted := range c.wants {
				if !regexp.MustCompile(wanted).MatchString(out) {
					return fmt.Errorf("dig lacks %s:\n%s", wanted, out)
				}
			}
			return nil
		})
	}
}

// TestTheCommandEndsCleanly runs `nearcast lab` without a terminal and stops it like
// Ctrl-C.
func TestTheCommandEndsCleanly(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "lab")
	cmd := exec.Command(filepath.Join(bin, "nearcast"), "lab", "--dir", dir)
	out := &fixture.Output{}
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	eventually(t, "the lab answers its command", slack, func() error { _, err := lab.Ask(t.Context(), dir); return err })
	eventually(t, "it prints its table", 2*slack, func() error {
		if out.Count("the router's table:") == 0 {
			return errors.New("not yet")
		}
		return nil
	})
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if out.Count("dig +short @127.0.0.1 -p 5301") == 0 {
		t.Errorf("the commands to try are missing in the output:\n%s", out)
	}
	if left := processesOf(t, bin); left != "" {
		t.Errorf("still running:\n%s", left)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the directory still exists: %v", err)
	}
}

// TestAKilledLabLeavesNoProcessAndDoesNotBlockTheNext kills the command without warning, and
// starts it again in the same directory.
func TestAKilledLabLeavesNoProcessAndDoesNotBlockTheNext(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "lab")
	ends := []os.Signal{syscall.SIGKILL, syscall.SIGHUP}
	if signal.Ignored(syscall.SIGHUP) { // under nohup, and then in the lab, too
		ends[1] = syscall.SIGTERM
	}
	for _, end := range ends {
		cmd := exec.Command(filepath.Join(bin, "nearcast"), "lab", "--dir", dir)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		defer cmd.Process.Kill()
		eventually(t, "the lab answers its command", slack, func() error { _, err := lab.Ask(t.Context(), dir); return err })
		if err := cmd.Process.Signal(end); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // killed
		eventually(t, "its processes are gone", slack, func() error { return want(processesOf(t, bin), "") })
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the directory still exists after SIGHUP: %v", err)
	}
}

// callsFunction calls a function in Germany, and checks what ran.
func callsFunction(t *testing.T, function string, coldStart bool) {
	t.Helper()
	name := function + ".demo." + lab.Zone
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.1.4:8080/", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Host = name
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || string(body) != name+" served by de-wide\n" {
		t.Errorf("%s: got %q, %v", function, body, err)
	}
	timing := response.Header.Get("Server-Timing")
	if strings.Contains(timing, "cold;dur=0.000") == coldStart || !strings.Contains(timing, "processing;dur=") {
		t.Errorf("%s: Server-Timing: got %s, want a cold start: %v", function, timing, coldStart)
	}
}

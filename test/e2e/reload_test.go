package e2e

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// The ports stay the same over all reloads; no other test uses them at this address.
var (
	reloadDNS     = fixture.Loopback() + ":5399"
	reloadMetrics = fixture.Loopback() + ":9399"
)

// TestSignalledReloads sends SIGUSR1 to the image's CoreDNS a hundred times under load,
// half of them with a broken Corefile: no query is lost, and neither goroutines nor open
// files grow.
func TestSignalledReloads(t *testing.T) {
	dir := t.TempDir()
	manifests := fixture.Dir(t, map[string]string{"all.yaml": fixture.ThreeWith(fixture.Function{Name: "hello", Annotations: fixture.Unprobed(), Clusters: fixture.ThreeNames})})
	corefile := filepath.Join(dir, "Corefile")
	good := func(ttl int) string {
		return fmt.Sprintf("fn.example.org:5399 {\n bind %s\n prometheus %s\n nearcast {\n  cluster us-azure\n  manifests %s\n  ttl 1 %d\n }\n}\n", fixture.Loopback(), reloadMetrics, manifests, ttl)
	}
	fixture.Write(t, corefile, good(1))
	cmd := exec.Command(filepath.Join(bin, "coredns"), "-conf", corefile)
	log := fixture.Run(t, cmd)
	ask := func() (uint32, error) {
		client := dns.Client{Timeout: 5 * time.Second}
		reply, _, err := client.Exchange(new(dns.Msg).SetQuestion("hello.demo.fn.example.org.", dns.TypeA), reloadDNS)
		if err != nil {
			return 0, err
		}
		if len(reply.Answer) != 1 {
			return 0, fmt.Errorf("got %s", reply)
		}
		return reply.Answer[0].Header().Ttl, nil
	}
	eventually(t, "CoreDNS answers", slack, func() error { _, err := ask(); return err })

	ctx, cancel := context.WithCancel(t.Context())
	var lost atomic.Pointer[error]
	var asked atomic.Int64
	var load sync.WaitGroup
	load.Go(func() {
		for ctx.Err() == nil {
			if _, err := ask(); err != nil {
				lost.Store(&err)
			}
			asked.Add(1)
		}
	})
	reload := func(i int) {
		text := good(2 + i)
		var seen func() error
		if i%2 == 1 {
			text = strings.Replace(text, "cluster", "clutser", 1)
			failures := log.Count("Restart failed: plugin/nearcast: " + corefile + ":5 - Error during parsing: unknown key \"clutser\"")
			seen = func() error {
				if now := log.Count("Restart failed: plugin/nearcast: " + corefile + ":5 - Error during parsing: unknown key \"clutser\""); now <= failures {
					return fmt.Errorf("%d failures in the log", now)
				}
				return nil
			}
		} else {
			seen = func() error {
				ttl, err := ask()
				if err == nil && ttl != uint32(2+i) {
					err = fmt.Errorf("TTL %d", ttl)
				}
				return err
			}
		}
		fixture.Write(t, corefile, text)
		if err := cmd.Process.Signal(syscall.SIGUSR1); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(slack); ; time.Sleep(5 * time.Millisecond) {
			err := seen()
			if err == nil {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("reload %d is not in force: %v", i, err)
			}
		}
	}
	for i := range 10 { // to create what is created once
		reload(i)
	}
	before := metrics(t)
	for i := 10; i < 110; i++ {
		reload(i)
	}
	cancel()
	load.Wait()
	time.Sleep(time.Second) // until the replaced servers have stopped
	after := metrics(t)
	if err := lost.Load(); err != nil {
		t.Errorf("a query was lost: %v", *err)
	}
	t.Logf("%d queries; goroutines %v → %v, open files %v → %v, clusters seen %v", asked.Load(),
		before["go_goroutines"], after["go_goroutines"], before["process_open_fds"], after["process_open_fds"], after["clusters"])
	for _, name := range []string{"go_goroutines", "process_open_fds"} {
		if after[name] > before[name]+10 {
			t.Errorf("%s grew from %v to %v", name, before[name], after[name])
		}
	}
}

// metrics scrapes the values without labels, and the number of clusters.
func metrics(t *testing.T) map[string]float64 {
	t.Helper()
	resp, err := http.Get("http://" + reloadMetrics + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	values := map[string]float64{}
	for scanner := bufio.NewScanner(resp.Body); scanner.Scan(); {
		name, text, _ := strings.Cut(scanner.Text(), " ")
		if strings.HasPrefix(name, "coredns_nearcast_clusters{") {
			name, text = "clusters", scanner.Text()[strings.LastIndex(scanner.Text(), " ")+1:]
		}
		if value, err := strconv.ParseFloat(text, 64); err == nil {
			values[name] = value
		}
	}
	return values
}

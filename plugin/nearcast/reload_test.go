package nearcast

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// TestReloadsLoseNoQueryAndLeakNothing reloads a hundred times under load, every second
// time with a configuration that cannot start: a fault in our block, a fault in another
// block, or an address in use.
func TestReloadsLoseNoQueryAndLeakNothing(t *testing.T) {
	dir := federated(t, hello, fixture.Function{Name: "probed", Clusters: fixture.ThreeNames,
		Annotations: map[string]string{"nearcast.dev/probe": "http://:1/", "nearcast.dev/address": "us-azure=127.0.9.9"}})
	good := strings.ReplaceAll(`fn.example.org:0 {
		bind LOOPBACK
		nearcast {
			cluster mk-core
			manifests DIR/manifests
			locations DIR/locations.csv
			claim demo fn.example.org addresses 127.0.9.0/24
			admin DIR/admin.sock
			probe interval 100ms
			feed mk to 127.0.0.0/8
			PROBE
		}
	}
	`, "DIR", dir)
	broken := []string{
		strings.ReplaceAll(good, "locations", "locatoins"),
		good + "other.example:0 {\n bind LOOPBACK\n forward\n}\n",
		// This starts our plugin, and fails when the sockets are opened.
		good + "other.example:1 {\n bind 203.0.113.99\n whoami\n}\n",
	}
	for i := range broken {
		broken[i] = strings.ReplaceAll(broken[i], "PROBE", "")
	}
	s := serve(t, strings.ReplaceAll(good, "PROBE", ""), "")

	ctx, cancel := context.WithCancel(t.Context())
	var lost atomic.Pointer[string]
	var asked atomic.Int64
	var load sync.WaitGroup
	for range 2 {
		load.Go(func() {
			client := dns.Client{Timeout: 5 * time.Second}
			for ctx.Err() == nil {
				reply, _, err := client.Exchange(query("hello.demo.fn.example.org.", dns.TypeA, "10.2.0.0/24"), s.UDP)
				if text := fmt.Sprint(err); err != nil {
					lost.Store(&text)
				} else if text := summary(reply); text != "NOERROR 192.0.2.2" {
					lost.Store(&text)
				}
				asked.Add(1)
			}
		})
	}
	reload := func(i int) {
		if i%2 == 1 {
			if err := s.Restart(broken[i/2%len(broken)]); err == nil {
				t.Fatalf("reload %d started an invalid configuration", i)
			}
			return
		}
		// Every second valid configuration changes a shared setting: it gets a successor
		// instead of the same site.
		corefile := strings.ReplaceAll(good, "PROBE", []string{"", "policy nearest", "policy failover"}[i/2%3])
		err := s.Restart(corefile)
		if err != nil {
			t.Fatal(err)
		}
	}
	for i := range 8 { // until everything that starts only once has started
		reload(i)
	}
	goroutines := runtime.NumGoroutine()
	for i := range 100 {
		reload(i)
		expectRunning(t, ofSites, 1)
		expectRunning(t, ofFeeds, 1)
	}
	cancel()
	load.Wait()
	if text := lost.Load(); text != nil {
		t.Errorf("a query was lost: %s", *text)
	}
	if got := asked.Load(); got < 100 {
		t.Errorf("only %d queries were sent", got)
	}
	// The replaced servers take a moment to stop.
	var now int
	for range 100 {
		if now = runtime.NumGoroutine(); now <= goroutines+5 {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Errorf("%d goroutines before, %d after", goroutines, now)
}

// TestAFailedReloadLeavesTheRunningSiteAsItWas reloads with a changed shared setting and
// an address that cannot be bound: the successor had started.
func TestAFailedReloadLeavesTheRunningSiteAsItWas(t *testing.T) {
	dir := federated(t, hello)
	corefile := strings.ReplaceAll(strings.ReplaceAll(atMkCore, "hostmaster", "admin DIR/admin.sock\n\t\thostmaster"), "DIR", dir)
	s := serve(t, corefile, dir)
	changed := strings.ReplaceAll(corefile, "hostmaster", "probe interval 7s\n\t\thostmaster")
	if err := s.Restart(changed + "\nother.example:1 {\n bind 203.0.113.99\n whoami\n}\n"); err == nil {
		t.Fatal("started")
	}
	if got := explainOver(t, filepath.Join(dir, "admin.sock")); got != "cluster mk-core" {
		t.Errorf("explain after a failed reload: %q", got)
	}
	before := storedInstance(t, s.Instance)
	if err := s.Restart(corefile); err != nil {
		t.Fatal(err)
	}
	after := storedInstance(t, s.Instance)
	if len(before.sites) != 0 || len(after.sites) != 1 {
		t.Errorf("the instance before has %d sites and the one after %d; the running one was not reused", len(before.sites), len(after.sites))
	}
	expectRunning(t, ofSites, 1)
}

// TestAReloadThatWouldLoseTheStateFails checks that, while Karmada is unreachable, the
// configuration that has its state stays in force.
func TestAReloadThatWouldLoseTheStateFails(t *testing.T) {
	dir := t.TempDir()
	karmada, kubeconfig := fixture.Karmada(t, dir, "")
	corefile := `fn.example.org:0 {
		bind LOOPBACK
		nearcast {
			cluster mk-core
			karmada ` + kubeconfig + `
			probe interval PROBE
		}
	}`
	s := serve(t, strings.ReplaceAll(corefile, "PROBE", "5s"), dir)
	s.expect("nope.fn.example.org.", dns.TypeA, "", "NXDOMAIN SOA", 10*time.Second)
	karmada.CloseClientConnections()
	karmada.Close()
	err := s.Restart(strings.ReplaceAll(corefile, "PROBE", "7s"))
	if err == nil || !strings.Contains(err.Error(), "the running configuration has a state and stays in use") {
		t.Fatalf("%v, want the reload refused", err)
	}
	s.expect("nope.fn.example.org.", dns.TypeA, "", "NXDOMAIN SOA", 0)
	expectRunning(t, ofSites, 1)
}

func TestReloadKeepsTheAdminSocket(t *testing.T) {
	dir := federated(t, hello)
	corefile := strings.ReplaceAll(atMkCore, "hostmaster", "admin DIR/admin.sock\n\t\thostmaster")
	s := serve(t, corefile, dir)
	err := s.Restart(strings.ReplaceAll(strings.ReplaceAll(corefile, "DIR", dir), "hostmaster", "probe interval 7s\n\t\thostmaster"))
	if err != nil {
		t.Fatal(err)
	}
	if got := explainOver(t, filepath.Join(dir, "admin.sock")); got != "cluster mk-core" {
		t.Errorf("explain after a reload: %q", got)
	}
}

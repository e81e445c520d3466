package nearcast

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/testkit/coredns"
	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// TestAServerStartsFromItsSnapshotBeforeItsManifestsExist creates the directory after the
// server starts, as if another program fetched it.
func TestAServerStartsFromItsSnapshotBeforeItsManifestsExist(t *testing.T) {
	dir := federated(t, hello)
	corefile := strings.Replace(atMkCore, "cluster mk-core", "cluster mk-core\n\t\tsnapshot DIR/state", 1)
	manifests, away := filepath.Join(dir, "manifests"), filepath.Join(dir, "away")
	missing := "plugin/nearcast: Corefile:6 - Error during parsing: manifests: stat " + manifests + ": no such file"
	refused := func() {
		t.Helper()
		instance, err := coredns.Start(strings.ReplaceAll(corefile, "DIR", dir))
		if err == nil {
			_ = instance.Stop()
		}
		if err == nil || !strings.Contains(err.Error(), missing) {
			t.Errorf("%v, want %s", err, missing)
		}
	}
	move := func(from, to string) {
		t.Helper()
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("before", func(t *testing.T) {
		move(manifests, away)
		refused()
		move(away, manifests)
		serve(t, corefile, dir).expect("hello.demo.fn.example.org.", dns.TypeA, "10.2.2.0/24", "NOERROR 192.0.2.2", 5*time.Second)
	}) // it saves a snapshot when it stops
	move(manifests, away)
	s := serve(t, corefile, dir)
	s.expect("hello.demo.fn.example.org.", dns.TypeA, "10.2.2.0/24", "NOERROR 192.0.2.2", 5*time.Second)
	fixture.Write(t, filepath.Join(away, "all.yaml"), fixture.ThreeWith(fixture.Function{Name: "hello", Annotations: fixture.Unprobed(), Clusters: []string{"de-wide"}}))
	move(away, manifests)
	s.expect("hello.demo.fn.example.org.", dns.TypeA, "10.2.2.0/24", "NOERROR 192.0.2.4", 20*time.Second)
}

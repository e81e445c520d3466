package nearcast

import (
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/base/admin"
	"github.com/nearcast/nearcast/internal/site"
)

// TestADrainMovesTrafficAtOnce drains a running server over its socket, restarts it, and
// lets the drain expire.
func TestADrainMovesTrafficAtOnce(t *testing.T) {
	dir := federated(t, hello)
	corefile := strings.Replace(atMkCore, "cluster mk-core", "cluster mk-core\n\t\tsnapshot DIR\n\t\tadmin DIR/admin.sock", 1)
	tell := func(method string, pairs ...string) []site.Drained {
		t.Helper()
		query := url.Values{}
		for i := 0; i < len(pairs); i += 2 {
			query.Set(pairs[i], pairs[i+1])
		}
		var drains []site.Drained
		if err := admin.Call(t.Context(), filepath.Join(dir, "admin.sock"), method, "/drains", query, &drains); err != nil {
			t.Fatal(err)
		}
		return drains
	}
	const name, us, here, de = "hello.demo.fn.example.org.", "10.2.0.0/24", "NOERROR 192.0.2.1", "10.3.0.0/24"
	t.Run("before a restart", func(t *testing.T) {
		s := serve(t, corefile, dir)
		s.expect(name, dns.TypeA, us, "NOERROR 192.0.2.2", 0)
		for pattern, want := range map[string]int{"us-*": 1, "*-core": 1, "uss-azure": 0} {
			for _, d := range tell(http.MethodPut, "kind", "cluster", "pattern", pattern) {
				if d.Pattern == pattern && d.Matches != want {
					t.Errorf("%s matches %d clusters, want %d", pattern, d.Matches, want)
				}
			}
			if pattern != "us-*" {
				tell(http.MethodDelete, "kind", "cluster", "pattern", pattern)
			}
		}
		s.expect(name, dns.TypeA, us, "NOERROR 192.0.2.4", 10*time.Second)
		tell(http.MethodPut, "kind", "region", "pattern", "de")
		s.expect(name, dns.TypeA, us, here, 10*time.Second)
		// If all clusters are drained, they answer as before.
		tell(http.MethodPut, "kind", "function", "pattern", "demo/hel*")
		s.expect(name, dns.TypeA, us, "NOERROR 192.0.2.2", 10*time.Second)
		tell(http.MethodDelete, "kind", "function", "pattern", "demo/hel*")
		tell(http.MethodDelete, "kind", "region", "pattern", "de")
		s.expect(name, dns.TypeA, de, "NOERROR 192.0.2.4", 10*time.Second)
	})
	t.Run("after it", func(t *testing.T) {
		s := serve(t, corefile, dir)
		s.expect(name, dns.TypeA, us, "NOERROR 192.0.2.4", 0)
		until := time.Now().Add(4 * time.Second).Format(time.RFC3339)
		if drains := tell(http.MethodPut, "kind", "cluster", "pattern", "us-*", "until", until); len(drains) != 1 || drains[0].Until.IsZero() {
			t.Errorf("%v, want the replaced drain", drains)
		}
		s.expect(name, dns.TypeA, us, "NOERROR 192.0.2.2", 15*time.Second)
	})
}

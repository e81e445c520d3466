package nearcast

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/nearcast/nearcast/internal/base/admin"
	"github.com/nearcast/nearcast/internal/site"
	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// TestExplainShowsTheAnswerForEveryName queries a running server, also for a name that
// it passes on: the next plugin is not called.
func TestExplainShowsTheAnswerForEveryName(t *testing.T) {
	dir := federated(t, hello, fixture.Function{Name: "web", Clusters: fixture.ThreeNames, Annotations: fixture.Unprobed("nearcast.dev/port", "https=8443", "nearcast.dev/alpn", "h2")},
		fixture.Function{Name: "vip", Clusters: fixture.ThreeNames, Annotations: fixture.Unprobed("nearcast.dev/vip", "198.51.100.80")})
	corefile := strings.Replace(feeding("feed mk to 192.0.2.0/24", "admin DIR/admin.sock", "fallthrough"), "nearcast {", "nearcast fn.example.org 198.51.100.0/24 {", 1)
	corefile = strings.Replace(strings.Replace(corefile, "fn.example.org:0 {", ".:0 {", 1), "nearcast fn", "whoami\n\tnearcast fn", 1)
	serve(t, corefile, dir)
	for name, want := range map[string]string{
		"fn.example.org":                       "the zone's own name: fn.example.org. 7200 IN SOA ns1.fn.example.org.",
		"ns1.fn.example.org":                   "a name server of the zone: ns1.fn.example.org. 7200 IN A 198.51.100.53",
		"_https._tcp.web.demo.fn.example.org":  "cluster mk-core: _https._tcp.web.demo.fn.example.org. 30 IN SRV 0 0 8443 web.demo.fn.example.org.",
		"_8443._https.web.demo.fn.example.org": "cluster mk-core: _8443._https.web.demo.fn.example.org. 30 IN HTTPS 1 web.demo.fn.example.org. alpn=\"h2\" port=\"8443\" ipv4hint=\"192.0.2.1\"",
		"80.100.51.198.in-addr.arpa":           "the name of an address: 80.100.51.198.in-addr.arpa. 30 IN PTR vip.demo.fn.example.org.",
		"hello.demo.fn.example.org":            "cluster mk-core: ",
		"none.fn.example.org":                  "none.fn.example.org. falls through to the next plugin",
		"demo.fn.example.org":                  "demo.fn.example.org. falls through to the next plugin",
		"_smtp._tcp.hello.demo.fn.example.org": "_smtp._tcp.hello.demo.fn.example.org. falls through to the next plugin",
		"mk._rpz.fn.example.org":               "mk._rpz.fn.example.org. is answered with REFUSED",
		"81.100.51.198.in-addr.arpa":           "falls through to the next plugin",
		"www.example.com":                      "www.example.com. is not in a zone that is served here",
		"\u212aube.fn.example.org":             "is not a hostname: write non-ASCII labels",
	} {
		var e site.Explanation
		query := url.Values{"name": {name}, "from": {"10.1.0.1"}}
		var got string
		if err := admin.Call(t.Context(), dir+"/admin.sock", http.MethodGet, "/explain", query, &e); err != nil {
			got = err.Error()
		} else {
			got = e.Outcome + ": " + strings.Join(e.Records, " ")
		}
		if !strings.Contains(got, want) {
			t.Errorf("%s: %s\nwant %s", name, got, want)
		}
	}
}

package tcp

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	_ "github.com/coredns/coredns/plugin/cache"
	"github.com/miekg/dns"
	"github.com/quic-go/quic-go/http3"

	"github.com/nearcast/nearcast/plugin/internal/perclient"
)

func init() {
	plugin.Register("erratic", setupSteering)  // runs after cache
	plugin.Register("dnssec", perclient.Guard) // runs before it
}

// setupSteering sets up a plugin whose answers to names that begin with "steered" depend
// on the client.
func setupSteering(c *caddy.Controller) error {
	dnsserver.GetConfig(c).AddPlugin(func(plugin.Handler) plugin.Handler {
		return plugin.HandlerFunc(func(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
			m := new(dns.Msg).SetReply(r)
			if strings.HasPrefix(r.Question[0].Name, "steered") {
				perclient.Mark(ctx)
			}
			m.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: r.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 30}, A: []byte{192, 0, 2, 1}}}
			return dns.RcodeSuccess, w.WriteMsg(m)
		})
	})
	return nil
}

// TestNoSharedCacheKeepsAnswersThatDependOnTheClient covers answers of a plugin and of
// the cache in front of it, over both versions of HTTPS.
func TestNoSharedCacheKeepsAnswersThatDependOnTheClient(t *testing.T) {
	insecure := &tls.Config{InsecureSkipVerify: true} //nolint:gosec // it is the test's own
	for scheme, transport := range map[string]http.RoundTripper{
		"https": &http.Transport{TLSClientConfig: insecure}, "https3": &http3.Transport{TLSClientConfig: insecure},
	} {
		for _, line := range []string{"", "cache\ndnssec"} {
			r := serve(t, scheme, "erratic\n"+line, secured(t))
			for name, want := range map[string]string{"steered.test.": "private, max-age=30", "plain.test.": "max-age="} {
				query, err := new(dns.Msg).SetQuestion(name, dns.TypeA).Pack()
				if err != nil {
					t.Fatal(err)
				}
				for range 2 {
					for _, method := range []string{http.MethodGet, http.MethodPost} {
						url := "https://" + r.addr + "/dns-query"
						if method == http.MethodGet {
							url += "?dns=" + base64.RawURLEncoding.EncodeToString(query)
						}
						request, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(query))
						if err != nil {
							t.Fatal(err)
						}
						request.Header.Set("Content-Type", "application/dns-message")
						response, err := transport.RoundTrip(request)
						if err != nil {
							t.Fatal(err)
						}
						_ = response.Body.Close()
						if got := response.Header.Get("Cache-Control"); !strings.HasPrefix(got, want) {
							t.Errorf("%s, %s, %q: %s has %q, want %q", scheme, method, line, name, got, want)
						}
					}
				}
			}
		}
	}
}

package tcp

import (
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/miekg/dns"
	"github.com/quic-go/quic-go/http3"
)

// overHTTP are the clients for each transport of RFC 8484, by the scheme of its server.
func overHTTP(t *testing.T) map[string]http.RoundTripper {
	insecure := &tls.Config{InsecureSkipVerify: true} //nolint:gosec // it is the test's own
	one, two := &http.Transport{TLSClientConfig: insecure.Clone()}, &http.Transport{TLSClientConfig: insecure.Clone(), ForceAttemptHTTP2: true}
	one.Protocols = new(http.Protocols)
	one.Protocols.SetHTTP1(true)
	three := &http3.Transport{TLSClientConfig: insecure}
	t.Cleanup(func() {
		one.CloseIdleConnections()
		two.CloseIdleConnections()
		_ = three.Close()
	})
	return map[string]http.RoundTripper{"https": one, "https over HTTP/2": two, "https3": three}
}

// TestOverHTTPSOnlyDNSIsAccepted checks that a request that does not follow RFC 8484 is
// refused with the status that says why.
func TestOverHTTPSOnlyDNSIsAccepted(t *testing.T) {
	query := asking(t)
	get := "?dns=" + base64.RawURLEncoding.EncodeToString(query)
	typed := func(fields ...string) http.Header { return http.Header{"Content-Type": fields} }
	for name, client := range overHTTP(t) {
		scheme, _, _ := strings.Cut(name, " ")
		r := serve(t, scheme, secured(t))
		for what, c := range map[string]struct {
			method, path string
			header       http.Header
			body         []byte
			want         int
		}{
			"POST":                               {"POST", "", typed("application/dns-message"), query, 200},
			"POST in another case":               {"POST", "", typed("Application/DNS-Message"), query, 200},
			"POST with parameters":               {"POST", "", typed("application/dns-message ;\tcharset=\"utf-8\"; v=1"), query, 200},
			"POST with an empty one":             {"POST", "", typed("application/dns-message;"), query, 200},
			"POST of identity":                   {"POST", "", http.Header{"Content-Type": {"application/dns-message"}, "Content-Encoding": {"Identity"}}, query, 200},
			"POST without a type":                {"POST", "", nil, query, 415},
			"POST of an empty type":              {"POST", "", typed(""), query, 415},
			"POST of a form":                     {"POST", "", typed("application/x-www-form-urlencoded"), query, 415},
			"POST of JSON":                       {"POST", "", typed("application/dns-json"), query, 415},
			"POST of a longer type":              {"POST", "", typed("application/dns-message+json"), query, 415},
			"POST of any":                        {"POST", "", typed("*/*"), query, 415},
			"POST of two types":                  {"POST", "", typed("application/dns-message", "text/plain"), query, 415},
			"POST of a list":                     {"POST", "", typed("application/dns-message, text/plain"), query, 415},
			"POST with a letter that folds to s": {"POST", "", typed("application/dn\u017f-message"), query, 415},
			"POST of a coded message":            {"POST", "", http.Header{"Content-Type": {"application/dns-message"}, "Content-Encoding": {"gzip"}}, query, 415},
			"POST of too much":                   {"POST", "", typed("application/dns-message"), make([]byte, dns.MaxMsgSize+1), 413},
			"POST of no message":                 {"POST", "", typed("application/dns-message"), []byte("x"), 400},
			"GET":                                {"GET", get, nil, nil, 200},
			"GET of another type":                {"GET", get, typed("text/plain"), nil, 200},
			"GET without a query":                {"GET", "", nil, nil, 400},
			"GET of two queries":                 {"GET", get + "&" + get[1:], nil, nil, 400},
			"GET of padded base64":               {"GET", get + "=", nil, nil, 400},
			"HEAD":                               {"HEAD", get, nil, nil, 200},
			"PUT":                                {"PUT", "", typed("application/dns-message"), query, 405},
			"DELETE":                             {"DELETE", get, nil, nil, 405},
			"a form at another path":             {"POST", "/other", typed("text/plain"), query, 404},
			"a DNS message at that path":         {"POST", "/other", typed("application/dns-message"), query, 404},
		} {
			path := "/dns-query" + c.path
			if strings.HasPrefix(c.path, "/") {
				path = c.path
			}
			request, err := http.NewRequestWithContext(t.Context(), c.method, "https://"+r.addr+path, bytes.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			for field, values := range c.header {
				request.Header[field] = values
			}
			response, err := client.RoundTrip(request)
			if err != nil {
				t.Fatalf("%s: %s: %v", name, what, err)
			}
			body, _ := io.ReadAll(response.Body)
			_ = response.Body.Close()
			if response.StatusCode != c.want {
				t.Errorf("%s: %s: %s, want %d", name, what, response.Status, c.want)
			}
			if ok := response.StatusCode == http.StatusOK && c.method != http.MethodHead; ok != (new(dns.Msg).Unpack(body) == nil) {
				t.Errorf("%s: %s: %s with %d octets", name, what, response.Status, len(body))
			}
			if c.want == 405 && response.Header.Get("Allow") != "GET, HEAD, POST" {
				t.Errorf("%s: %s: Allow is %q", name, what, response.Header.Get("Allow"))
			}
		}
	}
}

package tcp

import (
	"bytes"
	"encoding/base64"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin/metrics/vars"
	"github.com/coredns/coredns/plugin/pkg/doh"
	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/quic-go/quic-go/http3"

	"github.com/nearcast/nearcast/plugin/internal/wire"
)

// front stands before one of CoreDNS's servers over HTTPS or HTTP/3. It refuses requests that are not DNS (RFC
// 8484, section 4), and applies wire.Readable to queries.
type front struct {
	http.Handler
	// valid reports whether the path is a DNS path.
	valid func(*http.Request) bool
	// responses counts like CoreDNS, by server and status.
	responses *prometheus.CounterVec
	server    string
}

// standBefore puts a front before the server, if it is one over HTTPS or HTTP/3.
func standBefore(of caddy.GracefulServer) error {
	switch of := of.(type) {
	case *dnsserver.ServerHTTPS:
		valid, err := field[func(*http.Request) bool](of, "validRequest")
		if err != nil {
			return err
		}
		made, err := field[*http.Server](of, "httpsServer")
		if err != nil {
			return err
		}
		(*made).Handler = &front{(*made).Handler, *valid, vars.HTTPSResponsesCount, of.Addr}
	case *dnsserver.ServerHTTPS3:
		valid, err := field[func(*http.Request) bool](of, "validRequest")
		if err != nil {
			return err
		}
		made, err := field[*http3.Server](of, "httpsServer")
		if err != nil {
			return err
		}
		(*made).Handler = &front{(*made).Handler, *valid, vars.HTTPS3ResponsesCount, of.Addr}
	}
	return nil
}

// ServeHTTP implements http.Handler.
func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !f.valid(r) {
		f.Handler.ServeHTTP(w, r) // which says so
		return
	}
	switch r.Method {
	case http.MethodGet:
		readableURL(r)
	case http.MethodHead: // its reply has no body, whatever is written (RFC 9110, section 9.3.2)
		r = r.Clone(r.Context())
		r.Method = http.MethodGet
		readableURL(r)
	case http.MethodPost:
		if status := f.take(w, r); status != http.StatusOK {
			f.refuse(w, status)
			return
		}
	default:
		w.Header().Set("Allow", "GET, HEAD, POST")
		f.refuse(w, http.StatusMethodNotAllowed)
		return
	}
	f.Handler.ServeHTTP(w, r)
}

func (f *front) refuse(w http.ResponseWriter, status int) {
	http.Error(w, http.StatusText(status), status)
	f.responses.WithLabelValues(f.server, strconv.Itoa(status)).Inc()
}

// take reads the query of a POST. It returns 200, or the status with which to refuse it.
func (f *front) take(w http.ResponseWriter, r *http.Request) int {
	switch {
	case !isMessage(r.Header["Content-Type"]):
		w.Header().Set("Accept", doh.MimeType)
		return http.StatusUnsupportedMediaType
	case isCoded(r.Header["Content-Encoding"]):
		w.Header().Set("Accept-Encoding", "identity")
		return http.StatusUnsupportedMediaType
	}
	query, err := io.ReadAll(io.LimitReader(r.Body, dns.MaxMsgSize+1))
	switch {
	case err != nil:
		return http.StatusBadRequest
	case len(query) > dns.MaxMsgSize:
		return http.StatusRequestEntityTooLarge
	}
	r.Body = struct {
		io.Reader
		io.Closer
	}{bytes.NewReader(wire.Readable(query)), r.Body}
	return http.StatusOK
}

// isMessage reports whether the Content-Type fields are one field for a DNS message: type and subtype in any case,
// and any parameters, none of which has a meaning (RFC 9110, sections 5.3 and 8.3.1; RFC 8484, section 6).
func isMessage(fields []string) bool {
	if len(fields) != 1 {
		return false
	}
	mediaType, _, _ := strings.Cut(fields[0], ";")
	return equalASCII(strings.Trim(mediaType, " \t"), doh.MimeType)
}

// isCoded reports whether the content has a coding; identity is none (RFC 9110, section 8.4.1).
func isCoded(fields []string) bool {
	for _, field := range fields {
		for coding := range strings.SplitSeq(field, ",") {
			if coding = strings.Trim(coding, " \t"); coding != "" && !equalASCII(coding, "identity") {
				return true
			}
		}
	}
	return false
}

// equalASCII reports whether s equals the text, ignoring the case of ASCII letters. strings.EqualFold would also
// match other characters.
func equalASCII(s, text string) bool {
	if len(s) != len(text) {
		return false
	}
	for i := range len(s) {
		if lowerASCII(s[i]) != lowerASCII(text[i]) {
			return false
		}
	}
	return true
}

func lowerASCII(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

// readableURL changes the query of a GET if there is exactly one; CoreDNS refuses any other number, and invalid
// base64.
func readableURL(r *http.Request) {
	values := r.URL.Query()
	if len(values["dns"]) != 1 || len(values["dns"][0]) > base64.RawURLEncoding.EncodedLen(dns.MaxMsgSize) {
		return
	}
	query, err := base64.RawURLEncoding.DecodeString(values["dns"][0])
	if err != nil {
		return
	}
	values.Set("dns", base64.RawURLEncoding.EncodeToString(wire.Readable(query)))
	r.URL.RawQuery = values.Encode()
}

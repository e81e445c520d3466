package tcp

import (
	"bytes"
	"encoding/base64"
	"io"
	"net/http"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin/pkg/doh"
	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/plugin/wire"
)

// readableHTTP has servers over HTTPS read queries as wire.Readable has them: what says
// whether a request is valid is the last that sees it before CoreDNS unpacks it.
func readableHTTP(c *dnsserver.Config) {
	valid := c.HTTPRequestValidateFunc
	if valid == nil {
		valid = func(r *http.Request) bool { return r.URL.Path == doh.Path }
	}
	c.HTTPRequestValidateFunc = func(r *http.Request) bool {
		if !valid(r) {
			return false
		}
		switch r.Method {
		case http.MethodGet:
			readableURL(r)
		case http.MethodPost:
			readableBody(r)
		}
		return true
	}
}

// readableURL changes the one query of a GET; CoreDNS refuses another number, and what
// is not base64.
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

// readableBody changes the query of a POST, as much of it as a message may have, and one
// octet more, which CoreDNS refuses as it does an error in reading.
func readableBody(r *http.Request) {
	body := r.Body
	query, err := io.ReadAll(io.LimitReader(body, dns.MaxMsgSize+2))
	rest := []io.Reader{bytes.NewReader(wire.Readable(query))}
	if err != nil {
		rest = append(rest, failed{err})
	}
	r.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(rest...), body}
}

// failed is what an error was read of.
type failed struct{ err error }

// Read implements io.Reader.
func (f failed) Read([]byte) (int, error) { return 0, f.err }

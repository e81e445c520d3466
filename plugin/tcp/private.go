package tcp

import (
	"net/http"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/quic-go/quic-go/http3"

	"github.com/nearcast/nearcast/plugin/internal/perclient"
)

// private makes a server over HTTPS tell shared caches not to store answers that depend on the client. CoreDNS lets
// all caches keep every answer for its TTL.
func private(of caddy.GracefulServer) error {
	switch of := of.(type) {
	case *dnsserver.ServerHTTPS:
		s, err := field[*http.Server](of, "httpsServer")
		if err != nil {
			return err
		}
		(*s).Handler = perclient.Private((*s).Handler)
	case *dnsserver.ServerHTTPS3:
		s, err := field[*http3.Server](of, "httpsServer")
		if err != nil {
			return err
		}
		(*s).Handler = perclient.Private((*s).Handler)
	}
	return nil
}

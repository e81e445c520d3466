package tcp

import (
	"net/http"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/quic-go/quic-go/http3"

	"github.com/nearcast/nearcast/plugin/internal/perclient"
)

// private has a server over HTTPS give no shared cache what depends on who asks. CoreDNS
// allows all caches to keep every answer for as long as its TTL.
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

package secondary

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"

	"github.com/nearcast/nearcast/plugin/rpz/internal/outbound"
)

// alpn is what both ends must agree on (RFC 9103, section 7.1).
const alpn = "dot"

// connect opens the connection for a request, with TLS if a Trust is configured.
func (s *Secondary) connect(ctx context.Context, network, primary string) (net.Conn, error) {
	conn, err := s.dial(ctx, network, primary)
	if err != nil {
		return nil, fail(Unreachable, "no connection over %s: %w", network, err)
	}
	if s.config.Trust == nil {
		return conn, nil
	}
	secured, err := secure(ctx, conn, *s.config.Trust, primary)
	if err != nil {
		conn.Close()
	}
	return secured, err
}

// secure does the TLS handshake with the primary.
func secure(ctx context.Context, conn net.Conn, trust outbound.Trust, primary string) (net.Conn, error) {
	server, err := netip.ParseAddrPort(primary)
	if err != nil {
		return nil, fail(BadCertificate, "%w", err)
	}
	config, err := trust.Config(server.Addr().WithZone("").String())
	if err != nil {
		return nil, fail(BadCertificate, "cannot load the trusted certificates: %w", err)
	}
	config.MinVersion = tls.VersionTLS13 // RFC 9103, section 7.1
	config.NextProtos = []string{alpn}
	secured := tls.Client(conn, config)
	err = secured.HandshakeContext(ctx)
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, fail(Timeout, "the TLS handshake did not finish in time: %w", err)
	case outbound.Distrusted(err):
		return nil, fail(BadCertificate, "%w", err)
	case err != nil:
		return nil, fail(Unreachable, "cannot negotiate TLS 1.3 with ALPN %q: %w", alpn, err)
	case secured.ConnectionState().NegotiatedProtocol != alpn:
		return nil, fail(Unreachable, "the primary does not select ALPN %q, which transfers over TLS require", alpn)
	}
	return secured, nil
}

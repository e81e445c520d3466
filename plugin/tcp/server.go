package tcp

import (
	"net"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
)

// server is one of CoreDNS's, with its connections bounded.
type server struct {
	caddy.GracefulServer
	bounds bounds
	// dns says that it reads and writes DNS over TCP or TLS itself, and waits for ever
	// for what it writes to be taken.
	dns bool
	// plain says that nothing of a connection is anywhere but in the kernel, so that
	// another server can go on with it.
	plain bool
	// servers are those of miekg/dns, where it reads DNS itself.
	servers *dnsServers
	heritage
}

func newServer(of caddy.GracefulServer, b bounds) *server {
	s := &server{GracefulServer: of, bounds: b, heritage: heritage{serves: make(chan struct{})}}
	switch of.(type) {
	case *dnsserver.Server:
		s.dns, s.plain = true, true
	case *dnsserver.ServerTLS:
		s.dns = true
	}
	return s
}

// WrapListener implements caddy.GracefulServer: it is called where the server takes
// the place of one that is to stop.
func (s *server) WrapListener(l net.Listener) net.Listener {
	heirs.set(s.Address(), s)
	return s.GracefulServer.WrapListener(l)
}

// Serve implements caddy.TCPServer.
func (s *server) Serve(l net.Listener) error {
	connections.limit(s.bounds)
	if l == nil {
		return s.GracefulServer.Serve(nil) // it is over UDP alone
	}
	var bounded net.Listener = newListener(l, s)
	if s.servers != nil {
		bounded = &readable{Listener: bounded, servers: s.servers}
	}
	s.open(l)
	return s.GracefulServer.Serve(bounded)
}

// OnStartupComplete implements caddy.AfterStartup.
func (s *server) OnStartupComplete() {
	if a, ok := s.GracefulServer.(caddy.AfterStartup); ok {
		a.OnStartupComplete()
	}
}

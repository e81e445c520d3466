package tcp

import (
	"net"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
)

// server is a CoreDNS server whose connections are bounded.
type server struct {
	caddy.GracefulServer
	bounds bounds
	// dns is set if the server reads and writes DNS over TCP or TLS itself, and waits forever for clients to read
	// what it writes.
	dns bool
	// plain is set if all state of a connection is in the kernel, so that another server can continue with it.
	plain bool
	// servers are those of miekg/dns, if the server reads DNS itself.
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

// WrapListener implements caddy.GracefulServer. It is called if the server replaces one that is about to stop.
func (s *server) WrapListener(l net.Listener) net.Listener {
	heirs.set(s.Address(), s)
	return s.GracefulServer.WrapListener(l)
}

// Serve implements caddy.TCPServer.
func (s *server) Serve(l net.Listener) error {
	connections.limit(s.bounds)
	if l == nil {
		return s.GracefulServer.Serve(nil) // it serves UDP only
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

package tcp

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/pb"
	"github.com/miekg/dns"
	"google.golang.org/grpc"

	"github.com/nearcast/nearcast/plugin/internal/stack"
	"github.com/nearcast/nearcast/plugin/internal/wire"
)

// The servers that CoreDNS makes read queries through wire.Readable. CoreDNS makes each dns.Server only when it
// begins to serve, with no hook for a dns.DecorateReader, so it is inserted before the server reads.

// dnsServers are the TCP and UDP servers within a CoreDNS server, and the lock that guards them; nil for a server
// of another protocol.
type dnsServers struct {
	mu  *sync.Mutex
	all *[2]*dns.Server
}

// The indexes of dnsServers.all, as in CoreDNS.
const (
	overTCP = iota
	overUDP
)

// dnsServersOf finds the miekg/dns servers in a CoreDNS server.
func dnsServersOf(of caddy.GracefulServer) (*dnsServers, error) {
	var s *dnsserver.Server
	switch of := of.(type) {
	case *dnsserver.Server:
		s = of
	case *dnsserver.ServerTLS:
		s = of.Server
	default:
		return nil, nil
	}
	mu, err := field[sync.Mutex](s, "m")
	if err != nil {
		return nil, err
	}
	all, err := field[[2]*dns.Server](s, "server")
	return &dnsServers{mu, all}, err
}

// readable is a listener that decorates its server's reader before the first connection can be read.
type readable struct {
	net.Listener
	servers *dnsServers
	once    sync.Once
}

// Accept implements net.Listener.
func (l *readable) Accept() (net.Conn, error) {
	l.once.Do(func() {
		l.servers.mu.Lock()
		defer l.servers.mu.Unlock()
		s := l.servers.all[overTCP]
		s.DecorateReader, s.MsgAcceptFunc = wire.Decorate, wire.Accept(s.MsgAcceptFunc)
	})
	return l.Listener.Accept()
}

// ServePacket implements caddy.UDPServer. A UDP server asks for its reader before anything else. So CoreDNS's
// server is started on a socket with nothing to read, and then an equal server with another reader serves.
func (s *server) ServePacket(p net.PacketConn) error {
	if s.servers == nil || !s.plain {
		return s.GracefulServer.ServePacket(p)
	}
	first := &nothing{local: p.LocalAddr()}
	if err := s.GracefulServer.ServePacket(first); !errors.Is(err, errNothing) {
		return errors.Join(err, p.Close()) // it was stopped
	}
	s.servers.mu.Lock()
	if first.stopped.Load() {
		s.servers.mu.Unlock()
		return p.Close()
	}
	made := s.servers.all[overUDP]
	serves := &dns.Server{
		PacketConn: p, Net: made.Net, Handler: made.Handler, TsigSecret: made.TsigSecret, MsgAcceptFunc: wire.Accept(made.MsgAcceptFunc),
		DecorateWriter: stack.Decorate(made.DecorateWriter), DecorateReader: wire.Decorate, UDPSize: wire.Size,
	}
	s.servers.all[overUDP] = serves
	s.servers.mu.Unlock()
	return serves.ActivateAndServe()
}

// nothing is a net.PacketConn with nothing to read.
type nothing struct {
	local   net.Addr
	stopped atomic.Bool
}

var errNothing = errors.New("nothing to read")

// ReadFrom implements net.PacketConn.
func (*nothing) ReadFrom([]byte) (int, net.Addr, error) { return 0, nil, errNothing }

// WriteTo implements net.PacketConn.
func (*nothing) WriteTo([]byte, net.Addr) (int, error) { return 0, errNothing }

// Close implements net.PacketConn.
func (*nothing) Close() error { return nil }

// LocalAddr implements net.PacketConn.
func (n *nothing) LocalAddr() net.Addr { return n.local }

// SetDeadline implements net.PacketConn.
func (*nothing) SetDeadline(time.Time) error { return nil }

// SetReadDeadline implements net.PacketConn. A server that is being stopped sets a deadline in the past.
func (n *nothing) SetReadDeadline(t time.Time) error {
	if t.Before(time.Now()) {
		n.stopped.Store(true)
	}
	return nil
}

// SetWriteDeadline implements net.PacketConn.
func (*nothing) SetWriteDeadline(time.Time) error { return nil }

// gRPC's servers are made from a description that all of them share.
func init() {
	for i := range pb.DnsService_ServiceDesc.Methods {
		m := &pb.DnsService_ServiceDesc.Methods[i]
		handler := m.Handler
		m.Handler = func(srv any, ctx context.Context, decode func(any) error, interceptor grpc.UnaryServerInterceptor) (any, error) {
			return handler(srv, ctx, func(v any) error {
				err := decode(v)
				if packet, ok := v.(*pb.DnsPacket); ok && err == nil {
					packet.Msg = wire.Readable(packet.GetMsg())
				}
				return err
			}, interceptor)
		}
	}
}

package rpz

import (
	"context"
	"errors"
	"net"
	"net/netip"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/plugin/internal/imputed"
)

// answerer is the server that received the client's query.
type answerer interface {
	ServeDNS(ctx context.Context, w dns.ResponseWriter, r *dns.Msg)
}

func serverOf(ctx context.Context) (answerer, bool) {
	s, ok := ctx.Value(dnsserver.Key{}).(answerer)
	return s, ok
}

// ask makes the server answer one of policy's own queries on behalf of the client. It has the client's subnet, but
// not DNSSEC, because the result cannot verify.
func ask(ctx context.Context, w dns.ResponseWriter, query *dns.Msg, name string, qtype uint16) (*dns.Msg, error) {
	s, ok := serverOf(ctx)
	if !ok {
		return nil, errors.New("plugin/rpz: no server runs in this context")
	}
	own := query.Copy()
	own.Question[0] = dns.Question{Name: name, Qtype: qtype, Qclass: dns.ClassINET}
	own.RecursionDesired = true
	if opt := own.IsEdns0(); opt != nil {
		opt.SetDo(false)
	}
	answer := &collector{ResponseWriter: w, from: w.RemoteAddr()}
	ctx = imputed.Own(ctx)
	s.ServeDNS(ctx, answer, own.Copy()) // which removes options from it
	if udp, ok := answer.from.(*net.UDPAddr); ok && answer.msg != nil && answer.msg.Truncated {
		answer.from = &net.TCPAddr{IP: udp.IP, Port: udp.Port, Zone: udp.Zone}
		s.ServeDNS(ctx, answer, own)
	}
	if answer.msg == nil {
		return nil, errors.New("plugin/rpz: no answer to " + name)
	}
	return answer.msg, nil
}

// collector receives a reply to a client at an address.
type collector struct {
	dns.ResponseWriter
	from net.Addr
	msg  *dns.Msg
}

func (c *collector) RemoteAddr() net.Addr { return c.from }

// WriteMsg implements dns.ResponseWriter. It copies the reply, which may belong to a cache.
func (c *collector) WriteMsg(m *dns.Msg) error {
	c.msg = m.Copy()
	return nil
}

func (c *collector) Write(raw []byte) (int, error) {
	c.msg = new(dns.Msg)
	return len(raw), c.msg.Unpack(raw)
}

// detached is the client's end of a look-up that may outlast the client's query, whose own ResponseWriter must not
// be used afterwards.
type detached struct {
	local, remote netip.AddrPort
}

func detach(w dns.ResponseWriter) detached {
	return detached{local: addrPort(w.LocalAddr()), remote: addrPort(w.RemoteAddr())}
}

func addrPort(a net.Addr) netip.AddrPort {
	switch a := a.(type) {
	case *net.UDPAddr:
		return a.AddrPort()
	case *net.TCPAddr:
		return a.AddrPort()
	case nil:
		return netip.AddrPort{}
	}
	ap, _ := netip.ParseAddrPort(a.String()) // for transports with their own address types
	return ap
}

// over returns a writer for the reply to a look-up made over the network, udp or tcp, whichever of them the client
// uses.
func (d detached) over(network string) *collector {
	w := &unattended{local: net.UDPAddrFromAddrPort(d.local), remote: net.UDPAddrFromAddrPort(d.remote)}
	if network == "tcp" {
		w.local, w.remote = net.TCPAddrFromAddrPort(d.local), net.TCPAddrFromAddrPort(d.remote)
	}
	return &collector{ResponseWriter: w, from: w.remote}
}

// unattended is a ResponseWriter without a client.
type unattended struct{ local, remote net.Addr }

func (u *unattended) LocalAddr() net.Addr         { return u.local }
func (u *unattended) RemoteAddr() net.Addr        { return u.remote }
func (u *unattended) WriteMsg(*dns.Msg) error     { return nil }
func (u *unattended) Write(b []byte) (int, error) { return len(b), nil }
func (u *unattended) Close() error                { return nil }
func (u *unattended) TsigStatus() error           { return nil }
func (u *unattended) TsigTimersOnly(bool)         {}
func (u *unattended) Hijack()                     {}

package rpz

import (
	"context"
	"errors"
	"net"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/miekg/dns"
)

// ownKey marks the context of the look-ups that policy makes itself, to which no
// policy applies.
type ownKey struct{}

func isOwn(ctx context.Context) bool { return ctx.Value(ownKey{}) != nil }

// ask has the server answer a query of policy's own, on behalf of the client: the
// client's subnet goes with it, and DNSSEC does not, as the result cannot verify.
func ask(ctx context.Context, w dns.ResponseWriter, query *dns.Msg, name string, qtype uint16) (*dns.Msg, error) {
	server, ok := ctx.Value(dnsserver.Key{}).(*dnsserver.Server)
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
	ctx = context.WithValue(ctx, ownKey{}, true)
	server.ServeDNS(ctx, answer, own.Copy()) // which takes options out of it
	if udp, ok := answer.from.(*net.UDPAddr); ok && answer.msg != nil && answer.msg.Truncated {
		answer.from = &net.TCPAddr{IP: udp.IP, Port: udp.Port, Zone: udp.Zone}
		server.ServeDNS(ctx, answer, own)
	}
	if answer.msg == nil {
		return nil, errors.New("plugin/rpz: no answer to " + name)
	}
	return answer.msg, nil
}

// collector takes a reply to a client at an address.
type collector struct {
	dns.ResponseWriter
	from net.Addr
	msg  *dns.Msg
}

func (c *collector) RemoteAddr() net.Addr { return c.from }

// WriteMsg implements dns.ResponseWriter. The reply may be a cache's: it is copied.
func (c *collector) WriteMsg(m *dns.Msg) error {
	c.msg = m.Copy()
	return nil
}

func (c *collector) Write(raw []byte) (int, error) {
	c.msg = new(dns.Msg)
	return len(raw), c.msg.Unpack(raw)
}

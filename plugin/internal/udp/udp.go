// Package udp is about answers over plain UDP, which go to whatever address a query
// says that it is from.
package udp

import (
	"context"
	"net"
	"strings"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin/pkg/parse"
	"github.com/coredns/coredns/plugin/pkg/transport"
	"github.com/coredns/coredns/request"
	"github.com/miekg/dns"
)

// MaxSize is how many octets an answer has that no network is known to fragment (DNS
// flag day 2020).
const MaxSize = 1232

// Plain reports whether a query came over plain UDP. QUIC is UDP too, and its clients
// have shown that they are where they say.
func Plain(ctx context.Context, w dns.ResponseWriter) bool {
	switch w.RemoteAddr().(type) {
	case *net.UDPAddr:
	case *net.TCPAddr:
		return false
	default: // an address that a proxy has named
		if (&request.Request{W: w}).Proto() != "udp" {
			return false
		}
	}
	s, ok := ctx.Value(dnsserver.Key{}).(*dnsserver.Server)
	return !ok || strings.HasPrefix(s.Addr, transport.DNS+"://")
}

// CarriesQUIC reports whether a server block's key is of a server over QUIC.
func CarriesQUIC(key string) bool {
	carrier, _ := parse.Transport(key)
	return carrier == transport.QUIC || carrier == transport.HTTPS3
}

// Size returns how many octets the client has room for.
func Size(query *dns.Msg) int {
	if opt := query.IsEdns0(); opt != nil {
		return max(int(opt.UDPSize()), dns.MinMsgSize)
	}
	return dns.MinMsgSize
}

// Fit makes a reply no longer than size: by compression, then without additional
// records, which nobody has asked for (RFC 2181, section 9), and then by emptying it.
func Fit(reply *dns.Msg, size int) {
	if reply.Len() <= size {
		return
	}
	if reply.Compress = true; reply.Len() <= size {
		return
	}
	reply.Extra = onlyOPT(reply.Extra)
	if reply.Len() > size {
		empty(reply)
	}
}

// Emptied returns the reply without its records, truncated: the client asks again
// over TCP. The reply itself stays as it is.
func Emptied(reply *dns.Msg) *dns.Msg {
	m := *reply
	empty(&m)
	return &m
}

// empty leaves the question and the OPT alone. A part of an answer is of no use to a
// client that asks again for the whole.
func empty(reply *dns.Msg) {
	reply.Truncated = true
	reply.Answer, reply.Ns, reply.Extra = nil, nil, onlyOPT(reply.Extra)
}

// onlyOPT returns the OPT of additional records, if they have one.
func onlyOPT(extra []dns.RR) []dns.RR {
	for i, rr := range extra {
		if rr.Header().Rrtype == dns.TypeOPT {
			return extra[i : i+1 : i+1]
		}
	}
	return nil
}

// Package udp is about answers over plain UDP, which go to whatever source address a query has, forged or not.
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

// MaxSize is the largest answer, in octets, that no network is known to fragment (DNS flag day 2020).
const MaxSize = 1232

// Plain reports whether a query came over plain UDP. QUIC is UDP too, but its clients have proved their addresses.
func Plain(ctx context.Context, w dns.ResponseWriter) bool {
	switch w.RemoteAddr().(type) {
	case *net.UDPAddr:
	case *net.TCPAddr:
		return false
	default: // an address from a proxy
		if (&request.Request{W: w}).Proto() != "udp" {
			return false
		}
	}
	s, ok := ctx.Value(dnsserver.Key{}).(*dnsserver.Server)
	return !ok || strings.HasPrefix(s.Addr, transport.DNS+"://")
}

// CarriesQUIC reports whether a server block's key is for DNS over QUIC.
func CarriesQUIC(key string) bool {
	carrier, _ := parse.Transport(key)
	return carrier == transport.QUIC || carrier == transport.HTTPS3
}

// Size returns how many octets the client accepts.
func Size(query *dns.Msg) int {
	if opt := query.IsEdns0(); opt != nil {
		return max(int(opt.UDPSize()), dns.MinMsgSize)
	}
	return dns.MinMsgSize
}

// Fit limits a reply to size: first by compression, then without additional records, which were not asked for (RFC
// 2181, section 9), and then by emptying it.
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

// Emptied returns the reply without its records, truncated: the client asks again over TCP. The reply itself is not
// changed.
func Emptied(reply *dns.Msg) *dns.Msg {
	m := *reply
	empty(&m)
	return &m
}

// empty leaves only the question and the OPT. Part of an answer is useless to a client that asks again for the
// whole.
func empty(reply *dns.Msg) {
	reply.Truncated = true
	reply.Answer, reply.Ns, reply.Extra = nil, nil, onlyOPT(reply.Extra)
}

// onlyOPT returns the OPT among additional records, if there is one.
func onlyOPT(extra []dns.RR) []dns.RR {
	for i, rr := range extra {
		if rr.Header().Rrtype == dns.TypeOPT {
			return extra[i : i+1 : i+1]
		}
	}
	return nil
}

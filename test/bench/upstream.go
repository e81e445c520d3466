package main

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/miekg/dns"
)

// upstream is what the resolvers ask, once for each name: it has an address for
// every name, for an hour.
type upstream struct {
	server *dns.Server
	addr   netip.AddrPort
}

func startUpstream() (*upstream, error) {
	conn, err := net.ListenPacket("udp", net.JoinHostPort(address, "0"))
	if err != nil {
		return nil, fmt.Errorf("upstream: %w", err)
	}
	u := &upstream{addr: netip.MustParseAddrPort(conn.LocalAddr().String())}
	u.server = &dns.Server{PacketConn: conn, Handler: dns.HandlerFunc(answerAll)}
	go func() { _ = u.server.ActivateAndServe() }() // should it fail, no resolver gets ready
	return u, nil
}

func answerAll(w dns.ResponseWriter, r *dns.Msg) {
	m := new(dns.Msg).SetReply(r)
	m.RecursionAvailable = true
	if q := r.Question[0]; q.Qtype == dns.TypeA {
		m.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: q.Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 3600}, A: clusterAddress(0).AsSlice()}}
	}
	if opt := r.IsEdns0(); opt != nil {
		m.SetEdns0(1232, opt.Do())
	}
	_ = w.WriteMsg(m) // the asker tries again
}

func (u *upstream) stop() { _ = u.server.Shutdown() } // an error says that it has stopped

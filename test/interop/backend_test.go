package interop

import (
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
)

// zone is the zone for which every backend is authoritative.
const zone = "fn.example.org."

// backend is a site's name server, behind its VIP.
type backend struct {
	// sick makes it answer SERVFAIL; hung makes it not answer.
	sick, hung atomic.Bool
}

// backend answers on port 53 of the addresses, over UDP and TCP. The zone's SOA
// names the node, so that a client sees which one answered.
func (n *node) backend(addresses ...string) *backend {
	n.t.Helper()
	b := &backend{}
	soa, err := dns.NewRR(fmt.Sprintf("%s 5 IN SOA %s. hostmaster.%s 1 2 3 4 5", zone, n.name, zone))
	if err != nil {
		n.t.Fatal(err)
	}
	handler := dns.HandlerFunc(func(w dns.ResponseWriter, query *dns.Msg) {
		if b.hung.Load() {
			return
		}
		reply := new(dns.Msg).SetReply(query)
		reply.Authoritative, reply.Answer = true, []dns.RR{soa}
		if b.sick.Load() {
			reply = new(dns.Msg).SetRcode(query, dns.RcodeServerFailure)
		}
		_ = w.WriteMsg(reply) // the client may be gone
	})
	for _, address := range addresses {
		if err := n.Do(func() error { return serve(n, net.JoinHostPort(address, "53"), handler) }); err != nil {
			n.t.Fatalf("%s: %v", n.name, err)
		}
	}
	return b
}

// serve opens the sockets where it is called and answers until the test ends.
func serve(n *node, address string, handler dns.Handler) error {
	packets, err := net.ListenPacket("udp", address)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		packets.Close()
		return err
	}
	for _, server := range []*dns.Server{{PacketConn: packets, Handler: handler}, {Listener: listener, Handler: handler}} {
		started := make(chan struct{})
		server.NotifyStartedFunc = func() { close(started) }
		go server.ActivateAndServe()
		<-started
		n.t.Cleanup(func() { server.Shutdown() })
	}
	return nil
}

// asks sends one query over UDP from a new port, and returns which node answered.
func (n *node) asks(server string, timeout time.Duration) (string, error) {
	return n.asksAt(netip.AddrPortFrom(netip.MustParseAddr(server), 53), timeout)
}

// asksAt is asks for a server at any port.
func (n *node) asksAt(server netip.AddrPort, timeout time.Duration) (string, error) {
	var conn net.Conn
	err := n.Do(func() (err error) {
		conn, err = net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(server))
		return err
	})
	if err != nil {
		return "", err
	}
	defer conn.Close()
	client := dns.Client{Timeout: timeout}
	reply, _, err := client.ExchangeWithConn(new(dns.Msg).SetQuestion(zone, dns.TypeSOA), &dns.Conn{Conn: conn})
	if err != nil {
		return "", err
	}
	if len(reply.Answer) == 1 {
		if soa, ok := reply.Answer[0].(*dns.SOA); ok {
			return soa.Ns, nil
		}
	}
	return "", fmt.Errorf("got answer %s", dns.RcodeToString[reply.Rcode])
}

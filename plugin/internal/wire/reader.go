package wire

import (
	"net"
	"time"

	"github.com/miekg/dns"
)

// Size is the largest query over UDP, in octets, as in BIND: one with a cookie, a client subnet and padding (RFC
// 8467) is longer than the 512 that a dns.Server reads.
const Size = 4096

// Decorate is a dns.DecorateReader: the server reads what Readable returns.
func Decorate(r dns.Reader) dns.Reader { return reader{r} }

type reader struct{ dns.Reader }

// ReadTCP implements dns.Reader.
func (r reader) ReadTCP(conn net.Conn, timeout time.Duration) ([]byte, error) {
	query, err := r.Reader.ReadTCP(conn, timeout)
	return Readable(query), err
}

// ReadUDP implements dns.Reader.
func (r reader) ReadUDP(conn *net.UDPConn, timeout time.Duration) ([]byte, *dns.SessionUDP, error) {
	query, session, err := r.Reader.ReadUDP(conn, timeout)
	return Readable(query), session, err
}

// ReadPacketConn implements dns.PacketConnReader.
func (r reader) ReadPacketConn(conn net.PacketConn, timeout time.Duration) ([]byte, net.Addr, error) {
	query, from, err := r.Reader.(dns.PacketConnReader).ReadPacketConn(conn, timeout)
	return Readable(query), from, err
}

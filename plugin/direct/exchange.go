package direct

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"net"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/plugin/internal/scratch"
)

// exchange is a query and what is needed to answer it. Its reader reuses it for the next query if nothing can have
// kept a part of it.
type exchange struct {
	active *active
	ctx    context.Context //nolint:containedctx // for every query of the exchange
	// answer is the scratch room in which the prompt handler builds its answers.
	answer *scratch.Scratch
	writer writer

	query    dns.Msg
	question [1]dns.Question
	extra    [1]dns.RR
	opt      dns.OPT
	option   [2]dns.EDNS0
	subnet   dns.EDNS0_SUBNET
	cookie   dns.EDNS0_COOKIE
	address  [net.IPv6len]byte
}

func newExchange(a *active, s *socket) *exchange {
	e := &exchange{active: a, writer: writer{socket: s}}
	e.answer, e.ctx = scratch.Lend(a.ctx, &e.query)
	return e
}

// reusable reports whether the exchange can serve another query.
func (e *exchange) reusable() bool { return e.answer.Reusable() && !e.active.keeps }

// unpack reads a plain query whose name has n octets as text. The result is that of dns.Msg.Unpack; false if that
// fails.
func (e *exchange) unpack(query []byte, n int) bool {
	e.query = dns.Msg{}
	if e.unpackInPlace(query, headerSize+n+1) {
		return true
	}
	e.query = dns.Msg{}
	return e.query.Unpack(query) == nil
}

// unpackInPlace reads the most common queries: nothing or an OPT after the question, and in the OPT at most a
// client subnet and a cookie. The rest of the question begins at.
func (e *exchange) unpackInPlace(query []byte, at int) bool {
	m := &e.query
	name, off, err := dns.UnpackDomainName(query, headerSize)
	if err != nil || off != at || m.Unpack(query[:headerSize]) != nil {
		return false
	}
	e.question[0] = dns.Question{Name: name, Qtype: binary.BigEndian.Uint16(query[at:]), Qclass: binary.BigEndian.Uint16(query[at+2:])}
	m.Question = e.question[:]
	rest := query[at+4:]
	if binary.BigEndian.Uint16(query[10:]) == 0 {
		return len(rest) == 0
	}
	if !e.unpackOPT(rest) {
		return false
	}
	e.extra[0] = &e.opt
	m.Extra = e.extra[:]
	return true
}

// unpackOPT reads an OPT (RFC 6891, section 6.1.2) that ends the query.
func (e *exchange) unpackOPT(rr []byte) bool {
	const fixed = 11
	if len(rr) < fixed || rr[0] != 0 || binary.BigEndian.Uint16(rr[1:]) != dns.TypeOPT {
		return false
	}
	h := dns.RR_Header{
		Name: ".", Rrtype: dns.TypeOPT, Class: binary.BigEndian.Uint16(rr[3:]),
		Ttl: binary.BigEndian.Uint32(rr[5:]), Rdlength: binary.BigEndian.Uint16(rr[9:]),
	}
	extendedRcode := rr[5]
	if extendedRcode != 0 || int(h.Rdlength) != len(rr)-fixed {
		return false
	}
	e.opt = dns.OPT{Hdr: h}
	if h.Rdlength == 0 {
		return true
	}
	e.opt.Option = e.option[:0]
	return e.unpackOptions(rr[fixed:])
}

// maxCookie is how many octets a COOKIE option has at most (RFC 7873, section 4).
const maxCookie = 40

// unpackOptions reads the options known here, each at most once.
func (e *exchange) unpackOptions(rest []byte) bool {
	subnet, cookie := false, false
	for len(rest) > 0 {
		const header = 4
		if len(rest) < header {
			return false
		}
		end := header + int(binary.BigEndian.Uint16(rest[2:]))
		if end > len(rest) {
			return false
		}
		option := rest[:end]
		rest = rest[end:]
		switch code := binary.BigEndian.Uint16(option); {
		case code == dns.EDNS0SUBNET && !subnet && e.unpackSubnet(option):
			subnet = true
			e.opt.Option = append(e.opt.Option, &e.subnet)
		case code == dns.EDNS0COOKIE && !cookie && len(option) <= header+maxCookie:
			cookie = true
			var text [2 * maxCookie]byte
			e.cookie = dns.EDNS0_COOKIE{Cookie: string(hex.AppendEncode(text[:0], option[header:]))}
			e.opt.Option = append(e.opt.Option, &e.cookie)
		default:
			return false
		}
	}
	return true
}

// unpackSubnet reads a client-subnet option (RFC 7871, section 6).
func (e *exchange) unpackSubnet(option []byte) bool {
	const fixed = 8
	if len(option) < fixed {
		return false
	}
	subnet := dns.EDNS0_SUBNET{Family: binary.BigEndian.Uint16(option[4:]), SourceNetmask: option[6], SourceScope: option[7], Address: e.address[:]}
	var bits uint8
	switch subnet.Family {
	case 1:
		bits = 8 * net.IPv4len
		e.address = [net.IPv6len]byte{10: 0xFF, 11: 0xFF}
		copy(e.address[12:], option[fixed:])
	case 2:
		bits = 8 * net.IPv6len
		e.address = [net.IPv6len]byte{}
		copy(e.address[:], option[fixed:])
	default:
		return false
	}
	e.subnet = subnet
	return subnet.SourceNetmask <= bits && subnet.SourceScope <= bits
}

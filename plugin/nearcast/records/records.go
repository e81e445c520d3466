// Package records makes DNS records from the model. It is pure: its callers decide what to answer, and for how
// long.
package records

import (
	"bytes"
	"net"
	"net/netip"
	"slices"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/federation"
)

// Address returns the A or AAAA record of the address.
func Address(name string, addr netip.Addr, ttl uint32) dns.RR {
	if addr.Is4() {
		return &dns.A{Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: ttl}, A: addr.AsSlice()}
	}
	return &dns.AAAA{Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeAAAA, Class: dns.ClassINET, Ttl: ttl}, AAAA: addr.AsSlice()}
}

// HINFO returns the record that stands for all types of a name (RFC 8482, section 4.2).
func HINFO(h dns.RR_Header) dns.RR { return &dns.HINFO{Hdr: h, Cpu: "RFC8482"} }

// Texts returns the function's TXT records with the header.
func Texts(h dns.RR_Header, f *federation.Function) []dns.RR {
	var all []dns.RR
	for _, text := range f.Texts {
		txt := &dns.TXT{Hdr: h}
		for chunk := range slices.Chunk([]byte(text), 255) {
			txt.Txt = append(txt.Txt, escape(chunk))
		}
		all = append(all, txt)
	}
	return all
}

// escape writes a character-string as miekg/dns holds it.
func escape(raw []byte) string {
	var b bytes.Buffer
	for _, c := range raw {
		if c == '"' || c == '\\' {
			b.WriteByte('\\')
		}
		b.WriteByte(c)
	}
	return b.String()
}

// Bindings returns the HTTPS or SVCB records (RFC 9460), according to the header's type, of a function with the
// given endpoints: one for each port. They are for its port p if the name is that port's (section 2.3), and for the
// HTTPS port if p is nil.
func Bindings(h dns.RR_Header, f *federation.Function, all []federation.Endpoint, target string, p *federation.Port) []dns.RR {
	portAt, byDefault := f.HTTPSAt, uint16(defaultHTTPS)
	if p != nil {
		portAt = func(e federation.Endpoint) uint16 { return f.PortAt(e, *p) }
	}
	if p != nil && p.Number != defaultHTTPS {
		byDefault = 0 // p's name implies this port, but it is stated all the same
	}
	var rrs []dns.RR
	for _, r := range byPort(all, portAt) {
		rr := dns.SVCB{Hdr: h, Priority: 1, Target: target, Value: []dns.SVCBKeyValue{&dns.SVCBAlpn{Alpn: f.ALPN}}}
		if r.port != byDefault {
			rr.Value = append(rr.Value, &dns.SVCBPort{Port: r.port})
		}
		if len(r.V4) > 0 {
			rr.Value = append(rr.Value, &dns.SVCBIPv4Hint{Hint: ips(r.V4)})
		}
		if len(r.V6) > 0 {
			rr.Value = append(rr.Value, &dns.SVCBIPv6Hint{Hint: ips(r.V6)})
		}
		if h.Rrtype == dns.TypeHTTPS {
			rrs = append(rrs, &dns.HTTPS{SVCB: rr})
		} else {
			rrs = append(rrs, &rr)
		}
	}
	return rrs
}

// defaultHTTPS is the port of a binding that names none.
const defaultHTTPS = 443

// Services returns the SRV records (RFC 2782) of the port p of a function with the given endpoints: one for each
// port number.
func Services(h dns.RR_Header, f *federation.Function, all []federation.Endpoint, target string, p federation.Port) []dns.RR {
	var rrs []dns.RR
	for _, r := range byPort(all, func(e federation.Endpoint) uint16 { return f.PortAt(e, p) }) {
		rrs = append(rrs, &dns.SRV{Hdr: h, Port: r.port, Target: target})
	}
	return rrs
}

// reached is the set of addresses at which a function is reached by one port.
type reached struct {
	port uint16
	federation.Endpoint
}

// byPort joins the endpoints that share a port, in the order in which each port first appears.
func byPort(all []federation.Endpoint, portAt func(federation.Endpoint) uint16) []reached {
	var ports []reached
	for _, e := range all {
		if e.IsZero() {
			continue
		}
		port := portAt(e)
		i := slices.IndexFunc(ports, func(r reached) bool { return r.port == port })
		if i < 0 {
			ports = append(ports, reached{port: port, Endpoint: e})
		} else {
			ports[i].Endpoint = ports[i].Join(e)
		}
	}
	return ports
}

func ips(addrs []netip.Addr) []net.IP {
	all := make([]net.IP, len(addrs))
	for i, a := range addrs {
		all[i] = a.AsSlice()
	}
	return all
}

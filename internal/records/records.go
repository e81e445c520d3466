// Package records makes DNS records from the model. It is pure: what to answer,
// and for how long, its callers decide.
package records

import (
	"bytes"
	"net"
	"net/netip"
	"slices"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/federation"
)

// Address is the A or AAAA record of the address.
func Address(name string, addr netip.Addr, ttl uint32) dns.RR {
	if addr.Is4() {
		return &dns.A{Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: ttl}, A: addr.AsSlice()}
	}
	return &dns.AAAA{Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeAAAA, Class: dns.ClassINET, Ttl: ttl}, AAAA: addr.AsSlice()}
}

// HINFO is what stands for all types of a name (RFC 8482, section 4.2).
func HINFO(h dns.RR_Header) dns.RR { return &dns.HINFO{Hdr: h, Cpu: "RFC8482"} }

// Texts are the function's TXT records with the header.
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

// Binding is the HTTPS or SVCB record (RFC 9460), as the header's type says, of a
// function that is reached at the endpoint. A port of 0 is the endpoint's.
func Binding(h dns.RR_Header, f *federation.Function, e federation.Endpoint, target string, port uint16) dns.RR {
	rr := dns.SVCB{Hdr: h, Priority: 1, Target: target}
	rr.Value = append(rr.Value, &dns.SVCBAlpn{Alpn: f.ALPN})
	if port == 0 {
		port = e.Port
	}
	if port != 0 && port != defaultHTTPS {
		rr.Value = append(rr.Value, &dns.SVCBPort{Port: port})
	}
	if len(e.V4) > 0 {
		rr.Value = append(rr.Value, &dns.SVCBIPv4Hint{Hint: ips(e.V4)})
	}
	if len(e.V6) > 0 {
		rr.Value = append(rr.Value, &dns.SVCBIPv6Hint{Hint: ips(e.V6)})
	}
	if h.Rrtype == dns.TypeHTTPS {
		return &dns.HTTPS{SVCB: rr}
	}
	return &rr
}

const defaultHTTPS = 443

// HTTPSPort returns the port that the function calls https, or leaves without a
// name; 0 if there is none.
func HTTPSPort(f *federation.Function) uint16 {
	for _, name := range [...]string{"https", ""} {
		for _, p := range f.Ports {
			if p.Name == name && p.Protocol == "tcp" {
				return p.Number
			}
		}
	}
	return 0
}

func ips(addrs []netip.Addr) []net.IP {
	all := make([]net.IP, len(addrs))
	for i, a := range addrs {
		all[i] = a.AsSlice()
	}
	return all
}

package ddr

import (
	"net"
	"net/netip"
	"slices"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/plugin/internal/arguments"
)

// Designation is one encrypted resolver that clients may use in place of this one.
type Designation struct {
	At arguments.Position
	// Priority is 1 to 65535; clients try the lowest first.
	Priority uint16
	// Target is fully qualified, in lower case.
	Target string
	// Protocols are keys of protocols, without duplicates.
	Protocols []string
	// Port is 0 if each protocol uses its default.
	Port uint16
	// Path is the URI template of DNS over HTTPS (RFC 9461, section 5); empty if DoH is not served.
	Path string
	// Hints are addresses of the target.
	Hints []netip.Addr
	// Elsewhere is set if the designation is for a server outside the Corefile.
	Elsewhere bool
}

// protocols maps ALPN protocol names to default ports (RFC 7858, 9250, 8484).
var protocols = map[string]uint16{"dot": 853, "doq": 853, "h2": 443, "h3": 443}

// overHTTPS reports whether the protocol needs a path.
func overHTTPS(protocol string) bool { return protocol == "h2" || protocol == "h3" }

// PortOf returns the port at which the designation serves a protocol.
func (d *Designation) PortOf(protocol string) uint16 {
	if d.Port != 0 {
		return d.Port
	}
	return protocols[protocol]
}

// Params returns the designation's SvcParams as in RFC 9461, without hints: RFC 9463, section 3.1.5, carries
// addresses separately.
func (d *Designation) Params() []dns.SVCBKeyValue {
	params := []dns.SVCBKeyValue{&dns.SVCBAlpn{Alpn: d.Protocols}}
	if slices.ContainsFunc(d.Protocols, func(p string) bool { return d.PortOf(p) != protocols[p] }) {
		params = append(params, &dns.SVCBPort{Port: d.Port})
	}
	if d.Path != "" {
		params = append(params, &dns.SVCBDoHPath{Template: d.Path})
	}
	return params
}

// record returns the SVCB record, without an owner.
func (d *Designation) record(ttl uint32) *dns.SVCB {
	rr := &dns.SVCB{
		Hdr:      dns.RR_Header{Rrtype: dns.TypeSVCB, Class: dns.ClassINET, Ttl: ttl},
		Priority: d.Priority, Target: d.Target, Value: d.Params(),
	}
	v4, v6 := d.families()
	if len(v4) > 0 {
		rr.Value = append(rr.Value, &dns.SVCBIPv4Hint{Hint: v4})
	}
	if len(v6) > 0 {
		rr.Value = append(rr.Value, &dns.SVCBIPv6Hint{Hint: v6})
	}
	return rr
}

// glue returns the target's addresses as records.
func (d *Designation) glue(ttl uint32) (all []dns.RR) {
	v4, v6 := d.families()
	for _, ip := range v4 {
		all = append(all, &dns.A{Hdr: dns.RR_Header{Name: d.Target, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: ttl}, A: ip})
	}
	for _, ip := range v6 {
		all = append(all, &dns.AAAA{Hdr: dns.RR_Header{Name: d.Target, Rrtype: dns.TypeAAAA, Class: dns.ClassINET, Ttl: ttl}, AAAA: ip})
	}
	return all
}

func (d *Designation) families() (v4, v6 []net.IP) {
	for _, a := range d.Hints {
		if a.Is4() {
			v4 = append(v4, a.AsSlice())
		} else {
			v6 = append(v6, a.AsSlice())
		}
	}
	return v4, v6
}

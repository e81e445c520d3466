package nearcast

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// nsec denies every type at the name but those given, and every name between it
// and the next possible one.
func (s *signer) nsec(name string, ttl uint32, types []uint16) *dns.NSEC {
	types = append(slices.Clone(types), dns.TypeRRSIG, dns.TypeNSEC)
	slices.Sort(types)
	return &dns.NSEC{
		Hdr:        dns.RR_Header{Name: name, Rrtype: dns.TypeNSEC, Class: dns.ClassINET, Ttl: ttl},
		NextDomain: `\000.` + strings.ToLower(name), TypeBitMap: slices.Compact(types),
	}
}

// secure signs the answer for a client that wants it, and gives a negative one its
// proof. Without the client's consent (the flag CO) a name that does not exist is
// NOERROR, as resolvers that do not know compact denial need it (RFC 9824, section 5).
func (a *answer) secure() error {
	s, opt := a.zone.signer, a.query.IsEdns0()
	if opt == nil || !opt.Do() || a.msg.Rcode != dns.RcodeSuccess && a.msg.Rcode != dns.RcodeNameError {
		return nil
	}
	if len(a.msg.Answer) == 0 {
		types := a.types()
		if a.msg.Rcode == dns.RcodeNameError && !opt.Co() {
			a.msg.Rcode = dns.RcodeSuccess
		}
		types = slices.DeleteFunc(types, func(t uint16) bool { return t == a.qtype() })
		a.msg.Ns = append(slices.Clip(a.msg.Ns), s.nsec(a.name(), a.zone.soa.Minttl, types))
	}
	now := time.Now()
	var err error
	for _, section := range []*[]dns.RR{&a.msg.Answer, &a.msg.Ns, &a.msg.Extra} {
		if *section, err = s.sign(*section, now); err != nil {
			return fmt.Errorf("plugin/nearcast: sign %s: %w", a.name(), err)
		}
	}
	return nil
}

// types are those that exist at the name asked for, whoever asks; NXNAME where the
// name itself does not.
func (a *answer) types() []uint16 {
	if a.msg.Rcode == dns.RcodeNameError {
		return []uint16{dns.TypeNXNAME}
	}
	var types []uint16
	add := func(is bool, all ...uint16) {
		if is {
			types = append(types, all...)
		}
	}
	switch a.owner.kind {
	case ownerApex:
		types = []uint16{dns.TypeSOA, dns.TypeNS, dns.TypeDNSKEY}
	case ownerServer:
		for _, addr := range a.owner.server.Addrs {
			add(addr.Is4(), dns.TypeA)
			add(addr.Is6(), dns.TypeAAAA)
		}
	case ownerFunction:
		f := a.view.State.Functions.At(a.owner.function)
		v4, v6 := a.view.HasFamily(a.owner.function, false), a.view.HasFamily(a.owner.function, true)
		for _, vip := range f.VIPs {
			v4, v6 = v4 || vip.Is4(), v6 || vip.Is6()
		}
		add(v4, dns.TypeA)
		add(v6, dns.TypeAAAA)
		add(len(f.Texts) > 0, dns.TypeTXT)
		add(len(f.ALPN) > 0, dns.TypeHTTPS, dns.TypeSVCB)
	case ownerService:
		add(a.owner.service.port != nil && a.owner.service.https, dns.TypeHTTPS)
		add(a.owner.service.port != nil && !a.owner.service.https, dns.TypeSRV)
	case ownerPointer:
		types = []uint16{dns.TypePTR}
	}
	return types
}

// owner is what the name asked for is.
type owner struct {
	kind     ownerKind
	function int
	server   *Server
	service  *service
}

type ownerKind uint8

const (
	// ownerNone has no record of its own: names below it have, or nothing has.
	ownerNone ownerKind = iota
	ownerApex
	ownerServer
	ownerFunction
	ownerService
	ownerPointer
)

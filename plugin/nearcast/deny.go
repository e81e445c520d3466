package nearcast

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/plugin/nearcast/zonefile"
)

// nsec denies every type at the name except the given ones, and every name between it and its successor.
func (s *signer) nsec(name string, ttl uint32, types []uint16) *dns.NSEC {
	types = append(slices.Clone(types), dns.TypeRRSIG, dns.TypeNSEC)
	slices.Sort(types)
	return &dns.NSEC{
		Hdr:        dns.RR_Header{Name: name, Rrtype: dns.TypeNSEC, Class: dns.ClassINET, Ttl: ttl},
		NextDomain: successor(name, s.zone), TypeBitMap: slices.Compact(types),
	}
}

// secure signs the answer if the client wants it, and adds the proof to a negative one. Unless the client sets the
// flag CO, a name that does not exist is NOERROR, which resolvers without compact denial require (RFC 9824, section
// 5).
func (a *answer) secure() error {
	opt := a.query.IsEdns0()
	wants := opt != nil && opt.Do()
	switch {
	case a.msg.Rcode == dns.RcodeNameError && !wants, a.msg.Rcode != dns.RcodeSuccess && a.msg.Rcode != dns.RcodeNameError:
		return nil
	case a.qtype() == dns.TypeNSEC || a.qtype() == dns.TypeRRSIG:
		return a.proof(wants)
	case !wants:
		return nil
	}
	if len(a.msg.Answer) == 0 {
		a.msg.Ns = append(slices.Clip(a.msg.Ns), a.nsec())
		if a.msg.Rcode == dns.RcodeNameError && !opt.Co() {
			a.msg.Rcode = dns.RcodeSuccess
		}
	}
	own, others := a.zone.own(a.msg.Extra)
	for _, section := range []*[]dns.RR{&a.msg.Answer, &a.msg.Ns, &own} {
		var err error
		if *section, err = a.sign(*section); err != nil {
			return err
		}
	}
	a.msg.Extra = append(slices.Clip(own), others...)
	return nil
}

// proof answers with the records that every name of a signed zone has, even one that does not exist: its NSEC, or
// the NSEC's signature, which is the whole answer to RRSIG (RFC 8482, section 7).
func (a *answer) proof(wants bool) error {
	nsec := []dns.RR{a.nsec()}
	all, err := a.sign(nsec)
	switch {
	case err != nil:
		return err
	case a.qtype() == dns.TypeRRSIG:
		all = all[1:]
	case !wants:
		all = nsec
	}
	a.msg.Rcode, a.msg.Answer, a.msg.Ns = dns.RcodeSuccess, all, nil
	return nil
}

// sign adds the records' signatures.
func (a *answer) sign(section []dns.RR) ([]dns.RR, error) {
	signed, err := a.zone.signer.sign(section, time.Now())
	if err != nil {
		return nil, fmt.Errorf("plugin/nearcast: sign %s: %w", a.name(), err)
	}
	return signed, nil
}

// nsec denies types at the query name. It leaves out the query type even if other clients, who are steered
// elsewhere, may get it.
func (a *answer) nsec() *dns.NSEC {
	types := slices.DeleteFunc(a.types(), func(t uint16) bool { return t == a.qtype() })
	return a.zone.signer.nsec(a.name(), a.zone.soa.Minttl, types)
}

// types are those that exist at the query name for any client; NXNAME if the name itself does not exist.
func (a *answer) types() []uint16 {
	if a.msg.Rcode == dns.RcodeNameError {
		return []uint16{dns.TypeNXNAME}
	}
	var types typeList
	switch a.owner.kind {
	case ownerApex, ownerApexFunction:
		types = typeList{dns.TypeSOA, dns.TypeNS, dns.TypeDNSKEY}
		types.add(len(a.zone.keys.signers) > 0, dns.TypeCDS, dns.TypeCDNSKEY)
		types.addresses(a.zone.apexAddrs())
	case ownerServer:
		types.addresses(a.owner.server.Addrs)
	case ownerService:
		types.add(a.owner.service.port != nil && a.owner.service.https, dns.TypeHTTPS)
		types.add(a.owner.service.port != nil && !a.owner.service.https, dns.TypeSRV)
	case ownerPointer:
		types = typeList{dns.TypePTR}
	case ownerDelegation:
		types = typeList{dns.TypeNS}
		types.add(len(a.owner.delegation.signers) > 0, dns.TypeDS)
	}
	if a.owner.kind == ownerFunction || a.owner.kind == ownerApexFunction {
		a.addFunctionTypes(&types)
	}
	return append(types, a.owner.node.Types()...)
}

// addFunctionTypes adds the types of the function at the name.
func (a *answer) addFunctionTypes(types *typeList) {
	f := a.view.State.Functions.At(a.owner.function)
	types.add(a.view.HasFamily(a.owner.function, false), dns.TypeA)
	types.add(a.view.HasFamily(a.owner.function, true), dns.TypeAAAA)
	types.addresses(f.VIPs)
	if w := a.view.WhenAllDown(a.owner.function); w != nil {
		types.addresses(w.Addresses)
	}
	types.add(len(f.Texts) > 0, dns.TypeTXT)
	types.add(len(f.ALPN) > 0, dns.TypeHTTPS, dns.TypeSVCB)
}

// typeList collects the types at a name.
type typeList []uint16

func (l *typeList) add(is bool, all ...uint16) {
	if is {
		*l = append(*l, all...)
	}
}

func (l *typeList) addresses(addrs []netip.Addr) {
	for _, addr := range addrs {
		l.add(addr.Is4(), dns.TypeA)
		l.add(addr.Is6(), dns.TypeAAAA)
	}
}

// owner is the kind of the query name.
type owner struct {
	kind       ownerKind
	function   int
	server     *Server
	service    *service
	delegation *delegation
	// node has the records of the file at the name, which may be a function's too; nil if there are none.
	node *zonefile.Node
}

type ownerKind uint8

const (
	// ownerNone has no record of its own: either names below it have, or none has.
	ownerNone ownerKind = iota
	ownerApex
	// ownerApexFunction is the apex of a zone that is a function's name too.
	ownerApexFunction
	ownerServer
	ownerFunction
	ownerService
	ownerPointer
	ownerDelegation
	// ownerFixed has the records of its node alone.
	ownerFixed
)

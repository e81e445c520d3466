package nearcast

import (
	"errors"
	"net/netip"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/site"
	"github.com/nearcast/nearcast/plugin/internal/client"
)

// ecs says whose client-subnet option (RFC 7871) is trusted.
type ecs struct {
	off bool
	// from, if not empty, are the only trusted sources.
	from []netip.Prefix
}

// errMalformed is a client-subnet option that RFC 7871 requires to refuse.
var errMalformed = errors.New("malformed client-subnet option")

// who finds the client: the source of the query, or the subnet in its option.
func (e *ecs) who(v *site.View, w dns.ResponseWriter, r *dns.Msg) (site.Client, error) {
	var subnet netip.Prefix
	if option := e.option(w, r); option != nil {
		p, err := prefixOf(option)
		if err != nil {
			return site.Client{}, err
		}
		subnet = p
	}
	return v.Locate(client.Source(w.RemoteAddr()), subnet), nil
}

// option returns the query's client-subnet option if its source is trusted, and nil otherwise. An untrusted option
// counts as one that the server does not implement: it is neither checked nor answered (RFC 6891, section 6.1.2).
func (e *ecs) option(w dns.ResponseWriter, r *dns.Msg) *dns.EDNS0_SUBNET {
	option := client.Subnet(r)
	if option == nil || !e.believes(client.Source(w.RemoteAddr())) {
		return nil
	}
	return option
}

func (e *ecs) believes(source netip.Addr) bool {
	if e.off {
		return false
	}
	for _, p := range e.from {
		if p.Contains(source) {
			return true
		}
	}
	return len(e.from) == 0
}

// prefixOf checks what RFC 7871, section 6, requires of a query: a scope of zero, and no bits set beyond the source
// length.
func prefixOf(o *dns.EDNS0_SUBNET) (netip.Prefix, error) {
	addr, ok := netip.AddrFromSlice(o.Address)
	if !ok || o.SourceScope != 0 {
		return netip.Prefix{}, errMalformed
	}
	if o.Family != 2 { // family 0 has length 0 only
		addr = addr.Unmap()
	}
	p := netip.PrefixFrom(addr, int(o.SourceNetmask))
	if !p.IsValid() || !zeroBeyond(addr, int(o.SourceNetmask)) {
		return netip.Prefix{}, errMalformed
	}
	return p, nil
}

// zeroBeyond reports whether a has no bit set beyond the first ones. netip has no masks for IPv4-mapped addresses.
func zeroBeyond(a netip.Addr, bits int) bool {
	raw := a.AsSlice()
	for i, b := range raw {
		if keep := min(max(bits-8*i, 0), 8); b<<keep != 0 {
			return false
		}
	}
	return true
}

package routerconfig

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/nearcast/nearcast/bgp/config"
	"github.com/nearcast/nearcast/bgp/route"
)

// Own is what a file shared by many racks leaves open about a router.
type Own struct {
	// Address is the router's own, if speakers find it by their default route. A link-local address
	// has the router's name of the link as its zone: the session is then unnumbered at the router.
	Address netip.Addr
	// ASN is the router's AS number, if the file accepts any external AS.
	ASN uint32
}

// leftOpen says what must be specified about the router in addition to the file; "" for nothing.
func leftOpen(p *config.Peer) string {
	switch {
	case p.Gateway != "" && p.Interface == "" && !p.Address.IsValid():
		return "the speakers find the router by their default route; set --address to its address on that link"
	case p.External:
		return "the file has asn: external; set --asn to the router's AS"
	}
	return ""
}

// In returns the configuration and the peer for this router. A value that the file does not leave
// open is an error.
func (r Own) In(c *config.Config, p *config.Peer) (*config.Config, *config.Peer, error) {
	if err := r.check(c, p); err != nil {
		return nil, nil, err
	}
	o := *c
	o.Peers = slices.Clone(c.Peers)
	q := &o.Peers[slices.IndexFunc(c.Peers, func(q config.Peer) bool { return q.Name() == p.Name() })]
	if r.ASN != 0 {
		q.External, q.ASN = false, r.ASN
	}
	switch { // Gateway stays: lists of peers use it as the name
	case r.Address.Zone() != "":
		q.Interface = r.Address.Zone()
	case r.Address.IsValid():
		q.Address = r.Address.Unmap()
	}
	return &o, q, nil
}

func (r Own) check(c *config.Config, p *config.Peer) error {
	a := r.Address.Unmap()
	switch {
	case a.IsValid() && p.Gateway == "":
		return fmt.Errorf("--address: not allowed, because the file already has the router's address, %s", p.Name())
	case a.IsValid() && route.FamilyOf(a) != p.Gateway:
		return fmt.Errorf("--address: %s is not an %s address, the family of the default route to the router", a, p.Gateway)
	case a.IsValid() && a.Is6() && a.IsLinkLocalUnicast() && a.Zone() == "":
		return fmt.Errorf("--address: %s is link-local; append the router's name of the link, such as %[1]s%%swp1", a)
	case r.ASN != 0 && !p.External:
		return fmt.Errorf("--asn: not allowed, because the file already has the router's AS, %d", p.ASN)
	case r.ASN != 0 && r.ASN == c.ASN:
		return fmt.Errorf("--asn: %d is the speakers' own AS, which asn: external excludes", r.ASN)
	}
	return nil
}

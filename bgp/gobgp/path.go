package gobgp

import (
	"net/netip"
	"time"

	"github.com/osrg/gobgp/v4/pkg/apiutil"
	gobgp "github.com/osrg/gobgp/v4/pkg/packet/bgp"

	"github.com/nearcast/nearcast/bgp"
)

// pathOf returns the route as GoBGP has it. An unspecified next hop becomes the
// session's local address.
func pathOf(route bgp.Route) (*apiutil.Path, error) {
	nlri, err := gobgp.NewIPAddrPrefix(route.Prefix)
	if err != nil {
		return nil, err
	}
	unspecified := netip.IPv4Unspecified()
	if route.Prefix.Addr().Is6() {
		unspecified = netip.IPv6Unspecified()
	}
	hop, err := gobgp.NewPathAttributeNextHop(unspecified)
	if err != nil {
		return nil, err
	}
	return &apiutil.Path{
		Family: familyOf(route.Prefix), Nlri: nlri, Age: time.Now().Unix(),
		Attrs: append([]gobgp.PathAttributeInterface{gobgp.NewPathAttributeOrigin(gobgp.BGP_ORIGIN_ATTR_TYPE_IGP), hop}, attributesOf(route.Attributes)...),
	}, nil
}

func attributesOf(a bgp.Attributes) []gobgp.PathAttributeInterface {
	var all []gobgp.PathAttributeInterface
	if a.MED != nil {
		all = append(all, gobgp.NewPathAttributeMultiExitDisc(*a.MED))
	}
	if a.LocalPreference != nil {
		all = append(all, gobgp.NewPathAttributeLocalPref(*a.LocalPreference))
	}
	if len(a.Communities.Standard) > 0 {
		all = append(all, gobgp.NewPathAttributeCommunities(a.Communities.Standard))
	}
	var large []*gobgp.LargeCommunity
	for _, l := range a.Communities.Large {
		large = append(large, gobgp.NewLargeCommunity(l[0], l[1], l[2]))
	}
	if a.Prepend > 0 {
		large = append(large, gobgp.NewLargeCommunity(bgp.ReservedASN, markPrepend, uint32(a.Prepend)))
	}
	if len(large) > 0 {
		all = append(all, gobgp.NewPathAttributeLargeCommunities(large))
	}
	return all
}

func familyOf(prefix netip.Prefix) gobgp.Family {
	if prefix.Addr().Is6() {
		return gobgp.RF_IPv6_UC
	}
	return gobgp.RF_IPv4_UC
}

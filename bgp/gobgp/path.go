package gobgp

import (
	"math"
	"net/netip"
	"time"

	"github.com/osrg/gobgp/v4/pkg/apiutil"
	gobgp "github.com/osrg/gobgp/v4/pkg/packet/bgp"

	"github.com/nearcast/nearcast/bgp/route"
)

// pathOf returns the route as a GoBGP path. An unspecified next hop becomes the session's local
// address. asn is this site's own.
func pathOf(r route.Route, asn uint32) (*apiutil.Path, error) {
	nlri, err := gobgp.NewIPAddrPrefix(r.Prefix)
	if err != nil {
		return nil, err
	}
	unspecified := netip.IPv4Unspecified()
	if r.Prefix.Addr().Is6() {
		unspecified = netip.IPv6Unspecified()
	}
	hop, err := gobgp.NewPathAttributeNextHop(unspecified)
	if err != nil {
		return nil, err
	}
	return &apiutil.Path{
		Family: familyOf(r.Prefix), Nlri: nlri, Age: time.Now().Unix(),
		Attrs: append([]gobgp.PathAttributeInterface{gobgp.NewPathAttributeOrigin(gobgp.BGP_ORIGIN_ATTR_TYPE_IGP), hop}, attributesOf(r, asn)...),
	}, nil
}

func attributesOf(a route.Route, asn uint32) []gobgp.PathAttributeInterface {
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
		large = append(large, gobgp.NewLargeCommunity(route.ReservedASN, markPrepend, uint32(a.Prepend)))
	}
	if a.OwnPreference {
		large = append(large, gobgp.NewLargeCommunity(route.ReservedASN, markOwnPreference, 1))
	}
	if len(large) > 0 {
		all = append(all, gobgp.NewPathAttributeLargeCommunities(large))
	}
	if extended := extendedOf(a.Attributes, asn); len(extended) > 0 {
		all = append(all, gobgp.NewPathAttributeExtendedCommunities(extended))
	}
	return all
}

// extendedOf returns the extended communities octet by octet: GoBGP's own types cannot express
// everything, such as the flags of a color.
func extendedOf(a route.Attributes, asn uint32) []gobgp.ExtendedCommunityInterface {
	var all []gobgp.ExtendedCommunityInterface
	for _, c := range a.Communities.Extended {
		all = append(all, &gobgp.UnknownExtended{Type: gobgp.ExtendedCommunityAttrType(c[0]), Value: c[1:]})
	}
	if a.LinkBandwidth > 0 {
		as := uint16(gobgp.AS_TRANS) // RFC 10005: the field has 16 bits
		if asn <= math.MaxUint16 {
			as = uint16(asn)
		}
		all = append(all, gobgp.NewLinkBandwidthExtended(as, a.LinkBandwidth.BytesPerSecond()))
	}
	return all
}

func familyOf(prefix netip.Prefix) gobgp.Family {
	if prefix.Addr().Is6() {
		return gobgp.RF_IPv6_UC
	}
	return gobgp.RF_IPv4_UC
}

package route

import (
	"net/netip"
	"reflect"
	"slices"
)

// Export is which routes a peer is sent, and what they carry in addition to the attributes of their
// state and VIP. It is immutable.
type Export struct {
	// VIPs are the prefixes that must contain a route; nil for any.
	VIPs []netip.Prefix `json:"vips,omitempty"`
	// Attributes are added to those of the route; nil for none. Their LocalPreference is that of
	// the state up; Preferences holds the resulting values of all states.
	Attributes *Attributes `json:"attributes,omitempty"`
	// Preferences replace the local preferences of the states for an iBGP peer. In their order,
	// none changes the result of another.
	Preferences []Preference `json:"preferences,omitempty"`
}

// Preference replaces one local preference (RFC 4271, section 5.1.5) with another. Neither is 0.
type Preference struct {
	From uint32 `json:"from"`
	To   uint32 `json:"to"`
}

// Takes reports whether the peer is sent routes to the prefix.
func (e *Export) Takes(prefix netip.Prefix) bool {
	return len(e.VIPs) == 0 || slices.ContainsFunc(e.VIPs, func(in netip.Prefix) bool { return Inside(prefix, in) })
}

// Sent returns what a route carries at the peer. own says that the local preference is the VIP's
// own, which no peer overrides; internal says that the session is iBGP.
func (e *Export) Sent(a Attributes, own, internal bool) Attributes {
	if more := e.Attributes; more != nil {
		summed := *more
		summed.LocalPreference = nil
		a = a.With(&summed, 0)
	}
	if !internal {
		a.LocalPreference = nil
		return a
	}
	a.Prepend = 0
	is := ValueOr(a.LocalPreference, DefaultPreference)
	if i := slices.IndexFunc(e.Preferences, func(p Preference) bool { return p.From == is }); i >= 0 && !own {
		a.LocalPreference = new(e.Preferences[i].To)
	}
	return a
}

// Equal reports whether e and o send a peer the same.
func (e *Export) Equal(o *Export) bool { return reflect.DeepEqual(e, o) }

// Inside reports whether b contains all addresses of a.
func Inside(a, b netip.Prefix) bool { return b.Bits() <= a.Bits() && b.Contains(a.Addr()) }

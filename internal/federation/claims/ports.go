package claims

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// PortRange is the range of TCP ports from First to Last, inclusive.
type PortRange struct{ First, Last uint16 }

// ParsePortRange parses "N" or "N-N", with ports from 1 to 65535.
func ParsePortRange(s string) (PortRange, error) {
	first, last, ranged := strings.Cut(s, "-")
	if !ranged {
		last = first
	}
	from, err1 := strconv.ParseUint(first, 10, 16)
	to, err2 := strconv.ParseUint(last, 10, 16)
	if cmp.Or(err1, err2) != nil || from == 0 || from > to {
		return PortRange{}, fmt.Errorf("%q is not a port from 1 to 65535, or a range such as 30000-32767", s)
	}
	return PortRange{uint16(from), uint16(to)}, nil
}

// UnmarshalText implements encoding.TextUnmarshaler with ParsePortRange.
func (r *PortRange) UnmarshalText(text []byte) (err error) {
	*r, err = ParsePortRange(string(text))
	return err
}

// Has reports whether the port is in the range.
func (r PortRange) Has(port uint16) bool { return port >= r.First && port <= r.Last }

// AllowsPort reports whether the namespace's claims allow a probe to use a port that is
// not the function's own. A claim of addresses without ports allows all ports of these
// addresses, since they belong to the namespace. Without any claim line no other port is
// allowed: a gateway's address serves more than functions.
func (c List) AllowsPort(namespace string, to netip.AddrPort) bool {
	return slices.ContainsFunc(c, func(claim Claim) bool {
		return (claim.Namespace == namespace || claim.Namespace == AnyNamespace) && claim.allowsPort(to)
	})
}

func (c Claim) allowsPort(to netip.AddrPort) bool {
	at := func(p netip.Prefix) bool { return p.Contains(to.Addr()) }
	if len(c.Addresses) > 0 && !slices.ContainsFunc(c.Addresses, at) {
		return false
	}
	if len(c.Ports) == 0 {
		return len(c.Addresses) > 0
	}
	return slices.ContainsFunc(c.Ports, func(r PortRange) bool { return r.Has(to.Port()) })
}

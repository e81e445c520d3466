package routerconfig

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"

	"github.com/nearcast/nearcast/bgp/config"
	"github.com/nearcast/nearcast/bgp/route"
)

// family is the router's configuration for one address family.
type family struct {
	Name route.Family
	// Prefixes are those that the peer is sent: first VIPs and aggregates, then pools, of which
	// only single addresses are sent.
	Prefixes []prefix
	// Sum identifies the prefixes in the names of lists.
	Sum string
	// Limit is the maximum number of routes.
	Limit int
	// Extended: IPv4 routes have an IPv6 next hop (RFC 8950).
	Extended bool
}

// prefix is a VIP or a pool.
type prefix struct {
	netip.Prefix
	// Pool: addresses inside the prefix are meant.
	Pool bool
}

// Version is 4 or 6.
func (f family) Version() int {
	if f.Name == route.IPv4 {
		return 4
	}
	return 6
}

// Bits is the length of an address in bits.
func (f family) Bits() int {
	if f.Name == route.IPv4 {
		return 32
	}
	return 128
}

func familyOf(c *config.Config, p *config.Peer, name route.Family) family {
	f := family{Name: name, Extended: name == route.IPv4 && p.Session() == route.IPv6 && !p.NextHop.IsValid()}
	for _, o := range c.Offered(p) {
		if route.FamilyOf(o.Addr()) == name {
			f.add(prefix{o.Prefix, o.Pool})
		}
	}
	f.Limit, f.Sum = f.limit(), f.sum()
	return f
}

// sum identifies what the list permits, regardless of the order in the file.
func (f *family) sum() string {
	lines := make([]string, len(f.Prefixes))
	for i, p := range f.Prefixes {
		lines[i] = fmt.Sprintf("%s %t", p.Prefix, p.Pool)
	}
	slices.Sort(lines)
	sum := sha256.Sum256(fmt.Append(nil, lines))
	return hex.EncodeToString(sum[:4])
}

// All is the prefix that contains every address of the family.
func (f family) All() netip.Prefix {
	if f.Name == route.IPv4 {
		return netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	}
	return netip.PrefixFrom(netip.IPv6Unspecified(), 0)
}

// IP is the family's keyword in commands that are older than IPv6.
func (f family) IP() string {
	if f.Name == route.IPv4 {
		return "ip"
	}
	return "ipv6"
}

// add adds the prefix unless it is present: pools of several namespaces may have the same.
func (f *family) add(p prefix) {
	if !slices.Contains(f.Prefixes, p) {
		f.Prefixes = append(f.Prefixes, p)
	}
}

// maxOfPool is how many addresses of a pool are assumed to be in use at most.
const maxOfPool = 10_000

// limit leaves room for VIPs that are added before the router's configuration is updated: a session
// that the router tears down takes all of the site's VIPs with it.
func (f *family) limit() int {
	n := 0
	for _, p := range f.Prefixes {
		switch host := f.Bits() - p.Bits(); {
		case !p.Pool: // an aggregate is one route
			n++
		case host < 13:
			n += 1 << host
		default:
			n += maxOfPool
		}
	}
	return 2*n + 10
}

// Six is what VyOS appends to the names of IPv6 objects.
func (f family) Six() string {
	if f.Name == route.IPv4 {
		return ""
	}
	return "6"
}

// Last returns the index of the last prefix.
func (f family) Last() int { return len(f.Prefixes) - 1 }

// seq returns the sequence number of list entry i: 10, 20, and so on.
func seq(i int) int { return 10 * (i + 1) }

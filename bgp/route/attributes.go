// Package route has what the speaker announces: routes with their attributes, and what a peer is
// sent of them. It is pure, and knows no session and no file.
package route

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Route is one announcement.
type Route struct {
	Prefix netip.Prefix
	Attributes
	// OwnPreference keeps a peer's local preference from replacing that of the route.
	OwnPreference bool
	// To lists the peers that the route is for, by config.Peer.Entry, sorted; nil for all. Of
	// these, only peers whose Export takes the prefix receive it.
	To []string
}

// Equal reports whether the routes have the same content and the same recipients.
func (r Route) Equal(o Route) bool { return r.SameTo(o) && r.SameAs(o) }

// SameAs reports whether the routes have the same content, regardless of recipients.
func (r Route) SameAs(o Route) bool {
	return r.Prefix == o.Prefix && r.OwnPreference == o.OwnPreference && r.Attributes.Equal(o.Attributes)
}

// SameTo reports whether the routes have the same recipients.
func (r Route) SameTo(o Route) bool {
	return (r.To == nil) == (o.To == nil) && slices.Equal(r.To, o.To)
}

// Attributes are those of a VIP's route in one state.
type Attributes struct {
	// Prepend is how often the site's AS number is added to the path, 0 to 10. Only eBGP peers see
	// it.
	Prepend int `yaml:"prepend" json:"prepend,omitempty"`
	// MED is sent to all peers; nil for none.
	MED *uint32 `yaml:"med" json:"med,omitempty"`
	// LocalPreference is sent to iBGP peers; nil leaves it to their default.
	LocalPreference *uint32     `yaml:"localPreference" json:"localPreference,omitempty"`
	Communities     Communities `yaml:"communities" json:"communities,omitzero"`
	// LinkBandwidth makes routers share the load in proportion (RFC 10005); 0 for none.
	LinkBandwidth Bandwidth `yaml:"linkBandwidth" json:"linkBandwidth,omitzero"`
}

// Equal reports whether both are the same, with the communities in the same order.
func (a Attributes) Equal(o Attributes) bool {
	return a.Prepend == o.Prepend && same(a.MED, o.MED) && same(a.LocalPreference, o.LocalPreference) &&
		a.LinkBandwidth == o.LinkBandwidth && a.Communities.equal(o.Communities)
}

// SetsPreference reports whether the attributes set a local preference; a may be nil.
func (a *Attributes) SetsPreference() bool { return a != nil && a.LocalPreference != nil }

func same(a, b *uint32) bool {
	return a == b || a != nil && b != nil && *a == *b
}

// Communities are standard (RFC 1997), large (RFC 8092) and extended (RFC 4360) communities.
type Communities struct {
	Standard []uint32
	Large    []LargeCommunity
	Extended []ExtendedCommunity
}

func (c Communities) equal(o Communities) bool {
	return slices.Equal(c.Standard, o.Standard) && slices.Equal(c.Large, o.Large) && slices.Equal(c.Extended, o.Extended)
}

// LargeCommunity is three numbers, the first of which is an AS number.
type LargeCommunity [3]uint32

// Well-known communities.
const (
	// GracefulShutdown is the community of RFC 8326.
	GracefulShutdown uint32 = 65535 << 16
	// NoExport and NoAdvertise are those of RFC 1997, NoPeer is that of RFC 3765.
	NoExport    uint32 = 65535<<16 | 0xff01
	NoAdvertise uint32 = 65535<<16 | 0xff02
	NoPeer      uint32 = 65535<<16 | 0xff04
)

// wellKnown maps names to well-known communities.
var wellKnown = map[string]uint32{
	"graceful-shutdown": GracefulShutdown,
	"no-export":         NoExport,
	"no-advertise":      NoAdvertise,
	"no-peer":           NoPeer,
}

// UnmarshalYAML reads a list of NAME, N:N, N:N:N and the forms of extended communities. The error
// lists every fault.
func (c *Communities) UnmarshalYAML(node *yaml.Node) error {
	var texts []string
	if err := node.Decode(&texts); err != nil {
		return err
	}
	var found []string
	for i, text := range texts {
		if err := c.add(text); err != nil {
			line := node.Line
			if i < len(node.Content) {
				line = node.Content[i].Line
			}
			found = append(found, fmt.Sprintf("line %d: communities: %v", line, err))
		}
	}
	if len(found) > 0 {
		return &yaml.TypeError{Errors: found}
	}
	return nil
}

// Texts returns the communities in the form that UnmarshalYAML reads.
func (c Communities) Texts() []string {
	var texts []string
	for _, n := range c.Standard {
		text := fmt.Sprintf("%d:%d", n>>16, n&0xffff)
		for name, known := range wellKnown {
			if n == known {
				text = name
			}
		}
		texts = append(texts, text)
	}
	for _, l := range c.Large {
		texts = append(texts, fmt.Sprintf("%d:%d:%d", l[0], l[1], l[2]))
	}
	for _, e := range c.Extended {
		texts = append(texts, e.String())
	}
	return texts
}

// And returns these communities plus those of more that are not among them.
func (c Communities) And(more Communities) Communities {
	return Communities{merged(c.Standard, more.Standard), merged(c.Large, more.Large), merged(c.Extended, more.Extended)}
}

// Without returns these communities except those in less.
func (c Communities) Without(less Communities) Communities {
	return Communities{left(c.Standard, less.Standard), left(c.Large, less.Large), left(c.Extended, less.Extended)}
}

func merged[T comparable](a, b []T) []T { return slices.Concat(a, left(b, a)) }

func left[T comparable](a, less []T) []T {
	return slices.DeleteFunc(slices.Clone(a), func(one T) bool { return slices.Contains(less, one) })
}

// Has reports whether the standard community is among them (RFC 1997).
func (c Communities) Has(standard uint32) bool { return slices.Contains(c.Standard, standard) }

// IsZero reports whether there are none.
func (c Communities) IsZero() bool { return c.Size() == 0 }

// MarshalJSON writes the form that UnmarshalYAML reads.
func (c Communities) MarshalJSON() ([]byte, error) { return json.Marshal(c.Texts()) }

// UnmarshalJSON reads the output of MarshalJSON.
func (c *Communities) UnmarshalJSON(data []byte) error {
	var texts []string
	if err := json.Unmarshal(data, &texts); err != nil {
		return err
	}
	for _, text := range texts {
		if err := c.add(text); err != nil {
			return err
		}
	}
	return nil
}

func (c *Communities) add(text string) error {
	if known, ok := wellKnown[text]; ok {
		c.Standard = append(c.Standard, known)
		return nil
	}
	if isExtended(text) {
		e, err := parseExtended(text)
		c.Extended = append(c.Extended, e)
		return err
	}
	fields := strings.Split(text, ":")
	bits := 16
	if len(fields) == 3 {
		bits = 32
	}
	var numbers []uint32
	for _, field := range fields {
		n, err := strconv.ParseUint(field, 10, bits)
		if err != nil || len(fields) < 2 || len(fields) > 3 {
			return fmt.Errorf("%q is not graceful-shutdown, no-export, no-advertise, no-peer, N:N of 16 bits each, N:N:N of 32 bits each, or an extended community: rt:N:N, soo:N:N, color:N or 0x and 16 hexadecimal digits", text)
		}
		numbers = append(numbers, uint32(n))
	}
	if len(numbers) == 2 {
		c.Standard = append(c.Standard, numbers[0]<<16|numbers[1])
		return nil
	}
	if numbers[0] == ReservedASN {
		return fmt.Errorf("%q: %d is reserved for the speaker's own use", text, ReservedASN)
	}
	c.Large = append(c.Large, LargeCommunity(numbers))
	return nil
}

// ReservedASN is reserved (RFC 7300). An Announcer may mark routes with it, because no route of the
// configuration carries it.
const ReservedASN uint32 = 4294967295

// Host returns the prefix of a single address: a /32 or a /128.
func Host(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()) }

// ValueOr returns what n points to, or the fallback if n is nil.
func ValueOr(n *uint32, fallback uint32) uint32 {
	if n == nil {
		return fallback
	}
	return *n
}

const (
	// MaxPrepend is more than routers need, and fewer than some reject.
	MaxPrepend = 10
	// DefaultPreference is what iBGP peers assume for a route without one.
	DefaultPreference = 100
)

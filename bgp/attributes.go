package bgp

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Route is one announcement.
type Route struct {
	Prefix netip.Prefix
	Attributes
}

// Equal reports whether the routes say the same.
func (r Route) Equal(o Route) bool {
	return r.Prefix == o.Prefix && r.equal(o.Attributes)
}

// Attributes are what routes of VIPs in one state carry.
type Attributes struct {
	// Prepend is how often the site's number stands in the path beyond once, 0 to
	// 10; eBGP alone sees it.
	Prepend int `yaml:"prepend" json:"prepend,omitempty"`
	// MED is sent to all peers; nil for none.
	MED *uint32 `yaml:"med" json:"med,omitempty"`
	// LocalPreference is sent to iBGP peers; nil for their own default.
	LocalPreference *uint32     `yaml:"localPreference" json:"localPreference,omitempty"`
	Communities     Communities `yaml:"communities" json:"communities,omitzero"`
}

func (a Attributes) equal(o Attributes) bool {
	return a.Prepend == o.Prepend && same(a.MED, o.MED) && same(a.LocalPreference, o.LocalPreference) &&
		slices.Equal(a.Communities.Standard, o.Communities.Standard) && slices.Equal(a.Communities.Large, o.Communities.Large)
}

func same(a, b *uint32) bool {
	return a == b || a != nil && b != nil && *a == *b
}

// Communities are standard (RFC 1997) and large (RFC 8092) ones.
type Communities struct {
	Standard []uint32
	Large    []LargeCommunity
}

// LargeCommunity is three numbers, the first an autonomous system's.
type LargeCommunity [3]uint32

// GracefulShutdown is the community of RFC 8326.
const GracefulShutdown uint32 = 65535 << 16

// wellKnown are the communities that have a name.
var wellKnown = map[string]uint32{
	"graceful-shutdown": GracefulShutdown,
	"no-export":         65535<<16 | 0xff01,
	"no-advertise":      65535<<16 | 0xff02,
	"no-peer":           65535<<16 | 0xff04,
}

// UnmarshalYAML reads a list of NAME, N:N and N:N:N.
func (c *Communities) UnmarshalYAML(node *yaml.Node) error {
	var texts []string
	if err := node.Decode(&texts); err != nil {
		return err
	}
	for i, text := range texts {
		if err := c.add(text); err != nil {
			line := node.Line
			if i < len(node.Content) {
				line = node.Content[i].Line
			}
			return &yaml.TypeError{Errors: []string{fmt.Sprintf("line %d: communities: %v", line, err)}}
		}
	}
	return nil
}

// Texts are the communities as UnmarshalYAML reads them.
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
	return texts
}

// IsZero reports whether there are none.
func (c Communities) IsZero() bool { return len(c.Standard)+len(c.Large) == 0 }

// MarshalJSON writes what UnmarshalYAML reads.
func (c Communities) MarshalJSON() ([]byte, error) { return json.Marshal(c.Texts()) }

// UnmarshalJSON reads what MarshalJSON wrote.
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
	fields := strings.Split(text, ":")
	bits := 16
	if len(fields) == 3 {
		bits = 32
	}
	var numbers []uint32
	for _, field := range fields {
		n, err := strconv.ParseUint(field, 10, bits)
		if err != nil || len(fields) < 2 || len(fields) > 3 {
			return fmt.Errorf("%q is not graceful-shutdown, no-export, no-advertise, no-peer, N:N of 16 bits each or N:N:N of 32", text)
		}
		numbers = append(numbers, uint32(n))
	}
	if len(numbers) == 2 {
		c.Standard = append(c.Standard, numbers[0]<<16|numbers[1])
		return nil
	}
	if numbers[0] == ReservedASN {
		return fmt.Errorf("%q: %d is a reserved number, which the speaker uses itself", text, ReservedASN)
	}
	c.Large = append(c.Large, LargeCommunity(numbers))
	return nil
}

// ReservedASN is no autonomous system (RFC 7300). An Announcer may mark routes with
// it, for no route of the configuration carries it.
const ReservedASN uint32 = 4294967295

// States are the attributes of the states in which a VIP is announced.
type States struct {
	Up       Attributes `yaml:"up"`
	Degraded Attributes `yaml:"degraded"`
	Draining Leave      `yaml:"draining"`
}

// Leave is how a VIP is drained. It always carries GRACEFUL_SHUTDOWN.
type Leave struct {
	Attributes `yaml:",inline"`
	// Dwell is how long routers get to move their traffic before the route is
	// withdrawn, 0 to 10 minutes.
	Dwell time.Duration `yaml:"dwell"`
	// Linger is how long the address then goes on being served, for packets that are
	// under way, 0 to 10 minutes.
	Linger time.Duration `yaml:"linger"`
}

// defaultStates: a draining site loses to a degraded one, and that to one that is
// up, also with peers that do not know GRACEFUL_SHUTDOWN.
func defaultStates() States {
	number := func(n uint32) *uint32 { return &n }
	return States{
		Degraded: Attributes{Prepend: 3, MED: number(100), LocalPreference: number(50)},
		Draining: Leave{
			Attributes: Attributes{Prepend: 6, MED: number(200), LocalPreference: number(0)},
			Dwell:      10 * time.Second, Linger: 5 * time.Second,
		},
	}
}

const (
	// MaxPrepend is more than routers need, and less than what some refuse.
	MaxPrepend = 10
	maxDwell   = 10 * time.Minute
	// localPreference is what iBGP peers take a route without one for.
	localPreference = 100
)

// check completes the states, and finds those that would draw traffic to the
// wrong site.
func (s *States) check(fault faultFunc) {
	for _, state := range []struct {
		key string
		a   *Attributes
	}{{"states.up", &s.Up}, {"states.degraded", &s.Degraded}, {"states.draining", &s.Draining.Attributes}} {
		if state.a.Prepend < 0 || state.a.Prepend > MaxPrepend {
			fault(state.key+".prepend", "%d is not from 0 to %d", state.a.Prepend, MaxPrepend)
		}
		if state.key != "states.draining" && slices.Contains(state.a.Communities.Standard, GracefulShutdown) {
			fault(state.key+".communities", "graceful-shutdown is for draining alone, or a degraded site would lose to one that leaves")
		}
	}
	if !slices.Contains(s.Draining.Communities.Standard, GracefulShutdown) {
		s.Draining.Communities.Standard = append(s.Draining.Communities.Standard, GracefulShutdown)
	}
	for key, d := range map[string]time.Duration{"states.draining.dwell": s.Draining.Dwell, "states.draining.linger": s.Draining.Linger} {
		if d < 0 || d > maxDwell {
			fault(key, "%s is not from 0s to %s", d, maxDwell)
		}
	}
	inOrder := func(better, worse string, a, b Attributes) {
		if a.Prepend > b.Prepend || or(a.MED, 0) > or(b.MED, 0) || or(a.LocalPreference, localPreference) < or(b.LocalPreference, localPreference) {
			fault("states."+worse, "would win over %s; give it at least as many prepends, as high a med and as low a localPreference", better)
		}
	}
	inOrder("up", "degraded", s.Up, s.Degraded)
	inOrder("degraded", "draining", s.Degraded, s.Draining.Attributes)
}

func or(n *uint32, fallback uint32) uint32 {
	if n == nil {
		return fallback
	}
	return *n
}

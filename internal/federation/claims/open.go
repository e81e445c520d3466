package claims

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/nearcast/nearcast/internal/federation"
)

// Open says what every namespace may take, beyond what claims give to a single one: one
// sentence for each.
func (c List) Open(zones []string) []string {
	served := strings.Join(zones, " ")
	if len(c) == 0 {
		return []string{"no claim line: every namespace may take names of " + served + " that no other namespace has, and answer with all but special-purpose addresses"}
	}
	names, addresses := c.of(AnyNamespace)
	var open []string
	if len(names) > 0 {
		open = append(open, "claim *: every namespace may take names at and below "+strings.Join(names, " ")+", including those of other namespaces")
	}
	if len(addresses) > 0 {
		open = append(open, "claim *: every namespace may answer with addresses in "+join(addresses))
	}
	return open
}

// Shared lists what the claims give to two namespaces: the owner of the older function
// gets it.
func (c List) Shared() []string {
	var shared []string
	for i, a := range c {
		for _, b := range c[:i] {
			if a.Namespace == b.Namespace || a.Namespace == AnyNamespace || b.Namespace == AnyNamespace {
				continue
			}
			both := sharedNames(a.Names, b.Names)
			for _, p := range Overlap(a.Addresses, b.Addresses) {
				both = append(both, p.String())
			}
			for _, what := range both {
				shared = append(shared, fmt.Sprintf("%s is claimed for namespaces %s and %s: what both take goes to the older function; give each namespace its own range", what, b.Namespace, a.Namespace))
			}
		}
	}
	return shared
}

func sharedNames(a, b []string) (shared []string) {
	for _, mine := range a {
		for _, theirs := range b {
			switch {
			case federation.IsAtOrBelow(mine, theirs):
				shared = append(shared, mine)
			case federation.IsAtOrBelow(theirs, mine):
				shared = append(shared, theirs)
			}
		}
	}
	return shared
}

// Overlap returns the ranges that are in both lists: the prefixes of either that are
// within a prefix of the other.
func Overlap(a, b []netip.Prefix) (both []netip.Prefix) {
	for _, mine := range a {
		for _, theirs := range b {
			switch {
			case !mine.Overlaps(theirs):
			case mine.Bits() > theirs.Bits():
				both = append(both, mine)
			default:
				both = append(both, theirs)
			}
		}
	}
	return both
}

func join(prefixes []netip.Prefix) string {
	var all []string
	for _, p := range prefixes {
		all = append(all, p.String())
	}
	return strings.Join(all, " ")
}

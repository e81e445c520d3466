package policy

import (
	"slices"
	"strings"
)

// Fence limits something to places. The zero Fence limits nothing.
type Fence struct {
	// Allow are the only places, if there are any; Deny are excluded.
	Allow, Deny []Place
}

// Place is a region, or one of its zones.
type Place struct {
	Region string
	Zone   string // "" for the whole region
}

// String returns the place as it is written: REGION[/ZONE].
func (p Place) String() string {
	if p.Zone == "" {
		return p.Region
	}
	return p.Region + "/" + p.Zone
}

// Limits reports whether the fence excludes anything.
func (f Fence) Limits() bool { return len(f.Allow) > 0 || len(f.Deny) > 0 }

// Admits reports whether something that is in the zones of the region, all of which may be
// unknown, is inside the fence: none of them may be denied, and each must be allowed.
func (f Fence) Admits(region string, zones []string) bool {
	denied := func(p Place) bool { return p.Region == region && (p.Zone == "" || slices.Contains(zones, p.Zone)) }
	if slices.ContainsFunc(f.Deny, denied) {
		return false
	}
	whole := slices.Contains(f.Allow, Place{Region: region})
	outside := func(zone string) bool { return !slices.Contains(f.Allow, Place{region, zone}) }
	return len(f.Allow) == 0 || whole || len(zones) > 0 && !slices.ContainsFunc(zones, outside)
}

// Of returns the options that make the fence of clusters or clients, such as "allow clusters eu".
func (f Fence) Of(what string) string {
	var all []string
	for _, list := range [...]struct {
		option string
		places []Place
	}{{"allow", f.Allow}, {"deny", f.Deny}} {
		if len(list.places) == 0 {
			continue
		}
		var words []string
		for _, p := range list.places {
			words = append(words, p.String())
		}
		all = append(all, list.option+" "+what+" "+strings.Join(words, ","))
	}
	return strings.Join(all, " ")
}

// fenced is the usage of allow and deny.
const fenced = "clusters|clients REGION[/ZONE],..."

// mostPlaces bounds the places of a list, which a query may look through: tenants write them.
const mostPlaces = 64

// fences takes any number of "allow WHAT PLACE,…" and "deny WHAT PLACE,…".
func (o *options) fences() (clusters, clients Fence) {
	for _, option := range [...]string{"allow", "deny"} {
		for v := o.values(option, fenced, 2); v != nil; v = o.values(option, fenced, 2) {
			fence := &clusters
			switch v[0] {
			case "clusters":
			case "clients":
				fence = &clients
			default:
				o.fail("%s: %q is neither clusters nor clients", option, v[0])
			}
			list := &fence.Allow
			if option == "deny" {
				list = &fence.Deny
			}
			if *list = append(*list, o.places(option, v[1])...); len(*list) > mostPlaces {
				o.fail("%s %s: %d places; the limit is %d", option, v[0], len(*list), mostPlaces)
			}
			o.known = o.known[:len(o.known)-1]
		}
	}
	return clusters, clients
}

func (o *options) places(option, text string) (all []Place) {
	for word := range strings.SplitSeq(text, ",") {
		region, zone, zoned := strings.Cut(word, "/")
		if region == "" || zoned && zone == "" {
			o.fail("%s: %q is not REGION[/ZONE]", option, word)
		}
		all = append(all, Place{region, zone})
	}
	return all
}

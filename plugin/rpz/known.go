package rpz

import (
	"net/netip"
	"strings"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/net/publicsuffix"
)

// What is known of the name servers of zones. Whoever has a domain can make up
// names below it without end, so each registrable domain has room for a few zones of
// its own; and domains that were asked for once give way before those that were
// asked for again.
const (
	domainsKept = 10_000
	zonesKept   = 32 // of a domain; names that are not a zone count too
)

const (
	// absentTime is how long it is remembered that a name has no name servers.
	absentTime = time.Minute
	// failedTime is how long it is remembered that there was no answer (RFC 9520).
	failedTime = 5 * time.Second
	// keptMost bounds the TTLs that are believed.
	keptMost = time.Hour
)

// found is what a look-up found, for as long as that is to be believed.
type found[T any] struct {
	values []T
	// failed is set where not everything could be found out.
	failed bool
	until  time.Time // zero where it was not looked for
}

func (f found[T]) known() bool { return time.Now().Before(f.until) }

// servers are the name servers of one zone, or that a name is not a zone.
type servers struct {
	names found[string] // canonical
	// above is the zone that the name is in, where the answer said so.
	above     string
	addresses [families]found[netip.Addr]
}

// known keeps the servers of zones.
type known struct {
	domains *lru.TwoQueueCache[string, *lru.Cache[string, servers]]
}

func newKnown() *known {
	domains, _ := lru.New2Q[string, *lru.Cache[string, servers]](domainsKept) // the size is more than zero
	return &known{domains}
}

// get returns what is known of the zones, the zero value for those of which nothing
// is. Zones of one domain count as one time that it was asked for.
func (k *known) get(zones []string) []servers {
	all := make([]servers, len(zones))
	var of *lru.Cache[string, servers]
	before := ""
	for i, zone := range zones {
		if domain := registrable(zone); domain != before {
			of, _ = k.domains.Get(domain) // nil if it is not there
			before = domain
		}
		if of != nil {
			all[i], _ = of.Get(zone)
		}
	}
	return all
}

// put keeps the servers of a zone.
func (k *known) put(zone string, s servers) {
	domain := registrable(zone)
	of, ok := k.domains.Peek(domain)
	if !ok {
		of, _ = lru.New[string, servers](zonesKept) // the size is more than zero
		k.domains.Add(domain, of)
	}
	of.Add(zone, s)
}

// registrable returns the name's ancestor that somebody registered: a label below
// what ICANN's part of the Public Suffix List has. What companies let their customers
// have names below is a domain of its own like others.
func registrable(name string) string {
	rest := strings.TrimSuffix(name, ".")
	suffix, icann := publicsuffix.PublicSuffix(rest)
	for !icann {
		_, above, more := strings.Cut(suffix, ".")
		if !more {
			break
		}
		suffix, icann = publicsuffix.PublicSuffix(above)
	}
	if len(suffix) >= len(rest) {
		return name
	}
	label := strings.LastIndexByte(rest[:len(rest)-len(suffix)-1], '.') + 1
	return name[label:]
}

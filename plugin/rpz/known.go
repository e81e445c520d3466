package rpz

import (
	"net/netip"
	"strings"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/net/publicsuffix"
)

// What is known about the name servers of zones. The holder of a domain can make up any number of names below it,
// so each registrable domain has room for only a few zones; and domains that were queried once give way before
// those that were queried again.
const (
	domainsKept = 10_000
	zonesKept   = 32 // per domain; names that are not zones count too
)

const (
	// absentTime is how long to remember that a name has no name servers.
	absentTime = time.Minute
	// failedTime is how long to remember that there was no answer (RFC 9520).
	failedTime = 5 * time.Second
	// keptMost bounds the TTLs that are used.
	keptMost = time.Hour
)

// found is the result of a look-up, for as long as it is valid.
type found[T any] struct {
	values []T
	// failed is set if not everything could be found.
	failed bool
	until  time.Time // zero if it was not looked up
}

func (f found[T]) known() bool { return time.Now().Before(f.until) }

// servers are the name servers of one zone, or that a name is not a zone.
type servers struct {
	names found[string] // canonical
	// above is the zone that the name is in, if the answer said so.
	above     string
	addresses [families]found[netip.Addr]
}

// known caches the servers of zones.
type known struct {
	domains *lru.TwoQueueCache[string, *lru.Cache[string, servers]]
}

func newKnown() *known {
	domains, _ := lru.New2Q[string, *lru.Cache[string, servers]](domainsKept) // cannot fail: the size is more than zero
	return &known{domains}
}

// get returns what is known about the zones, with the zero value for unknown ones. Zones of one domain count as one
// use of it.
func (k *known) get(zones []string) []servers {
	all := make([]servers, len(zones))
	var of *lru.Cache[string, servers]
	before := ""
	for i, zone := range zones {
		if domain := registrable(zone); domain != before {
			of, _ = k.domains.Get(domain) // nil if it is not cached
			before = domain
		}
		if of != nil {
			all[i], _ = of.Get(zone)
		}
	}
	return all
}

// put caches the servers of a zone.
func (k *known) put(zone string, s servers) {
	domain := registrable(zone)
	of, ok := k.domains.Peek(domain)
	if !ok {
		of, _ = lru.New[string, servers](zonesKept) // cannot fail: the size is more than zero
		k.domains.Add(domain, of)
	}
	of.Add(zone, s)
}

// registrable returns the name's registered ancestor: one label below an entry in ICANN's part of the Public Suffix
// List. A domain below which a company lets its customers have names counts as one domain, like any other.
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

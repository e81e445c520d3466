// Package locate finds where a client is: it looks up the longest prefix of the operator's
// table that covers the client's address. It also returns how many bits of the address
// decided that, which is the scope of an answer that depends on the location (RFC 7871,
// section 7.2.1).
//
// A Table is immutable and may be read from any goroutine.
package locate

import (
	"net/netip"

	"github.com/gaissmai/bart"

	"github.com/nearcast/nearcast/internal/federation"
)

// ID identifies a location within one Table.
type ID uint32

const (
	// Nowhere is the ID of an address that no prefix covers.
	Nowhere ID = iota
	// Private is the ID of a private address that no prefix covers: it has a meaning only
	// within its own network.
	Private
	// Embedded is the ID of a prefix of addresses that embed IPv4 addresses if it is too
	// short to say which.
	Embedded
)

// private are the prefixes of Private: RFC 1918, RFC 6598, RFC 4193, loopback and
// link-local.
var private = []netip.Prefix{
	netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("192.168.0.0/16"),
	netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("169.254.0.0/16"),
	netip.MustParsePrefix("fc00::/7"), netip.MustParsePrefix("fe80::/10"),
}

// Location is where a client is.
type Location struct {
	Region string
	Zone   string
	// Coordinates is nil if the table gives none.
	Coordinates *federation.Coordinates
}

// String returns region[/zone].
func (l Location) String() string {
	if l.Zone == "" {
		return l.Region
	}
	return l.Region + "/" + l.Zone
}

// Entry assigns clients to a location: those of a prefix, of an autonomous system, or of an area.
type Entry struct {
	Prefix netip.Prefix
	// ASN is 0 for an entry of a prefix.
	ASN uint32
	// Resolver is set if the prefix is one of resolvers: their clients are in the
	// location, and only a query's source address is looked up in it.
	Resolver bool
	// Area is the zero Area for an entry of a prefix or system.
	Area     Area
	Location Location
}

// Table maps addresses to locations.
type Table struct {
	locations []Location // by ID; the first two are Nowhere and Private
	ids       map[locationKey]ID
	leaves    bart.Table[leaf]
	resolvers bart.Table[ID]
	// named is the number of locations, not counting those that only databases have.
	named int
	// databases answer if the entries do not: first by the autonomous systems that
	// entries name, then by place.
	databases []placed
	systems   map[uint32]ID
	// unread is set if there are entries that have never been readable: results then hold
	// for one address only.
	unread bool
}

// placed is a Database with the IDs of its places.
type placed struct {
	*Database
	ids []ID
}

// leaf is one cell of the partition of the address space by the entries: all its
// addresses are in one location, and no shorter prefix has that property.
type leaf struct {
	id   ID
	bits uint8
}

// Empty is the table without entries.
var Empty = New(nil)

// Unread is the table whose contents are not known yet: an answer based on it holds only
// for the client itself.
var Unread = &Table{locations: Empty.locations, named: Empty.named, unread: true}

// New makes a Table of entries, and of databases for addresses that the entries do not
// cover. The first database that places an address counts. If two entries have the same
// prefix, the later one counts.
func New(entries []Entry, databases ...*Database) *Table {
	t := &Table{locations: []Location{Nowhere: {}, Private: {}, Embedded: {}}, ids: map[locationKey]ID{}, systems: map[uint32]ID{}}
	cells, areas := map[netip.Prefix]ID{}, map[Area]Location{}
	for _, e := range entries {
		switch id := t.id(e.Location); {
		case e.Area != Area{}:
			areas[e.Area] = e.Location
		case e.ASN != 0:
			t.systems[e.ASN] = id
		case e.Resolver:
			t.resolvers.Insert(e.Prefix.Masked(), id)
		default:
			cells[e.Prefix.Masked()] = id
		}
	}
	t.named = len(t.locations)
	if len(cells) > 0 || len(databases) > 0 {
		for _, p := range private {
			if !covered(p, cells) {
				cells[p] = Private
			}
		}
		for _, e := range embeddings {
			cells[e.prefix] = Embedded
		}
	}
	var v4, v6 []cell
	for prefix, id := range cells {
		if prefix.Addr().Is4() {
			v4 = append(v4, cell{prefix, id})
		} else {
			v6 = append(v6, cell{prefix, id})
		}
	}
	t.partition(netip.PrefixFrom(netip.IPv4Unspecified(), 0), v4)
	t.partition(netip.PrefixFrom(netip.IPv6Unspecified(), 0), v6)
	for _, db := range databases {
		p := placed{db, make([]ID, len(db.places))}
		for i, at := range db.places[1:] {
			if l := at.location(areas); l != (Location{}) {
				p.ids[i+1] = t.id(l)
			}
		}
		t.databases = append(t.databases, p)
	}
	return t
}

// location returns where clients at the spot are: as the smallest area says that a table names, at the
// database's coordinates unless it has others; else as the database says.
func (s spot) location(areas map[Area]Location) Location {
	for _, area := range s.within() {
		if l, named := areas[area]; named {
			if l.Coordinates == nil {
				l.Coordinates = s.Coordinates
			}
			return l
		}
	}
	return s.Location
}

func (t *Table) id(l Location) ID {
	key := keyOf(l)
	id, known := t.ids[key]
	if !known {
		id = ID(len(t.locations))
		t.ids[key] = id
		t.locations = append(t.locations, l)
	}
	return id
}

// locationKey is a Location by value.
type locationKey struct {
	region, zone string
	located      bool
	coordinates  federation.Coordinates
}

func keyOf(l Location) locationKey {
	k := locationKey{region: l.Region, zone: l.Zone}
	if l.Coordinates != nil {
		k.located, k.coordinates = true, *l.Coordinates
	}
	return k
}

// Lookup returns the location of the address, and the length of the shortest prefix
// around it whose addresses are all in that location. For an address that no entry
// covers, the prefix is the gap between entries, or the part of it for which a database
// has an entry.
func (t *Table) Lookup(a netip.Addr) (ID, uint8) {
	id, bits, _ := t.find(a)
	return id, bits
}

// Why says which entry or database decided the result of Lookup for the address.
func (t *Table) Why(a netip.Addr) string {
	id, bits, by := t.find(a)
	switch id {
	case Nowhere:
		return "no location covers it: treated as at this site"
	case Private:
		return "a private address, which no location covers"
	}
	p, _ := a.Prefix(int(bits)) // bits is in range
	return by + ", for all of " + p.String()
}

// find is Lookup that also says what located the address.
func (t *Table) find(a netip.Addr) (id ID, bits uint8, by string) {
	if id, bits, by = t.search(a); t.unread {
		bits = uint8(a.BitLen())
	}
	return id, bits, by
}

func (t *Table) search(a netip.Addr) (id ID, bits uint8, by string) {
	l, _ := t.leaves.Lookup(a)
	if l.id != Nowhere {
		return l.id, l.bits, "locations"
	}
	bits = l.bits
	for i := range t.databases {
		if db := &t.databases[i]; db.numbered && len(t.systems) > 0 {
			e, length := db.lookup(a)
			if bits = max(bits, length); e.number != 0 && t.systems[e.number] != Nowhere {
				return t.systems[e.number], bits, "geoip, by its autonomous system"
			}
		}
	}
	for i := range t.databases {
		if db := &t.databases[i]; db.located() {
			e, length := db.lookup(a)
			if bits = max(bits, length); db.ids[e.place] != Nowhere {
				return db.ids[e.place], bits, "geoip, by its country and coordinates"
			}
		}
	}
	return Nowhere, bits, ""
}

// Resolver returns the location of the clients of the resolver at the address, if an
// entry gives it.
func (t *Table) Resolver(a netip.Addr) (ID, bool) { return t.resolvers.Lookup(a) }

// Location returns the location with the ID; the zero Location for the special IDs above.
func (t *Table) Location(id ID) Location { return t.locations[id] }

// IsUnread reports whether there are entries that have never been readable: where a client is, is then not
// known for sure.
func (t *Table) IsUnread() bool { return t.unread }

// Named returns the locations that entries name, without those that only databases have:
// a database has every country.
func (t *Table) Named() []Location { return t.locations[Embedded+1 : t.named] }

// Len returns the number of IDs in the table, including the special IDs above.
func (t *Table) Len() int { return len(t.locations) }

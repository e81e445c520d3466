package locate

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/oschwald/maxminddb-golang/v2"

	"github.com/nearcast/nearcast/internal/base/regular"
	"github.com/nearcast/nearcast/internal/federation"
)

// Database holds what an MMDB says about places and autonomous systems. It is immutable.
type Database struct {
	kind   string
	reader *maxminddb.Reader
	// records are by offset; records without a place or system are left out.
	records map[uintptr]entry
	// places are the places of records; the first one is empty.
	places   []spot
	numbered bool
	// settled is set if any record has a country or coordinates, continental if any has a continent.
	settled, continental bool
}

// spot is the place of a record.
type spot struct {
	Location
	Area
}

// spotKey is a spot by value.
type spotKey struct {
	locationKey
	Area
}

// entry is the content of a record: an index into places, and the number of an autonomous
// system; 0 if it has none.
type entry struct {
	place, number uint32
}

// lookup returns the database's entry for the address, and the length of the surrounding
// network for which the entry holds.
func (d *Database) lookup(a netip.Addr) (entry, uint8) {
	if !d.covers(a) {
		return entry{}, 0
	}
	r := d.reader.Lookup(a)
	bits := r.Prefix().Bits() // also for a damaged record
	if a.Is4() && r.Prefix().Addr().Is6() {
		bits = max(0, bits-96)
	}
	if !r.Found() {
		return entry{}, uint8(bits)
	}
	return d.records[r.Offset()], uint8(bits)
}

// covers reports whether the database has the address's family.
func (d *Database) covers(a netip.Addr) bool { return a.Is4() || d.reader.Metadata.IPVersion == 6 }

// located reports whether any record has a place.
func (d *Database) located() bool { return len(d.places) > 1 }

// readDatabase reads the whole file: a mapped file would fault if it were overwritten in
// place. It returns an error if nothing in it can be used.
func readDatabase(path string) (*Database, []federation.Fault, error) {
	raw, err := regular.Read(path, MaxSize)
	if err != nil {
		return nil, nil, err
	}
	db, faults, err := parseDatabase(raw)
	for i := range faults {
		faults[i].File = path
	}
	return db, faults, err
}

// CheckDatabase returns the faults of the MMDB at the path, and whether it is used.
func CheckDatabase(path string) (faults []federation.Fault, used bool) {
	_, faults, err := readDatabase(path)
	if err != nil {
		return []federation.Fault{unusable(path, err)}, false
	}
	return faults, true
}

func parseDatabase(raw []byte) (*Database, []federation.Fault, error) {
	if len(raw) == 0 {
		return nil, nil, errEmpty
	}
	reader, err := maxminddb.OpenBytes(raw)
	if err != nil {
		return nil, nil, err
	}
	t, err := treeOf(raw, reader.Metadata)
	if err != nil {
		return nil, nil, err
	}
	db := &Database{kind: reader.Metadata.DatabaseType, reader: reader, records: map[uintptr]entry{}, places: make([]spot, 1)}
	x := indexer{db: db, ids: map[spotKey]uint32{}, seen: map[uint]bool{}, data: t.nodes + 16}
	if err := t.walk(x.add); err != nil {
		return nil, nil, err
	}
	if err := x.verdict(); err != nil {
		return nil, nil, err
	}
	return db, x.faults(), nil
}

// indexer reads every record of a database once.
type indexer struct {
	db   *Database
	ids  map[spotKey]uint32
	seen map[uint]bool
	// data is the value of a pointer to the start of the data.
	data uint
	// faulty counts the malformed records, of which the first is named.
	faulty int
	first  string
}

func (x *indexer) add(pointer uint, network netip.Prefix) {
	if x.seen[pointer] {
		return
	}
	x.seen[pointer] = true
	var r record
	offset := uintptr(pointer - x.data)
	err := errors.New("it points outside the data")
	if pointer >= x.data {
		err = x.db.reader.LookupOffset(offset).Decode(&r)
	}
	if err != nil {
		r = record{wrong: err.Error()}
	}
	e := entry{place: x.place(&r), number: r.number}
	if e != (entry{}) {
		x.db.records[offset] = e
	}
	x.db.numbered = x.db.numbered || e.number != 0
	if r.wrong == "" {
		return
	}
	if x.faulty++; x.faulty == 1 {
		x.first = network.String() + ": " + r.wrong
	}
}

func (x *indexer) place(r *record) uint32 {
	at := spot{r.location(), r.area()}
	if at == (spot{}) {
		return 0
	}
	x.db.continental = x.db.continental || at.Continent != ""
	x.db.settled = x.db.settled || at.Location != (Location{})
	key := spotKey{keyOf(at.Location), at.Area}
	id, known := x.ids[key]
	if !known {
		id = uint32(len(x.db.places))
		x.ids[key] = id
		x.db.places = append(x.db.places, at)
	}
	return id
}

// verdict returns an error if the database is useless.
func (x *indexer) verdict() error {
	switch {
	case len(x.db.records) > 0:
		return nil
	case x.faulty > 0:
		return fmt.Errorf("locates no client: %s", x.damage())
	default:
		return fmt.Errorf("has no country, coordinates, continent or autonomous system in any record, so it locates no client (its type is %q)", x.db.kind)
	}
}

func (x *indexer) damage() string {
	return fmt.Sprintf("%d of %d records are damaged, first the one for %s", x.faulty, len(x.seen), x.first)
}

func (x *indexer) faults() []federation.Fault {
	if x.faulty == 0 {
		return nil
	}
	return []federation.Fault{{Reason: x.damage() + "; their other data is used"}}
}

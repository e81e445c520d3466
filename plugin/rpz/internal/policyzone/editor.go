package policyzone

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/gaissmai/bart"
	"github.com/miekg/dns"
)

// ErrAbsent is returned when a record to remove does not exist.
var ErrAbsent = errors.New("record not found")

// ErrNoSOA is returned for a zone without a SOA record at its apex.
var ErrNoSOA = errors.New("the zone has no SOA record")

// MaxAtOwner is how many records one owner may have: more than any use of local data needs, and few enough that
// adding them one by one stays quick.
const MaxAtOwner = 1000

// Editor makes a generation of a zone, from nothing or from another one, which it does not change.
type Editor struct {
	zone Zone
	// fresh is set while nothing is shared with another generation.
	fresh bool
	// elsewhere is the zone of a SOA outside this one.
	elsewhere string
	// mine are the parts that have already been copied.
	mine struct{ inert, faults bool }
}

// Begin starts an empty zone.
func Begin(origin string) *Editor {
	return &Editor{zone: Zone{name: Canonical(origin), inert: map[string][]dns.RR{}, faults: map[string]remark{}}, fresh: true}
}

// Edit starts from the content of the zone.
func (z *Zone) Edit() *Editor {
	e := &Editor{zone: *z}
	for t, tree := range z.names {
		if tree != nil {
			e.zone.names[t] = tree.edit()
		}
	}
	return e
}

// Len returns how many records the zone has so far, without the SOA.
func (e *Editor) Len() int { return e.zone.records }

// Zone ends the editing. It returns ErrNoSOA for a zone that has none.
func (e *Editor) Zone() (*Zone, error) {
	if e.zone.soa == nil {
		return nil, ErrNoSOA
	}
	for _, tree := range e.zone.names {
		if tree != nil {
			tree.owned = nil
		}
	}
	return &e.zone, nil
}

// Add adds a record; if it exists, it gets the new TTL. A SOA at the apex replaces the last one. The error says
// that the record is of another class, outside the zone, or one more than MaxAtOwner.
func (e *Editor) Add(rr dns.RR) error { return e.add(rr, Canonical(rr.Header().Name)) }

// add is Add for a record whose canonical owner name is known.
func (e *Editor) add(rr dns.RR, owner string) error {
	relative, err := e.place(rr, owner)
	if err != nil {
		return err
	}
	if soa, ok := rr.(*dns.SOA); ok && relative == "" {
		e.zone.soa = soa
		return nil
	}
	t, fault := e.target(relative)
	if fault != nil {
		if len(e.zone.inert[owner]) == MaxAtOwner {
			return tooMany(owner)
		}
		e.setFault(owner, fault)
		e.addInert(owner, rr)
		return nil
	}
	before := e.rule(t)
	var records []dns.RR
	if before.set() {
		records = before.records(owner)
	}
	if len(records) == MaxAtOwner {
		return tooMany(owner)
	}
	after := with(records, rr)
	e.zone.records += len(after) - len(records)
	e.setRule(owner, t, before, after)
	return nil
}

// with returns the records and rr, which replaces an equal one.
func with(records []dns.RR, rr dns.RR) []dns.RR {
	if i := slices.IndexFunc(records, func(o dns.RR) bool { return dns.IsDuplicate(o, rr) }); i >= 0 {
		records = slices.Clone(records)
		records[i] = rr
		return records
	}
	return append(slices.Clip(records), rr)
}

// without returns the records except rr, or ErrAbsent if it is not among them.
func without(records []dns.RR, rr dns.RR) ([]dns.RR, error) {
	kept := slices.DeleteFunc(slices.Clone(records), func(o dns.RR) bool { return dns.IsDuplicate(o, rr) })
	if len(kept) == len(records) {
		return nil, fmt.Errorf("%w: %s", ErrAbsent, rr)
	}
	return kept, nil
}

func tooMany(owner string) error {
	return fmt.Errorf("%s has more than %d records", owner, MaxAtOwner)
}

// Remove removes a record, whatever its TTL; ErrAbsent if it does not exist.
func (e *Editor) Remove(rr dns.RR) error {
	owner := Canonical(rr.Header().Name)
	relative, err := e.place(rr, owner)
	if err != nil {
		return err
	}
	if soa, ok := rr.(*dns.SOA); ok && relative == "" {
		if e.zone.soa == nil || !dns.IsDuplicate(soa, e.zone.soa) {
			return fmt.Errorf("%w: %s", ErrAbsent, rr)
		}
		e.zone.soa = nil
		return nil
	}
	t, fault := e.target(relative)
	if fault != nil {
		return e.removeInert(owner, rr)
	}
	before := e.rule(t)
	if !before.set() {
		return fmt.Errorf("%w: %s", ErrAbsent, rr)
	}
	kept, err := without(before.records(owner), rr)
	if err != nil {
		return err
	}
	e.zone.records--
	e.setRule(owner, t, before, kept)
	return nil
}

// place returns the owner name relative to the apex.
func (e *Editor) place(rr dns.RR, owner string) (relative string, err error) {
	if h := rr.Header(); h.Class != dns.ClassINET {
		return "", fmt.Errorf("%s has class %s, not IN", h.Name, dns.Class(h.Class))
	}
	return relativeTo(owner, e.zone.name)
}

// errApex marks the records of the apex, which are neither rules nor faults.
var errApex = errors.New("a record at the apex is not a rule")

// target is parseOwner, except that the apex has no name.
func (e *Editor) target(relative string) (target, error) {
	if relative == "" {
		return target{}, errApex
	}
	return parseOwner(relative)
}

func (e *Editor) rule(t target) rule {
	if t.prefix.IsValid() {
		if e.zone.prefixes[t.trigger] == nil {
			return rule{}
		}
		r, _ := e.zone.prefixes[t.trigger].Get(t.prefix)
		return r
	}
	if e.zone.names[t.trigger] == nil {
		return rule{}
	}
	n, _ := e.zone.names[t.trigger].get(t.name)
	if t.wild {
		return n.wild
	}
	return n.exact
}

// setRule makes the target's rule from its records; before is its last one.
func (e *Editor) setRule(owner string, t target, before rule, records []dns.RR) {
	r, fault := newRule(t, e.zone.name, records)
	e.setFault(owner, fault)
	switch {
	case r.usable() && !before.usable():
		e.zone.rules[t.trigger]++
	case !r.usable() && before.usable():
		e.zone.rules[t.trigger]--
	}
	if t.prefix.IsValid() {
		e.setPrefix(t, r)
		return
	}
	if e.zone.names[t.trigger] == nil {
		e.zone.names[t.trigger] = newTree()
	}
	e.zone.names[t.trigger].set(t.name, t.wild, r)
}

func (e *Editor) setPrefix(t target, r rule) {
	table := e.zone.prefixes[t.trigger]
	if table == nil {
		table = new(bart.Table[rule])
	}
	switch {
	case e.fresh && r.set():
		table.Insert(t.prefix, r)
	case e.fresh:
		table.Delete(t.prefix)
	case r.set():
		table = table.InsertPersist(t.prefix, r)
	default:
		table = table.DeletePersist(t.prefix)
	}
	e.zone.prefixes[t.trigger] = table
}

func (e *Editor) setFault(owner string, fault error) {
	was, had := e.zone.faults[owner]
	if fault == nil || errors.Is(fault, errApex) {
		if had {
			e.ownFaults()
			delete(e.zone.faults, owner)
		}
		return
	}
	if now := remarkOf(fault); was != now {
		e.ownFaults()
		e.zone.faults[owner] = now
	}
}

func (e *Editor) ownFaults() {
	if !e.fresh && !e.mine.faults {
		e.zone.faults = maps.Clone(e.zone.faults)
		e.mine.faults = true
	}
}

func (e *Editor) ownInert() {
	if !e.fresh && !e.mine.inert {
		e.zone.inert = maps.Clone(e.zone.inert)
		e.mine.inert = true
	}
}

func (e *Editor) addInert(owner string, rr dns.RR) {
	e.ownInert()
	records := e.zone.inert[owner]
	after := with(records, rr)
	e.zone.records += len(after) - len(records)
	e.zone.inert[owner] = after
}

func (e *Editor) removeInert(owner string, rr dns.RR) error {
	kept, err := without(e.zone.inert[owner], rr)
	if err != nil {
		return err
	}
	e.ownInert()
	e.zone.records--
	if len(kept) > 0 {
		e.zone.inert[owner] = kept
		return nil
	}
	delete(e.zone.inert, owner)
	e.setFault(owner, nil)
	return nil
}

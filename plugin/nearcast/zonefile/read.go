package zonefile

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/base/regular"
	"github.com/nearcast/nearcast/plugin/internal/masterfile"
)

// maxSize bounds a file, in octets.
const maxSize = 1 << 28

// defaultTTL is for records of a file without $TTL.
const defaultTTL = 3600

// Apex is a zone into which a file's records may go.
type Apex struct {
	// Zone is canonical.
	Zone string
	// Servers are the canonical names whose addresses the Corefile gives.
	Servers []string
	// Policies is the name below which the zone's policy zones are; "" if it has none.
	Policies string
}

// ReadFile is Read for a file.
func ReadFile(path string, apexes []Apex) (*Content, error) {
	f, err := regular.Open(path, maxSize)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return Read(f, path, apexes)
}

// Read reads records; names without a trailing dot are relative to the first zone, unless $ORIGIN says otherwise. A
// record goes into the longest zone that it is below. One that cannot be used is left out and named with its line. A
// syntax error is an error: half of a zone would deny the other half.
func Read(r io.Reader, file string, apexes []Apex) (*Content, error) {
	reading := newReading(file, apexes)
	err := Each(r, file, apexes[0].Zone, func(rr dns.RR, line int) {
		if err := reading.add(rr, line); err != nil {
			reading.fault(line, rr, err)
		}
	})
	if err != nil {
		return nil, err
	}
	return reading.end(), nil
}

// Each calls use with each record of a master file, and its line. Names without a trailing dot are relative to the
// origin. It returns an error, which names the line, for a syntax error, and for a file that does not end with a newline.
func Each(r io.Reader, file, origin string, use func(dns.RR, int)) error {
	in := masterfile.Unmarked(r)
	if err := masterfile.Foreign(in); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	text := masterfile.NewText(in, false)
	parser := dns.NewZoneParser(text, origin, file)
	parser.SetDefaultTTL(defaultTTL)
	for rr, ok := parser.Next(); ok; rr, ok = parser.Next() {
		if rr.Header().Name == "" {
			return fmt.Errorf("%s:%d: a record has no owner name, and none precedes it", file, text.Line)
		}
		use(rr, text.Line)
	}
	if err := cmp.Or(text.Fault, parser.Err()); err != nil {
		return masterfile.Located(file, text.Line, err)
	}
	if text.Torn() {
		return fmt.Errorf("%s:%d: the last line has no newline at its end, so the file may be incomplete; add one", file, text.Line)
	}
	return nil
}

// reading makes a Content of records.
type reading struct {
	masterfile.Prover
	file   string
	apexes []Apex
	// more counts the faults beyond the maximum.
	more int
	Content
}

// maxFaults is how many faults of a file are named.
const maxFaults = 100

func newReading(file string, apexes []Apex) *reading {
	r := &reading{file: file, apexes: apexes, Content: Content{zones: map[string]*Zone{}}}
	for _, apex := range apexes {
		r.zones[apex.Zone] = &Zone{name: apex.Zone, nodes: map[string]*Node{apex.Zone: {Name: apex.Zone}}}
	}
	return r
}

func (r *reading) fault(line int, rr dns.RR, err error) {
	if len(r.Faults) == maxFaults {
		r.more++
		return
	}
	h := rr.Header()
	r.Faults = append(r.Faults, fmt.Errorf("%s:%d: %s %s: %w", r.file, line, h.Name, dns.Type(h.Rrtype), err))
}

// add adds a record, or says why it is not used.
func (r *reading) add(rr dns.RR, line int) error {
	h := rr.Header()
	if strings.ContainsFunc(h.Name, func(r rune) bool { return r <= ' ' || r > '~' || r == '\\' }) {
		return errors.New("its name has characters that a name here cannot have: write non-ASCII labels as A-labels (xn--…), and no escapes")
	}
	h.Name = dns.CanonicalName(h.Name)
	apex := r.apexOf(h.Name)
	if apex == nil {
		return fmt.Errorf("it is not in a zone of this block (%s); a name without a trailing dot is relative to $ORIGIN", r.zoneNames())
	}
	if err := cmp.Or(r.sound(rr), apex.allows(rr)); err != nil {
		return err
	}
	z := r.zones[apex.Zone]
	node := z.nodes[h.Name]
	if node == nil {
		node = &Node{Name: h.Name}
		z.nodes[h.Name] = node
	}
	return node.add(rr, line)
}

// apexOf returns the longest zone at or above the name, or nil.
func (r *reading) apexOf(name string) (longest *Apex) {
	for i := range r.apexes {
		if a := &r.apexes[i]; dns.IsSubDomain(a.Zone, name) && (longest == nil || len(a.Zone) > len(longest.Zone)) {
			longest = a
		}
	}
	return longest
}

func (r *reading) zoneNames() string {
	var names []string
	for _, a := range r.apexes {
		names = append(names, a.Zone)
	}
	return strings.Join(names, " ")
}

// sound says why a record is not valid wherever it is.
func (r *reading) sound(rr dns.RR) error {
	h := rr.Header()
	switch {
	case h.Class != dns.ClassINET:
		return fmt.Errorf("its class is %s and must be IN", dns.Class(h.Class))
	case masterfile.TooLong(h.Name):
		return fmt.Errorf("its name %w", masterfile.ErrTooLong)
	case masterfile.Empty(rr):
		return errors.New("it has no data")
	case h.Ttl > maxTTL:
		return fmt.Errorf("its TTL is longer than %d seconds (RFC 2181, section 8)", maxTTL)
	}
	if why, is := unserved[h.Rrtype]; is {
		return errors.New(why)
	}
	return r.Prove(rr)
}

// maxTTL is the longest TTL, in seconds (RFC 2181, section 8).
const maxTTL = 1<<31 - 1

const bySign = "`sign` makes these records"

// unserved are the types that a file must not have, with the reasons.
var unserved = map[uint16]string{
	dns.TypeSOA:        "the SOA follows from `ns`, `hostmaster` and `ttl`",
	dns.TypeDNSKEY:     bySign,
	dns.TypeRRSIG:      bySign,
	dns.TypeNSEC:       bySign,
	dns.TypeNSEC3:      bySign,
	dns.TypeNSEC3PARAM: bySign,
	dns.TypeCDS:        bySign,
	dns.TypeCDNSKEY:    bySign,
	dns.TypeDNAME:      "DNAME is not supported; add a CNAME for each name",
}

// allows says why the record cannot be in the zone.
func (a *Apex) allows(rr dns.RR) error {
	h := rr.Header()
	t := h.Rrtype
	switch {
	case h.Name == a.Zone && t == dns.TypeNS:
		return errors.New("the zone's name servers are those of `ns`")
	case h.Name == a.Zone && t == dns.TypeCNAME:
		return errors.New("the zone's own name has other records, beside which a CNAME is not allowed (RFC 2181, section 10.1)")
	case h.Name == a.Zone && t == dns.TypeDS:
		return errors.New("the DS records of a zone are in its parent")
	case strings.HasPrefix(h.Name, "*.") && (t == dns.TypeNS || t == dns.TypeDS):
		return errors.New("a wildcard cannot be a delegation (RFC 4592, section 4.2)")
	case slices.Contains(a.Servers, h.Name) && slices.Contains(exclusive[:], t):
		return errors.New("it is the name of a name server, whose addresses are those of `ns`")
	case a.Policies != "" && dns.IsSubDomain(a.Policies, h.Name):
		return fmt.Errorf("names at and below %s are those of the feeds", a.Policies)
	}
	return nil
}

// maxSet is more records than most sets could have in the 64 KiB of an answer.
const maxSet = 1024

// add adds a record to the node, or says why it does not fit.
func (n *Node) add(rr dns.RR, line int) error {
	t := rr.Header().Rrtype
	alias := n.lineOf(dns.TypeCNAME)
	switch {
	case t == dns.TypeCNAME && len(n.Sets) > 0:
		return fmt.Errorf("the name has other records (line %d), beside which a CNAME is not allowed", n.Sets[0].Line)
	case alias > 0:
		return fmt.Errorf("the name has a CNAME (line %d), beside which no other record is allowed", alias)
	}
	i, found := slices.BinarySearchFunc(n.Sets, t, func(s Set, t uint16) int { return cmp.Compare(s.Type, t) })
	if !found {
		n.Sets = slices.Insert(n.Sets, i, Set{Type: t, Line: line})
	}
	set := &n.Sets[i]
	if len(set.Records) == maxSet {
		return fmt.Errorf("the set has %d records already, and more do not fit into an answer", maxSet)
	}
	if slices.ContainsFunc(set.Records, func(o dns.RR) bool { return dns.IsDuplicate(o, rr) }) {
		return fmt.Errorf("the set has this record already (its first is on line %d)", set.Line)
	}
	set.Records = append(set.Records, rr)
	if first := set.Records[0].Header().Ttl; first != rr.Header().Ttl {
		least := min(first, rr.Header().Ttl)
		for _, o := range set.Records {
			o.Header().Ttl = least
		}
		return fmt.Errorf("the records of a set have one TTL (RFC 2181, section 5.2), and the first, on line %d, has another: the lower one, %d, is used", set.Line, least)
	}
	return nil
}

// lineOf returns the line of the node's set of the type; 0 if it has none.
func (n *Node) lineOf(t uint16) int {
	for _, s := range n.Sets {
		if s.Type == t {
			return s.Line
		}
	}
	return 0
}

// end makes the zones complete.
func (r *reading) end() *Content {
	for _, name := range slices.Sorted(maps.Keys(r.zones)) {
		z := r.zones[name]
		r.delegate(z)
		z.complete()
	}
	if r.more > 0 {
		r.Faults = append(r.Faults, fmt.Errorf("%s: %d more records have faults", r.file, r.more))
	}
	return &r.Content
}

// complete takes out the names of which no record is left, and adds the empty names, and the wildcards to the names
// above them.
func (z *Zone) complete() {
	maps.DeleteFunc(z.nodes, func(name string, n *Node) bool { return len(n.Sets) == 0 && name != z.name })
	for _, name := range z.names() {
		for below := z.nodes[name]; below.Name != z.name; {
			name := string(parent([]byte(below.Name)))
			above, exists := z.nodes[name]
			if !exists {
				above = &Node{Name: name}
				z.nodes[name] = above
			}
			if strings.HasPrefix(below.Name, "*.") {
				above.Wildcard = below
			}
			if exists {
				break
			}
			below = above
		}
	}
}

// names returns the names of the zone's nodes, those above others first.
func (z *Zone) names() []string {
	return slices.SortedFunc(maps.Keys(z.nodes), func(a, b string) int {
		return cmp.Or(cmp.Compare(dns.CountLabel(a), dns.CountLabel(b)), cmp.Compare(a, b))
	})
}

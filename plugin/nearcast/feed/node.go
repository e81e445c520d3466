package feed

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// Node is one name with its records. It is immutable.
type Node struct {
	// Owner is the name that clients ask for, canonical.
	Owner string
	// body is the records without their owner, sorted: type, TTL, length and data of each as on the wire. It is
	// empty for a name that exists without records.
	body string
}

const recordHeader = 2 + 4 + 2

// newNode packs the records and ignores their owner.
func newNode(owner string, records []dns.RR) (*Node, error) {
	packed := make([]string, 0, len(records))
	for _, rr := range records {
		h := rr.Header()
		h.Name = "."
		buf := make([]byte, dns.Len(rr))
		end, err := dns.PackRR(rr, buf, 0, nil, false)
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", owner, dns.TypeToString[h.Rrtype], err)
		}
		// After the owner, one octet: type, class, TTL, length, data.
		packed = append(packed, string(buf[1:3])+string(buf[5:end]))
	}
	slices.Sort(packed)
	return &Node{Owner: owner, body: strings.Join(slices.Compact(packed), "")}, nil
}

// size is roughly what a node takes in memory and on disk.
func (n *Node) size() int {
	if n == nil {
		return 0
	}
	return len(n.Owner) + len(n.body) + recordHeader
}

// split returns the records of a body.
func split(body string) []string {
	var all []string
	for len(body) >= recordHeader {
		end := recordHeader + int(binary.BigEndian.Uint16([]byte(body[6:8])))
		if end > len(body) {
			break // from a damaged file, which Book.load has refused
		}
		all = append(all, body[:end])
		body = body[end:]
	}
	return all
}

// wellFormed reports whether the body is complete records of known types.
func wellFormed(body string) bool {
	length := 0
	for _, r := range split(body) {
		length += len(r)
		if _, err := unpack(".", r); err != nil {
			return false
		}
	}
	return length == len(body)
}

// unpack makes the record for the owner.
func unpack(owner, record string) (dns.RR, error) {
	raw := []byte(record)
	h := dns.RR_Header{
		Name: owner, Rrtype: binary.BigEndian.Uint16(raw), Class: dns.ClassINET,
		Ttl: binary.BigEndian.Uint32(raw[2:]), Rdlength: binary.BigEndian.Uint16(raw[6:]),
	}
	rr, end, err := dns.UnpackRRWithHeader(h, raw, recordHeader)
	if err == nil && end != len(raw) {
		err = fmt.Errorf("%d octets after the record", len(raw)-end)
	}
	return rr, err
}

func compareNodes(a, b *Node) int { return strings.Compare(a.Owner, b.Owner) }

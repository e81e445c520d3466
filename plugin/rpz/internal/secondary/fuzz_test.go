package secondary

import (
	"bytes"
	"context"
	"encoding/binary"
	"hash/crc32"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/plugin/rpz/internal/policyzone"
)

// recorded is a connection to a primary that sends fixed octets whatever the request;
// messages with the ID zero get the ID of the request.
type recorded struct {
	net.Conn
	octets []byte
	sent   *bytes.Reader
}

func (r *recorded) Write(request []byte) (int, error) {
	octets := bytes.Clone(r.octets)
	for rest := octets; len(rest) >= 4; {
		size := int(binary.BigEndian.Uint16(rest)) + 2
		if rest[2] == 0 && rest[3] == 0 {
			copy(rest[2:4], request[2:4])
		}
		rest = rest[min(size, len(rest)):]
	}
	r.sent = bytes.NewReader(octets)
	return len(request), nil
}

func (r *recorded) Read(b []byte) (int, error)      { return r.sent.Read(b) }
func (r *recorded) Close() error                    { return nil }
func (r *recorded) SetDeadline(time.Time) error     { return nil }
func (r *recorded) SetReadDeadline(time.Time) error { return nil }

// transferOf returns what a Secondary that holds the generation makes of the octets in
// answer to its request.
func transferOf(t *testing.T, octets []byte, qtype uint16, before *policyzone.Zone) (*stream, error) {
	t.Helper()
	s, err := New(Config{Zone: zoneName, Primaries: []netip.AddrPort{one}, MaxRecords: 1000}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	conn := &recorded{octets: octets}
	s.dial = func(context.Context, string, string) (net.Conn, error) { return conn, nil }
	in := &stream{zone: zoneName, limit: 1000, held: before, incremental: qtype == dns.TypeIXFR}
	err = (&try{s: s, primary: one, held: before, o: &outcome{}}).receive(t.Context(), qtype, in)
	return in, err
}

// framed returns messages as sent over TCP, with the ID 0.
func framed(qtype uint16, perMessage int, records []dns.RR) []byte {
	var out []byte
	for some := range slices.Chunk(records, perMessage) {
		m := new(dns.Msg)
		m.SetQuestion(zoneName, qtype)
		m.Response, m.Id, m.Compress, m.Answer = true, 0, true, some
		raw := plain(m)[0]
		out = append(binary.BigEndian.AppendUint16(out, uint16(len(raw))), raw...)
	}
	return out
}

// believed returns the records of the messages as the dns package reads them.
func believed(octets []byte) []dns.RR {
	var all []dns.RR
	for len(octets) >= 2 {
		size := min(int(binary.BigEndian.Uint16(octets)), len(octets)-2)
		var m dns.Msg
		if m.Unpack(octets[2:2+size]) != nil {
			return nil
		}
		all = append(all, m.Answer...)
		octets = octets[2+size:]
	}
	return all
}

func FuzzTransferStream(f *testing.F) {
	last := generation(4, "d")
	for _, per := range []int{1, 3, 100} {
		f.Add(framed(dns.TypeIXFR, per, incremental(1, [][]dns.RR{held, next, last})), true, uint16(5))
		f.Add(framed(dns.TypeIXFR, per, closed(next)), true, uint16(70))
		f.Add(framed(dns.TypeAXFR, per, closed(next)), false, uint16(1))
	}
	for _, m := range garbage() {
		q := &request{Msg: new(dns.Msg), network: "tcp"}
		q.SetQuestion(zoneName, dns.TypeIXFR)
		q.Id = 0
		var octets []byte
		for _, p := range m.ixfr(q).parts {
			octets = append(octets, p.octets...)
		}
		f.Add(octets, true, uint16(9))
	}
	f.Fuzz(func(t *testing.T, octets []byte, ixfr bool, cut uint16) {
		qtype, before := dns.TypeAXFR, (*policyzone.Zone)(nil)
		if ixfr {
			qtype, before = dns.TypeIXFR, zoneOf(t, held)
		}
		was := text(before)
		in, err := transferOf(t, octets, qtype, before)
		if text(before) != was {
			t.Fatal("the held generation was changed")
		}
		if err != nil || in.phase == current {
			return
		}
		zone, err := in.generation()
		if err != nil {
			t.Fatalf("a successful transfer has no generation: %v", err)
		}
		if before != nil && !newer(zone.Serial(), before.Serial()) {
			t.Fatalf("the serial %d replaced %d", zone.Serial(), before.Serial())
		}
		complete(t, octets, zone)
		// No part of a transfer is accepted.
		short := octets[:int(cut)%len(octets)]
		if part, err := transferOf(t, short, qtype, before); err == nil && part.phase == ended {
			if again, err := part.generation(); err != nil || text(again) != text(zone) {
				t.Fatalf("%d of %d octets are accepted as a whole transfer of another zone", len(short), len(octets))
			}
		}
	})
}

// complete requires that the transfer's records begin with the SOA of the generation and
// repeat it later.
func complete(t *testing.T, octets []byte, zone *policyzone.Zone) {
	t.Helper()
	all := believed(octets)
	if all == nil { // data after the end is never read, and may be anything
		return
	}
	first, ok := all[0].(*dns.SOA)
	if !ok || first.Serial != zone.Serial() {
		t.Fatalf("the serial is %d, but the transfer begins with %s", zone.Serial(), all[0])
	}
	again := func(r dns.RR) bool { soa, ok := r.(*dns.SOA); return ok && soa.Serial == first.Serial }
	if !slices.ContainsFunc(all[1:], again) {
		t.Fatal("the transfer has no final SOA")
	}
}

// scene turns octets into generations of a zone, with owners, types and data
// that collide.
func scene(octets []byte) [][]dns.RR {
	generations := [][]dns.RR{{soa(1)}}
	for i := 0; i+1 < len(octets); i += 2 {
		last := &generations[len(generations)-1]
		a, b := octets[i], octets[i+1]
		if a == 0 && len(generations) < 5 {
			generations = append(generations, []dns.RR{soa(uint32(len(generations)) * 7)})
			continue
		}
		owner := []string{"", "a.", "*.a.", "b.a.", "32.1.2.0.192.rpz-ip.", "24.0.2.0.192.rpz-client-ip.", "ns.rpz-nsdname.", "33.bad.rpz-ip."}[a%8]
		data := []string{"CNAME .", "CNAME *.", "CNAME rpz-passthru.", "A 192.0.2.1", "A 192.0.2.2", "TXT x", "MX 1 mx.", "NS ns.example."}[b%8]
		*last = append(*last, rr(owner+zoneName+" "+[]string{"60 ", "5 "}[b/8%2]+data))
	}
	return generations
}

func FuzzApplyEqualsReload(f *testing.F) {
	f.Add([]byte{1, 0, 2, 1, 0, 0, 1, 0, 3, 3, 0, 0, 1, 4})
	f.Add([]byte{4, 0, 4, 1, 5, 3, 6, 0, 7, 0, 0, 0, 4, 0, 7, 1, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, octets []byte) {
		generations := scene(octets)
		var zones []*policyzone.Zone
		for _, g := range generations {
			zones = append(zones, zoneOf(t, g))
		}
		last := zones[len(zones)-1]
		for from, before := range zones[:len(zones)-1] {
			// A primary would send records from the content of its zones, without the
			// duplicates of the zone file.
			var sets [][]dns.RR
			for _, z := range zones[from:] {
				sets = append(sets, slices.Collect(z.Records()))
			}
			for _, per := range []int{1, 100} {
				in, err := transferOf(t, framed(dns.TypeIXFR, per, incremental(before.Serial(), sets)), dns.TypeIXFR, before)
				if err != nil {
					t.Fatalf("from %d: %v", from, err)
				}
				applied, err := in.generation()
				if err != nil || text(applied) != text(last) || applied.Len() != last.Len() {
					t.Fatalf("from %d, applied:\n%s\nwant\n%s\n%v", from, text(applied), text(last), err)
				}
				// The same holds on disk.
				raw, err := entry{kindDifferences, time.Unix(1, 0), in.differences}.encode()
				if err != nil {
					t.Fatal(err)
				}
				e, err := newReader(bytes.NewReader(raw)).readEntry(int64(len(raw)))
				if err != nil {
					t.Fatal(err)
				}
				if again, err := e.apply(before, 1000); err != nil || text(again) != text(last) {
					t.Fatalf("from %d, the entry yields\n%s\nwant\n%s\n%v", from, text(again), text(last), err)
				}
			}
		}
	})
}

// FuzzEntry appends arbitrary data with a valid checksum to a good copy.
func FuzzEntry(f *testing.F) {
	before := zoneOf(f, held)
	for _, e := range []entry{{kindConfirmed, time.Unix(6, 0), nil}, {kindDifferences, time.Unix(7, 0), incremental(1, [][]dns.RR{held, next})}} {
		raw, err := e.encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw[entryHead:])
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		raw := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
		raw = binary.BigEndian.AppendUint32(raw, crc32.Checksum(body, castagnoli))
		raw = append(raw, body...)
		e, err := newReader(bytes.NewReader(raw)).readEntry(int64(len(raw)))
		if err != nil {
			return
		}
		zone, err := e.apply(before, 1000)
		if err == nil && zone != before && !newer(zone.Serial(), before.Serial()) {
			t.Fatalf("the entry changes serial %d to %d", before.Serial(), zone.Serial())
		}
	})
}

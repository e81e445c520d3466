package secondary

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"math"
	"time"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/plugin/rpz/internal/policyzone"
)

// A file is a copy and then entries. The copy is a header line, the records of a generation, an empty record and a
// checksum of all that. An entry is its length, its checksum, its kind, a time, and records: those of one answer to
// IXFR, or none if a primary only confirmed the generation.
//
// The copy is written to another file and renamed, so it is complete or damaged. Entries are appended: an
// incomplete one, and what follows it, is cut off.
//
// Records are in wire format, each behind its length as a varint.

// magic begins every file; the number is the version of the format.
const magic = "nearcast-zone 1"

// entryHead is the length and the checksum before an entry, and entryLeast the kind and the time at its start.
const (
	entryHead  = 8
	entryLeast = 9
)

const (
	kindConfirmed   = 'C'
	kindDifferences = 'D'
)

// castagnoli is the CRC that processors compute in hardware.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// packer packs records like PackRR but without changing them, because readers of the zone share them.
type packer struct {
	message dns.Msg
	buffer  []byte
}

// append appends the record with its length.
func (p *packer) append(b []byte, rr dns.RR) ([]byte, error) {
	p.message.Answer = append(p.message.Answer[:0], rr)
	raw, err := p.message.PackBuffer(p.buffer)
	if err != nil {
		return b, fmt.Errorf("packing %s: %w", brief(rr), err)
	}
	p.buffer = raw[:cap(raw)]
	wire := raw[headerSize:]
	return append(binary.AppendUvarint(b, uint64(len(wire))), wire...), nil
}

// writeCopy writes the copy and returns its size.
func writeCopy(to io.Writer, zone *policyzone.Zone, confirmed time.Time) (int64, error) {
	sum := sha256.New()
	out := bufio.NewWriterSize(io.MultiWriter(to, sum), 1<<20)
	n, err := fmt.Fprintf(out, "%s %d %q\n", magic, confirmed.Unix(), zone.Name())
	if err != nil {
		return 0, err
	}
	size := int64(n)
	var p packer
	var line []byte
	for rr := range zone.Records() {
		if line, err = p.append(line[:0], rr); err != nil {
			return 0, err
		}
		if _, err := out.Write(line); err != nil {
			return 0, err
		}
		size += int64(len(line))
	}
	if err := out.WriteByte(0); err != nil {
		return 0, err
	}
	if err := out.Flush(); err != nil {
		return 0, err
	}
	_, err = to.Write(sum.Sum(nil))
	return size + 1 + sha256.Size, err
}

// reader reads a file and counts octets.
type reader struct {
	in     *bufio.Reader
	sum    hash.Hash
	offset int64
	buffer []byte
	// scratch is for the length of a record.
	scratch [binary.MaxVarintLen64]byte
}

func newReader(in io.Reader) *reader {
	return &reader{in: bufio.NewReaderSize(in, 1<<20), sum: sha256.New()}
}

// bytes returns the next n octets, valid until the next call.
func (r *reader) bytes(n int) ([]byte, error) {
	if cap(r.buffer) < n {
		r.buffer = make([]byte, n)
	}
	b := r.buffer[:n]
	if _, err := io.ReadFull(r.in, b); err != nil {
		return nil, err
	}
	r.offset += int64(n)
	return b, nil
}

// maxWire is the largest record: owner, fixed fields and data.
const maxWire = 255 + 10 + 1<<16

// record returns the next record of the copy, or nil at its end.
func (r *reader) record() (dns.RR, error) {
	size, err := binary.ReadUvarint(r.in)
	if err != nil {
		return nil, err
	}
	head := binary.AppendUvarint(r.scratch[:0], size)
	r.offset += int64(len(head))
	r.sum.Write(head)
	if size == 0 {
		return nil, nil
	}
	if size > maxWire {
		return nil, errors.New("a record is longer than any record can be")
	}
	wire, err := r.bytes(int(size))
	if err != nil {
		return nil, err
	}
	r.sum.Write(wire)
	return unpack(wire)
}

func unpack(wire []byte) (dns.RR, error) {
	rr, n, err := dns.UnpackRR(wire, 0)
	if err == nil && n != len(wire) {
		err = errors.New("a record has octets after its end")
	}
	return rr, err
}

// head reads the first line.
func (r *reader) head(zone string) (confirmed time.Time, err error) {
	line, err := r.in.ReadSlice('\n')
	if err != nil {
		return time.Time{}, errors.New("has no first line")
	}
	r.offset += int64(len(line))
	r.sum.Write(line)
	var unix int64
	var name string
	if _, err := fmt.Sscanf(string(line), magic+" %d %q\n", &unix, &name); err != nil {
		return time.Time{}, fmt.Errorf("does not begin with %q: it is not a copy of a zone, or another version wrote it", magic)
	}
	if name != zone {
		return time.Time{}, fmt.Errorf("is of the zone %s, not of %s", name, zone)
	}
	return time.Unix(unix, 0), nil
}

// readCopy reads the copy, and requires all of it.
func (r *reader) readCopy(zone string, limit int) (*policyzone.Zone, time.Time, error) {
	confirmed, err := r.head(zone)
	if err != nil {
		return nil, time.Time{}, err
	}
	editor := policyzone.Begin(zone)
	for {
		rr, err := r.record()
		if err != nil {
			return nil, time.Time{}, fmt.Errorf("is damaged at octet %d: %w", r.offset, err)
		}
		if rr == nil {
			break
		}
		if err := editor.Add(rr); err != nil {
			return nil, time.Time{}, fmt.Errorf("is damaged before octet %d: %w", r.offset, err)
		}
		if editor.Len() > limit {
			return nil, time.Time{}, fmt.Errorf("has more records than the limit of %d", limit)
		}
	}
	want, err := r.bytes(sha256.Size)
	if err != nil || [sha256.Size]byte(want) != [sha256.Size]byte(r.sum.Sum(nil)) {
		return nil, time.Time{}, errors.New("is damaged: checksum mismatch")
	}
	loaded, err := editor.Zone()
	return loaded, confirmed, err
}

// entry is an appended entry.
type entry struct {
	kind    byte
	time    time.Time
	records []dns.RR
}

// encode returns the entry in the form that is appended.
func (e entry) encode() ([]byte, error) {
	b := make([]byte, entryHead, 64)
	b = append(b, e.kind)
	b = binary.BigEndian.AppendUint64(b, uint64(e.time.Unix()))
	var p packer
	var err error
	for _, rr := range e.records {
		if b, err = p.append(b, rr); err != nil {
			return nil, err
		}
	}
	if len(b) > math.MaxUint32 {
		return nil, errors.New("the differences are too long for an entry")
	}
	binary.BigEndian.PutUint32(b, uint32(len(b)-entryHead))
	binary.BigEndian.PutUint32(b[4:], crc32.Checksum(b[entryHead:], castagnoli))
	return b, nil
}

// readEntry reads the next entry of a file that has left more octets. The error is io.EOF if the file ends
// properly.
func (r *reader) readEntry(left int64) (entry, error) {
	head, err := r.bytes(entryHead)
	if err != nil {
		return entry{}, err
	}
	size, sum := int64(binary.BigEndian.Uint32(head)), binary.BigEndian.Uint32(head[4:])
	if size < entryLeast || size > left-entryHead {
		return entry{}, errors.New("an entry is incomplete")
	}
	body, err := r.bytes(int(size))
	if err != nil {
		return entry{}, err
	}
	if crc32.Checksum(body, castagnoli) != sum {
		return entry{}, errors.New("checksum mismatch in an entry")
	}
	e := entry{kind: body[0], time: time.Unix(int64(binary.BigEndian.Uint64(body[1:])), 0)}
	for body = body[entryLeast:]; len(body) > 0; {
		size, n := binary.Uvarint(body)
		if n <= 0 || size == 0 || size > uint64(len(body)-n) {
			return entry{}, errors.New("an entry has an incomplete record")
		}
		rr, err := unpack(body[n : n+int(size)])
		if err != nil {
			return entry{}, err
		}
		e.records = append(e.records, rr)
		body = body[n+int(size):]
	}
	return e, nil
}

// apply returns the generation that the entry leads to.
func (e entry) apply(held *policyzone.Zone, limit int) (*policyzone.Zone, error) {
	switch {
	case e.kind == kindConfirmed && len(e.records) == 0:
		return held, nil
	case e.kind != kindDifferences:
		return nil, errors.New("an entry is of an unknown kind")
	}
	in := &stream{zone: held.Name(), limit: limit, held: held, incremental: true}
	for _, rr := range e.records {
		if err := in.take(rr); err != nil {
			return nil, err
		}
	}
	if in.phase != ended || in.differences == nil {
		return nil, errors.New("an entry is not a complete set of differences")
	}
	return in.generation()
}

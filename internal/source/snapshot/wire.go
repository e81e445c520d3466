package snapshot

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"time"

	"github.com/nearcast/nearcast/internal/base/intern"
)

// wire is a sequence of values without names. Writing, a method appends the value that its
// argument points to, and changes nothing else: the objects are in use. Reading, it sets
// that value. Both therefore have the same order of fields, and one description.
type wire struct {
	reading bool
	// data is what was written, or what is left to read.
	data  []byte
	texts *table
	// err is the first error of reading; from then on every value is zero.
	err error
}

// errDamaged is wrapped by errors about a file that Save did not write in this form.
var errDamaged = errors.New("is damaged")

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errDamaged, fmt.Sprintf(format, args...))
}

func (w *wire) fail(format string, args ...any) { w.failed(damaged(format, args...)) }

// failed ends reading, unless it has failed before.
func (w *wire) failed(err error) {
	if w.err == nil {
		w.err = err
	}
	w.data = nil
}

// uvarint writes v, or returns what it reads.
func (w *wire) uvarint(v uint64) uint64 {
	if !w.reading {
		w.data = binary.AppendUvarint(w.data, v)
		return v
	}
	v, n := binary.Uvarint(w.data)
	if n <= 0 {
		w.fail("a number is cut off or too large")
		return 0
	}
	w.data = w.data[n:]
	return v
}

// number is an unsigned integer; reading refuses one above most.
func number[T ~uint8 | ~uint16 | ~uint64](w *wire, v *T, most T) {
	n := w.uvarint(uint64(*v))
	switch {
	case !w.reading:
	case n > uint64(most):
		w.fail("%d is above %d", n, most)
	default:
		*v = T(n)
	}
}

// signed is an integer that is mostly near zero.
func signed[T ~int | ~int32 | ~int64](w *wire, v *T) {
	n := int64(*v)
	n = unzigzag(w.uvarint(uint64(n)<<1 ^ uint64(n>>63))) //nolint:gosec // bits, as in Protocol Buffers
	switch {
	case !w.reading:
	case int64(T(n)) != n:
		w.fail("%d does not fit", n)
	default:
		*v = T(n)
	}
}

func unzigzag(u uint64) int64 { return int64(u>>1) ^ -int64(u&1) } //nolint:gosec // bits

// flags are up to 64 booleans.
func (w *wire) flags(all ...*bool) {
	var bits uint64
	for i, b := range all {
		if !w.reading && *b {
			bits |= 1 << i
		}
	}
	if bits = w.uvarint(bits); !w.reading {
		return
	}
	if bits>>len(all) != 0 {
		w.fail("%b has more than %d flags", bits, len(all))
		return
	}
	for i, b := range all {
		*b = bits>>i&1 == 1
	}
}

// float is a finite number. Any other is written as 0, or the whole file could not be read.
func (w *wire) float(v *float64) {
	if !w.reading {
		n := *v
		if !finite(n) {
			n = 0
		}
		w.data = binary.LittleEndian.AppendUint64(w.data, math.Float64bits(n))
		return
	}
	if len(w.data) < 8 {
		w.fail("a number is cut off")
		return
	}
	*v, w.data = math.Float64frombits(binary.LittleEndian.Uint64(w.data)), w.data[8:]
	if !finite(*v) {
		w.fail("%g is not a finite number", *v)
	}
}

func finite(n float64) bool { return !math.IsNaN(n) && !math.IsInf(n, 0) }

// octets writes its argument, or returns what it reads, which belongs to the file.
func (w *wire) octets(s string) []byte {
	n := w.count(len(s), 1)
	if !w.reading {
		w.data = append(w.data, s...)
		return nil
	}
	read := w.data[:n]
	w.data = w.data[n:]
	return read
}

// text is a string that few objects have.
func (w *wire) text(s *string) {
	if read := w.octets(*s); w.reading {
		*s = string(read)
	}
}

// common is a string that many objects have; the chunk has it once.
func (w *wire) common(s *string) {
	if !w.reading {
		w.data = binary.AppendUvarint(w.data, w.texts.number(*s))
		return
	}
	n := w.uvarint(0)
	if n >= uint64(len(w.texts.all)) {
		w.fail("there is no text %d", n)
		return
	}
	*s = w.texts.all[n]
}

// everywhere is a common string that objects of all chunks have.
func (w *wire) everywhere(s *string) {
	if w.common(s); w.reading {
		*s = intern.String(*s)
	}
}

// count writes n, or returns what it reads. Every counted item takes at least so many
// octets, so that the count bounds what is allocated for them.
func (w *wire) count(n, octets int) int {
	read := w.uvarint(uint64(n)) //nolint:gosec // a length
	if w.reading && read > uint64(len(w.data)/octets) {
		w.fail("%d items are more than are left", read)
		return 0
	}
	return int(read) //nolint:gosec // it is a length, or below one
}

// list is a slice; nil if it is empty.
func list[T any](w *wire, all *[]T, each func(*T)) {
	n := w.count(len(*all), 1)
	if w.reading && n > 0 {
		*all = make([]T, n)
	}
	for i := range *all {
		if each(&(*all)[i]); w.err != nil {
			return
		}
	}
}

// farthest bounds times, in seconds from 1970: some ten thousand years.
const farthest = 1 << 38

// time is a moment, read in the local time zone as Kubernetes' times are, so that an object
// from a snapshot equals the same object from the API.
func (w *wire) time(t *time.Time) {
	var nanos uint64 // plus one
	var seconds int64
	if !w.reading && !t.IsZero() {
		nanos, seconds = uint64(t.Nanosecond())+1, t.Unix() //nolint:gosec // at most 999,999,999
	}
	if number(w, &nanos, uint64(time.Second)); nanos == 0 {
		return
	}
	signed(w, &seconds)
	if w.reading && (seconds > farthest || seconds < -farthest) {
		w.fail("%d seconds from 1970 is not a time", seconds)
		return
	}
	if w.reading {
		*t = time.Unix(seconds, int64(nanos)-1) //nolint:gosec // see above
	}
}

// packed is a type of package netip, with its binary form.
type packed[T any] interface {
	*T
	AppendBinary([]byte) ([]byte, error)
	UnmarshalBinary([]byte) error
}

// address is an address, or an address with its port.
func address[T any, P packed[T]](w *wire, v P) {
	if !w.reading {
		var room [32]byte
		b, _ := v.AppendBinary(room[:0]) // never fails
		w.data = append(binary.AppendUvarint(w.data, uint64(len(b))), b...)
		return
	}
	if err := v.UnmarshalBinary(w.octets("")); err != nil {
		w.fail("%v", err)
	}
}

// family is the addresses of one family.
func (w *wire) family(all *[]netip.Addr, is func(netip.Addr) bool) {
	list(w, all, func(a *netip.Addr) {
		if address(w, a); w.reading && w.err == nil && !is(*a) {
			w.fail("%s is of the wrong family", *a)
		}
	})
}

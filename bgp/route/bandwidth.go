package route

import (
	"errors"
	"strconv"
	"strings"
)

// Bandwidth is in bits per second, from 1K to 1000T in whole kilobits; 0 for none. Its text form is
// a number with K, M, G or T (powers of 1000), such as 2500M or 2.5G.
type Bandwidth uint64

const (
	kilobit Bandwidth = 1000
	// maxBandwidth exceeds what any site has; a larger value is a typo.
	maxBandwidth = 1_000_000_000_000_000
	bitsPerByte  = 8
)

// units are sorted from the largest.
var units = []struct {
	letter string
	bits   Bandwidth
}{{"T", 1_000_000_000_000}, {"G", 1_000_000_000}, {"M", 1_000_000}, {"K", kilobit}}

// BytesPerSecond is the value of the link bandwidth extended community (RFC 10005).
func (b Bandwidth) BytesPerSecond() float32 { return float32(float64(b) / bitsPerByte) }

// String returns the bandwidth in the largest unit that gives a whole number; "none" for 0.
func (b Bandwidth) String() string {
	for _, unit := range units {
		if b >= unit.bits && b%unit.bits == 0 {
			return strconv.FormatUint(uint64(b/unit.bits), 10) + unit.letter
		}
	}
	return "none"
}

// MarshalText returns the form that UnmarshalText reads.
func (b Bandwidth) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// UnmarshalText reads a number with its unit.
func (b *Bandwidth) UnmarshalText(text []byte) error {
	last := max(0, len(text)-1)
	for _, unit := range units {
		if strings.EqualFold(string(text[last:]), unit.letter) {
			n, err := inKilobits(string(text[:last]), uint64(unit.bits/kilobit))
			*b = Bandwidth(n) * kilobit
			return err
		}
	}
	return errNoBandwidth
}

var errNoBandwidth = errors.New("write bits per second as a decimal number with K, M, G or T, such as 10G or 2.5M")

// inKilobits converts a decimal number of units to kilobits; one unit has perUnit kilobits.
func inKilobits(number string, perUnit uint64) (uint64, error) {
	whole, fraction, dotted := strings.Cut(number, ".")
	n, err := strconv.ParseUint(whole, 10, 32)
	if err != nil || !IsDecimal(whole) || dotted && strings.Trim(fraction, "0123456789") != "" || dotted && fraction == "" {
		return 0, errNoBandwidth
	}
	n *= perUnit
	for _, digit := range strings.TrimRight(fraction, "0") {
		if perUnit /= 10; perUnit == 0 {
			return 0, errors.New("must be whole kilobits per second")
		}
		n += uint64(digit-'0') * perUnit
	}
	if n == 0 || n > maxBandwidth/uint64(kilobit) {
		return 0, errors.New("is not from 1K to 1000T")
	}
	return n, nil
}

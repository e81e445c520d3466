// Package seconds represents durations in JSON as a number of seconds, which every
// language can read and every monitoring system expects.
package seconds

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"
)

// Duration is a time.Duration that JSON represents as a number of seconds, with a
// fraction if needed. The name of a field of this type ends in Seconds.
type Duration time.Duration

// MarshalJSON implements json.Marshaler. It writes decimal digits, because a float64 may
// have more of them: 2.704 s would become 2.7039999999999997.
func (d Duration) MarshalJSON() ([]byte, error) {
	sign, nanoseconds := "", uint64(d)
	if d < 0 {
		sign, nanoseconds = "-", -nanoseconds
	}
	text := fmt.Sprintf("%s%d.%09d", sign, nanoseconds/uint64(time.Second), nanoseconds%uint64(time.Second))
	return []byte(strings.TrimSuffix(strings.TrimRight(text, "0"), ".")), nil
}

// UnmarshalJSON implements json.Unmarshaler. It replaces a value that is too long for a
// time.Duration by the longest.
func (d *Duration) UnmarshalJSON(data []byte) error {
	var n float64
	if err := json.Unmarshal(data, &n); err != nil {
		return err
	}
	nanoseconds := math.Round(n * float64(time.Second))
	switch {
	case nanoseconds >= math.MaxInt64:
		*d = math.MaxInt64
	case nanoseconds <= math.MinInt64:
		*d = math.MinInt64
	default:
		*d = Duration(nanoseconds)
	}
	return nil
}

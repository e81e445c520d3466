// Package seconds has lengths of time as JSON has them here: a number of seconds, which
// every language reads and every monitoring system expects.
package seconds

import (
	"encoding/json"
	"math"
	"strconv"
	"time"
)

// Duration is a time.Duration whose JSON is a number of seconds, with a fraction where
// there is one. The name of its field ends in Seconds.
type Duration time.Duration

// MarshalJSON implements json.Marshaler.
func (d Duration) MarshalJSON() ([]byte, error) {
	return strconv.AppendFloat(nil, time.Duration(d).Seconds(), 'f', -1, 64), nil
}

// UnmarshalJSON implements json.Unmarshaler. What is longer than a time.Duration can be
// is the longest.
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

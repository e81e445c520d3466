package federation

import (
	"fmt"
	"strconv"
	"strings"
)

// Eighths is a share of the clients, in eighths: fine enough to be smooth, and coarse enough that each
// is many clients. The clients of a share are always the same, and those of a smaller one are among
// them.
type Eighths uint8

// Everybody is all clients.
const Everybody Eighths = 8

// ParseEighths parses a multiple of 12.5% up to 100%, such as "25%".
func ParseEighths(text string) (Eighths, error) {
	number, percent := strings.CutSuffix(text, "%")
	n, err := strconv.ParseFloat(number, 64)
	if eighths := n * float64(Everybody) / 100; percent && err == nil && eighths >= 1 && eighths <= float64(Everybody) && eighths == float64(int(eighths)) {
		return Eighths(eighths), nil
	}
	return 0, fmt.Errorf("%q is not a share of the clients: use a multiple of 12.5%%, up to 100%%", text)
}

// String returns the share in percent.
func (s Eighths) String() string {
	return strconv.FormatFloat(100*float64(s)/float64(Everybody), 'f', -1, 64) + "%"
}

// MarshalText implements encoding.TextMarshaler.
func (s Eighths) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Eighths) UnmarshalText(text []byte) (err error) {
	*s, err = ParseEighths(string(text))
	return err
}

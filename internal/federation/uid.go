package federation

import (
	"encoding/hex"
	"strings"
	"unique"
)

// UID is the UID of an object; the zero UID means that it has none. Kubernetes' are UUIDs: as text,
// those of a function's four objects would take as much memory as the function.
type UID struct {
	uuid  [16]byte
	other unique.Handle[string] // any other text; zero for a UUID
}

// uuidLength is that of a UUID's text.
const uuidLength = len("00000000-0000-0000-0000-000000000000")

// UIDOf returns the UID with the text.
func UIDOf(text string) UID {
	if text == "" {
		return UID{}
	}
	if u := uuidOf(text); u != (UID{}) {
		return u
	}
	return UID{other: unique.Make(text)}
}

// uuidOf returns the UID with the text, which Append restores; zero if it would not.
func uuidOf(text string) (u UID) {
	if len(text) != uuidLength {
		return UID{}
	}
	digits := strings.ReplaceAll(text, "-", "")
	if len(digits) != 2*len(u.uuid) {
		return UID{}
	}
	if _, err := hex.Decode(u.uuid[:], []byte(digits)); err != nil || string(u.Append(nil)) != text {
		return UID{}
	}
	return u
}

// IsZero reports whether the object has no UID.
func (u UID) IsZero() bool { return u == UID{} }

// String returns the text; "" for none.
func (u UID) String() string { return string(u.Append(nil)) }

// Append appends the text.
func (u UID) Append(to []byte) []byte {
	switch {
	case u.other != (unique.Handle[string]{}):
		return append(to, u.other.Value()...)
	case u.IsZero():
		return to
	}
	for _, group := range [...][2]int{{0, 4}, {4, 6}, {6, 8}, {8, 10}} {
		to = append(hex.AppendEncode(to, u.uuid[group[0]:group[1]]), '-')
	}
	return hex.AppendEncode(to, u.uuid[10:])
}

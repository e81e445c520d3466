package federation

import (
	"fmt"
	"strings"

	"github.com/nearcast/nearcast/internal/base/brief"
)

// MostOfObject bounds the faults of one kind that are kept for one object, which may
// have 256 KiB of annotations.
const MostOfObject = 64

// Fault says which input was refused, and why.
type Fault struct {
	// Warning is set if nothing was refused: the input is valid, but may not do what its
	// author expects.
	Warning bool
	File    string
	Line    int
	Object  string
	// Namespace is the object's namespace. It is set in the faults of a State.
	Namespace string
	// Template identifies the object that gets an Event: the one that declares the
	// function with the fault, or the one that is not read.
	Template Identity
	Key      string
	// Reason is shortened and escaped by package brief if it may contain text of others.
	Reason string
}

// Error returns "file:line: object: key: reason", without the parts that are not known.
// The author of the file controls all of them, so they are escaped.
func (f Fault) Error() string {
	s := f.Reason
	if f.Key != "" {
		s = f.Key + ": " + s
	}
	if f.Object != "" {
		s = f.Object + ": " + s
	}
	switch {
	case f.File != "" && f.Line > 0:
		s = fmt.Sprintf("%s:%d: %s", f.File, f.Line, s)
	case f.File != "":
		s = f.File + ": " + s
	}
	return brief.Escape(s)
}

// Severity returns the fault's name in the log: refused, or ignored for a Warning.
func (f Fault) Severity() string {
	if f.Warning {
		return "ignored"
	}
	return "refused"
}

// Ignored returns a warning that the object's key is not read, and why.
func (m *Meta) Ignored(key, why string) Fault {
	f := m.Fault(key, "%s", why)
	f.Warning, f.Template = true, m.Identity()
	return f
}

// Fault returns a Fault of the object m at the annotation key ("" means the object
// itself).
func (m *Meta) Fault(key, format string, args ...any) Fault {
	f := Fault{File: m.File, Line: int(m.Line) + m.Annotations.Find(key).Below, Object: m.String(), Key: key, Reason: brief.Text(fmt.Sprintf(format, args...))}
	if m.Ref().Declares() {
		f.Template = m.Identity()
	}
	return f
}

// Refuses reports whether something was refused, so that the fault is more than a warning.
func (f Fault) Refuses() bool { return !f.Warning }

// Compare sorts faults by position and then by text.
func (f Fault) Compare(o Fault) int {
	for _, c := range [...]int{
		strings.Compare(f.File, o.File), f.Line - o.Line,
		strings.Compare(f.Object, o.Object), strings.Compare(f.Key, o.Key),
	} {
		if c != 0 {
			return c
		}
	}
	return strings.Compare(f.Reason, o.Reason)
}

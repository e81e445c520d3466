package federation

import (
	"fmt"
	"strings"
)

// Expect is what a probe requires of an answer. The zero value requires a status from 200
// to 399.
type Expect struct {
	// From and To are the lowest and highest accepted status; 0 for the default.
	From, To uint16
	// Header must be present and contain Value.
	Header, Value string
	// Body must occur in the first 64 KiB of the body.
	Body string
}

// IsZero reports whether only the default is required.
func (e Expect) IsZero() bool { return e == Expect{} }

// Status reports whether the status is an expected one.
func (e Expect) Status(status int) bool {
	if e.From == 0 {
		return status >= 200 && status <= 399
	}
	return status >= int(e.From) && status <= int(e.To)
}

// String returns the expectation in the syntax of the annotation.
func (e Expect) String() string {
	var parts []string
	if e.From != 0 {
		parts = append(parts, fmt.Sprintf("status=%d-%d", e.From, e.To))
	}
	if e.Header != "" {
		parts = append(parts, fmt.Sprintf("header=%s:%s", e.Header, e.Value))
	}
	if e.Body != "" {
		parts = append(parts, "body="+e.Body)
	}
	return strings.Join(parts, " ")
}

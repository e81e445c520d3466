package annotation

import (
	"fmt"
	"net/textproto"
	"strconv"
	"strings"

	"github.com/nearcast/nearcast/internal/federation"
)

// parseExpect parses "[status=N[-N]] [header=NAME:VALUE] [body=TEXT]"; the body's text
// extends to the end and may contain spaces.
func parseExpect(v string) (federation.Expect, error) {
	var e federation.Expect
	for v = strings.TrimSpace(v); v != ""; v = strings.TrimSpace(v) {
		if text, ok := strings.CutPrefix(v, "body="); ok {
			if e.Body = text; text == "" {
				return e, fmt.Errorf("body= has no text")
			}
			return e, nil
		}
		var word string
		word, v, _ = strings.Cut(v, " ")
		key, value, _ := strings.Cut(word, "=")
		var err error
		switch key {
		case "status":
			err = parseStatus(&e, value)
		case "header":
			name, text, ok := strings.Cut(value, ":")
			if !ok || name == "" {
				err = fmt.Errorf("%q is not header=NAME:VALUE", word)
			}
			e.Header, e.Value = textproto.CanonicalMIMEHeaderKey(name), text
		default:
			err = fmt.Errorf("unknown expectation %q; known expectations: status=N[-N], header=NAME:VALUE, body=TEXT", word)
		}
		if err != nil {
			return e, err
		}
	}
	return e, nil
}

func parseStatus(e *federation.Expect, v string) error {
	first, last, ranged := strings.Cut(v, "-")
	if !ranged {
		last = first
	}
	from, err1 := strconv.ParseUint(first, 10, 16)
	to, err2 := strconv.ParseUint(last, 10, 16)
	if err1 != nil || err2 != nil || from < 200 || to > 599 || from > to {
		return fmt.Errorf("status %q is not N or N-N with statuses from 200 to 599", v)
	}
	e.From, e.To = uint16(from), uint16(to)
	return nil
}

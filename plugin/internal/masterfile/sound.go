package masterfile

import (
	"errors"
	"fmt"

	"github.com/miekg/dns"
)

// MaxName is the longest name, in octets on the wire (RFC 1035, section 2.3.4).
const MaxName = 255

// ErrTooLong says that a name is longer than allowed.
var ErrTooLong = fmt.Errorf("is longer than %d octets, together with the zone's name: give the zone a shorter one", MaxName)

// TooLong reports whether a name is longer than allowed. A name that is short enough in a file is short enough in a
// message.
func TooLong(name string) bool { return len(name) >= MaxName && WireLength(name) > MaxName }

// WireLength is the length of the name in a message. The parser does not check it for names to which it appends the
// zone's.
func WireLength(name string) int {
	if name == "." {
		return 1
	}
	n := 1 // the root's
	for i := 0; i < len(name); i, n = i+1, n+1 {
		if name[i] != '\\' {
			continue
		}
		if i++; i+2 < len(name) && digit(name[i]) && digit(name[i+1]) && digit(name[i+2]) {
			i += 2
		}
	}
	return n
}

func digit(b byte) bool { return '0' <= b && b <= '9' }

// Prover finds records that the parser accepts but no message can have: a name that is too long, invalid
// hexadecimal digits or base64, a type that cannot be in a zone.
type Prover struct{ buffer []byte }

// Prove says why a record with a valid owner is not valid itself.
func (p *Prover) Prove(rr dns.RR) error {
	switch rr := rr.(type) {
	case *dns.A, *dns.AAAA:
		return nil
	case *dns.CNAME:
		if TooLong(rr.Target) {
			return fmt.Errorf("the target of the CNAME %w", ErrTooLong)
		}
		return nil
	}
	if Meta(rr.Header().Rrtype) {
		return errors.New("a meta-type cannot be in a zone")
	}
	if p.buffer == nil {
		p.buffer = make([]byte, MaxName+10+1<<16)
	}
	n, err := dns.PackRR(rr, p.buffer, 0, nil, false)
	if err == nil {
		_, _, err = dns.UnpackRR(p.buffer[:n], 0)
	}
	if err != nil {
		return fmt.Errorf("the data cannot be sent in an answer: %w", err)
	}
	return nil
}

// Meta reports whether the type is for messages, not for zones (RFC 6895, section 3.1).
func Meta(t uint16) bool { return t == dns.TypeNone || t == dns.TypeOPT || t >= 128 && t <= 255 }

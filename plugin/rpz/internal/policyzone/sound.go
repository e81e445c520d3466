package policyzone

import (
	"errors"
	"fmt"

	"github.com/miekg/dns"
)

// maxName is how long a name may be, in octets of a message (RFC 1035, section 2.3.4).
const maxName = 255

var errTooLong = fmt.Errorf("is longer than %d octets, together with the zone's name: give the zone a shorter one", maxName)

// tooLong reports whether a name has more octets than it may. One that is not too long in
// a file is not so in a message.
func tooLong(name string) bool { return len(name) >= maxName && wireLength(name) > maxName }

// wireLength is how long the name is in a message. The parser does not look at that of
// names to which it adds the zone's.
func wireLength(name string) int {
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

// prover finds records that the parser lets pass and that no message can have: a name that
// is too long, hexadecimal digits or base64 that are none, a type that no zone has.
type prover struct{ buffer []byte }

// prove says why a record whose owner is sound is not itself.
func (p *prover) prove(rr dns.RR) error {
	switch rr := rr.(type) {
	case *dns.A, *dns.AAAA:
		return nil
	case *dns.CNAME:
		if tooLong(rr.Target) {
			return fmt.Errorf("the target of the CNAME %w", errTooLong)
		}
		return nil
	}
	if Meta(rr.Header().Rrtype) {
		return errors.New("the type is of messages, and no zone has it")
	}
	if p.buffer == nil {
		p.buffer = make([]byte, maxName+10+1<<16)
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

// Meta reports whether the type is of messages, not of zones (RFC 6895, section 3.1).
func Meta(t uint16) bool { return t == dns.TypeNone || t == dns.TypeOPT || t >= 128 && t <= 255 }

package nearcast

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// canonicalOrder compares names as in RFC 4034, section 6.1: label by label from the
// root, each as octets in lower case.
func canonicalOrder(t testing.TB, x, y string) int {
	t.Helper()
	return slices.CompareFunc(labelsOf(t, x), labelsOf(t, y), bytes.Compare)
}

// labelsOf returns the name's labels, the root's first.
func labelsOf(t testing.TB, name string) (labels [][]byte) {
	t.Helper()
	wire, err := packed(name)
	if err != nil {
		t.Fatalf("%q: %v", name, err)
	}
	for ; wire[0] > 0; wire = wire[1+wire[0]:] {
		label := slices.Clone(wire[1 : 1+wire[0]])
		for i, b := range label { // not bytes.ToLower, which treats them as UTF-8
			if 'A' <= b && b <= 'Z' {
				label[i] = b + 'a' - 'A'
			}
		}
		labels = append(labels, label)
	}
	slices.Reverse(labels)
	return labels
}

// filled returns a name of this many octets on the wire that begins with the label.
func filled(label string, octets int) string {
	wire, _ := packed(label + "fn.example.org.")
	for room := octets - len(wire); room > 0; {
		n := min(63, room-1)
		if room-n-1 == 1 {
			n--
		}
		label += strings.Repeat("f", n) + "."
		room -= n + 1
	}
	return label + "fn.example.org."
}

func TestTheSuccessorIsTheNextNameThatFits(t *testing.T) {
	full := strings.Repeat(`\255`, 63) + "."
	for _, c := range []struct{ name, want string }{
		{"fn.example.org.", `\000.fn.example.org.`},
		{"A.Fn.example.org.", `\000.a.fn.example.org.`},
		{filled("a.", 253), `\000.` + filled("a.", 253)},
		{filled(`\000.`, 253), `\000.` + filled(`\000.`, 253)},
		{filled("a.", 254), strings.Replace(filled("a.", 254), "a.", `a\000.`, 1)},
		{filled("a.", 255), "b" + filled("a.", 255)[1:]},
		{filled("Z.", 255), `\123` + filled("z.", 255)[1:]},
		{filled(`\@.`, 255), `[` + filled("z.", 255)[1:]},
		{filled(`a\255\255.`, 255), "b." + filled(`a\255\255.`, 255)[len(`a\255\255.`):]},
		{filled(full, 254), nextOf(filled("", 254-64))},
		{filled(full+full+full, 255), nextOf(filled("", 255-3*64))},
	} {
		got := successor(c.name, "fn.example.org.")
		if canonicalOrder(t, got, c.want) != 0 {
			t.Errorf("%s:\n%s, want\n%s", c.name, got, c.want)
		}
	}
	if got := successor(".", "."); got != `\000.` {
		t.Errorf("the root is followed by %s", got)
	}
	// If there is nothing else left, the zone's own name ends the chain.
	short := strings.TrimSuffix(filled("", 255-64), "fn.example.org.") + "fn.example.org."
	if got := successor(full+short, short); got != short {
		t.Errorf("the last name is followed by %s", got)
	}
	if got := successor(filled("", 255), filled("", 255)); got != filled("", 255) {
		t.Errorf("a zone of 255 octets has %s", got)
	}
}

// nextOf returns the sibling that follows a name with room for a longer label.
func nextOf(name string) string {
	label, rest, _ := strings.Cut(name, ".")
	if len(label) < maxLabel {
		return label + `\000.` + rest
	}
	return label[:len(label)-1] + "g." + rest
}

// FuzzSuccessor checks that the successor of a name comes after it, can be sent, and
// leaves no other name in between.
func FuzzSuccessor(f *testing.F) {
	f.Add([]byte("\x01a"), []byte("\x01b"))
	f.Add(append([]byte("\x3f"), bytes.Repeat([]byte{255}, 63)...), []byte("\x01\x00\x01@"))
	f.Add(bytes.Repeat([]byte("\x01\xff"), 119), bytes.Repeat([]byte("\x01\x00"), 119))
	f.Add(bytes.Repeat([]byte("\x02Z@"), 79), bytes.Repeat([]byte("\x3e1"), 3))
	f.Fuzz(func(t *testing.T, one, other []byte) {
		x, y := nameOf(one), nameOf(other)
		next := successor(x, "fn.example.org.")
		if _, err := packed(next); err != nil || !dns.IsSubDomain("fn.example.org.", next) {
			t.Fatalf("%s is followed by %s: %v", x, next, err)
		}
		last := next == "fn.example.org."
		if !last && canonicalOrder(t, x, next) >= 0 {
			t.Errorf("%s is not after %s", next, x)
		}
		if canonicalOrder(t, x, y) < 0 && (last || canonicalOrder(t, y, next) < 0) {
			t.Errorf("%s is between %s and %s", y, x, next)
		}
	})
}

// nameOf makes a name of the zone from any octets: labels that begin with their length.
func nameOf(raw []byte) string {
	const room = maxWire - len("fn.example.org.") - 1
	var wire []byte
	for len(raw) > 1 {
		n := min(int(raw[0])%maxLabel+1, len(raw)-1, room-len(wire)-1)
		if n < 1 {
			break
		}
		wire = append(append(wire, byte(n)), raw[1:1+n]...)
		raw = raw[1+n:]
	}
	zone, _ := packed("fn.example.org.")
	name, _, _ := dns.UnpackDomainName(append(wire, zone...), 0)
	return name
}

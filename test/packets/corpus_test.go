package packets_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// odd is a packet that resolvers do not normally send.
type odd struct {
	name string
	data []byte
}

// corpus returns all packets, by name. A name begins with its kind.
func corpus() (all []odd) {
	add := func(data []byte, format string, args ...any) {
		all = append(all, odd{fmt.Sprintf(format, args...), data})
	}
	for _, kind := range []func(func([]byte, string, ...any)){
		headers, counts, questions, names, opts, options, subnets, cookies, lengths,
	} {
		kind(add)
	}
	slices.SortFunc(all, func(a, b odd) int { return strings.Compare(a.name, b.name) })
	return all
}

func headers(add func([]byte, string, ...any)) {
	q := question(hello(), 1, 1)
	for n := range 16 {
		add(packet(header{bits: opcode(n), qd: 1}, q), "opcode %d A", n)
		add(packet(header{bits: opcode(n), qd: 1}, question(below(), 6, 1)), "opcode %d SOA of the zone", n)
		add(packet(header{bits: opcode(n)}), "opcode %d without a question", n)
		add(packet(header{bits: opcode(n), qd: 1, ar: 1}, q, opt(1232, 0)), "opcode %d with OPT", n)
	}
	add(packet(header{bits: opcode(5), qd: 1, ns: 1}, question(below(), 6, 1), record(hello(), 1, 1, 60, []byte{1, 2, 3, 4})), "opcode 5 that adds a record")
	add(packet(header{bits: opcode(4), qd: 1, an: 1}, question(below(), 6, 1), record(below(), 6, 1, 60, soa())), "opcode 4 with an SOA")
	for bit, name := range map[uint16]string{qr: "qr", aa: "aa", tc: "tc", rd: "rd", ra: "ra", z: "z", ad: "ad", cd: "cd"} {
		add(packet(header{bits: bit, qd: 1}, q), "flag %s", name)
		add(packet(header{bits: bit, qd: 1, ar: 1}, q, opt(1232, 0)), "flag %s with OPT", name)
	}
	for rcode := range uint16(16) {
		add(packet(header{bits: rcode, qd: 1}, q), "rcode %d", rcode)
	}
	add(packet(header{bits: 0x7FF &^ tc, qd: 1}, q), "flags all but qr and tc")
}

func counts(add func([]byte, string, ...any)) {
	q, a := question(hello(), 1, 1), record(hello(), 1, 1, 60, []byte{192, 0, 2, 1})
	for _, n := range []uint16{0, 2, 3, 65535} {
		add(packet(header{qd: n}, q), "count of questions %d, one there", n)
	}
	add(packet(header{}), "count of questions 0, none there")
	add(packet(header{ar: 1}, opt(1232, 0)), "count of questions 0, OPT")
	add(packet(header{qd: 1}), "count of questions 1, none there")
	add(packet(header{qd: 2}, q, q), "count of questions 2, the same twice")
	add(packet(header{qd: 2}, q, question(hello(), 28, 1)), "count of questions 2, two there")
	for section, h := range map[string]header{"answers": {qd: 1, an: 1}, "authorities": {qd: 1, ns: 1}, "additionals": {qd: 1, ar: 1}} {
		add(packet(h, q), "count of %s 1, none there", section)
		add(packet(h, q, a), "count of %s 1, one there", section)
		add(packet(h, q, a[:len(a)-1]), "count of %s 1, one that is cut off", section)
	}
	add(packet(header{qd: 1, an: 65535, ns: 65535, ar: 65535}, q), "count of everything 65535")
	add(packet(header{qd: 1, ar: 2}, q, opt(1232, 0)), "count of additionals 2, OPT")
	add(packet(header{qd: 1, ar: 2}, q, opt(1232, 0), a), "count of additionals 2, OPT and A")
	add(packet(header{qd: 1, ar: 2}, q, a, opt(1232, 0)), "count of additionals 2, A and OPT")
	add(packet(header{qd: 1, ar: 3}, q, a, a, opt(1232, 0)), "count of additionals 3, two A and OPT")
	add(packet(header{qd: 1, an: 2}, q, a, a), "count of answers 2")
	add(packet(header{qd: 1, ns: 2}, q, a, a), "count of authorities 2")
	add(packet(header{qd: 1, ar: 1}, q, record(hello(), 1, 1, 60, []byte{1, 2, 3})), "count of additionals 1, A of three octets")
}

func questions(add func([]byte, string, ...any)) {
	for _, class := range []uint16{0, 2, 3, 4, 5, 254, 255, 256, 32769, 65535} {
		add(packet(header{qd: 1}, question(hello(), 1, class)), "class %d", class)
		add(packet(header{qd: 1, ar: 1}, question(hello(), 1, class), opt(1232, 0)), "class %d with OPT", class)
	}
	for _, qtype := range []uint16{0, 2, 3, 4, 5, 6, 10, 12, 13, 15, 16, 28, 33, 35, 39, 41, 43, 46, 47, 48, 50, 52, 64, 65, 99, 128, 249, 250, 251, 252, 253, 254, 255, 256, 257, 32769, 65280, 65535} {
		add(packet(header{qd: 1}, question(hello(), qtype, 1)), "type %d", qtype)
	}
}

func names(add func([]byte, string, ...any)) {
	at := func(name []byte) []byte { return packet(header{qd: 1}, question(name, 1, 1)) }
	long := func(total int) []byte { // a name of so many octets in the zone
		var l []string
		for rest := total - len(below()); rest > 0; {
			n := min(rest-1, 63)
			l, rest = append(l, strings.Repeat("x", n)), rest-n-1
		}
		return below(l...)
	}
	add(at([]byte{0}), "name of the root")
	add(at(labels("org")), "name above the zone")
	add(at(labels("example", "com")), "name beside the zone")
	add(at(below()), "name of the zone")
	add(at(below("HELLO", "Demo")), "name in capitals")
	add(at(below("nope", "demo")), "name that does not exist")
	add(at(below("demo")), "name of an empty non-terminal")
	for what, label := range map[string]string{
		"a dot": "a.b", "a zero": "a\x00b", "a space": "a b", "eight bits": "h\xe9llo", "a backslash": `a\b`, "a quote": `a"b`, "an asterisk": "*", "an underscore": "_a",
	} {
		add(at(below(label, "demo")), "name with %s in a label", what)
	}
	add(at(below(strings.Repeat("x", 63), "demo")), "name with a label of 63")
	for _, total := range []int{250, 254, 255, 256, 257, 300} {
		add(at(long(total)), "name of %d octets", total)
	}
	var deep []string
	for range 115 {
		deep = append(deep, "a")
	}
	add(at(below(deep...)), "name of 118 labels")
	for _, first := range []byte{0x40, 0x41, 0x7F, 0x80, 0xBF} {
		add(at(join([]byte{first}, bytes.Repeat([]byte{'x'}, 63), below())), "name with the label type %#x", first)
	}
	for what, name := range map[string][]byte{
		"to itself": pointer(12), "to the header": pointer(0), "to the end": pointer(18), "beyond the end": pointer(4000), "to its type": pointer(14),
		"in a loop with a label": join([]byte{1, 'a'}, pointer(12)), "to the middle of itself": join([]byte{1, 'a'}, pointer(13)),
	} {
		add(at(name), "pointer %s", what)
	}
	add(packet(header{qd: 1}, []byte{0xC0}), "pointer that is cut off")
	add(packet(header{qd: 2}, question(hello(), 1, 1), question(pointer(12), 28, 1)), "pointer in the second question")
	add(packet(header{qd: 1, ar: 1}, question(hello(), 1, 1), record(pointer(12), 1, 1, 60, []byte{1, 2, 3, 4})), "pointer in an additional record")
	add(packet(header{qd: 1, ar: 1}, question(hello(), 1, 1), record(pointer(43), 1, 1, 60, []byte{1, 2, 3, 4})), "pointer of an additional record to itself")
	add(packet(header{qd: 1, ar: 1}, question(hello(), 1, 1), record(pointer(36), 41, 1232, 0, nil)), "pointer to the root as the name of an OPT")
}

func opts(add func([]byte, string, ...any)) {
	for _, size := range []uint16{0, 1, 100, 511, 512, 513, 1232, 4096, 65535} {
		add(ask(opt(size, 0)), "OPT of size %d", size)
	}
	for _, version := range []uint32{1, 2, 100, 255} {
		add(ask(opt(1232, version<<16)), "OPT of version %d", version)
		add(ask(opt(1232, version<<16, option(10, 1, 2, 3, 4, 5, 6, 7, 8))), "OPT of version %d with a cookie", version)
	}
	for bit := range 16 {
		add(ask(opt(1232, 1<<bit)), "OPT with the flag %#x", 1<<bit)
	}
	for _, rcode := range []uint32{1, 2, 255} {
		add(ask(opt(1232, rcode<<24)), "OPT with the extended rcode %d", rcode)
	}
	q, o, a := question(hello(), 1, 1), opt(1232, 0), record(hello(), 1, 1, 60, []byte{1, 2, 3, 4})
	add(ask(o, o), "OPT twice")
	add(ask(o, opt(4096, 0x8000)), "OPT twice, different")
	add(ask(o, opt(1232, 1<<16)), "OPT twice, the second of version 1")
	add(ask(o, a, o), "OPT twice and A")
	add(ask(o, o, o), "OPT three times")
	add(packet(header{qd: 1, an: 1}, q, o), "OPT among the answers")
	add(packet(header{qd: 1, ns: 1}, q, o), "OPT among the authorities")
	add(packet(header{qd: 1, an: 1, ar: 1}, q, o, o), "OPT among the answers and the additionals")
	add(ask(record(labels("a"), 41, 1232, 0, nil)), "OPT with a name")
	add(ask(record(below(), 41, 1232, 0, nil)), "OPT with the zone's name")
	for n := 1; n <= 3; n++ {
		add(ask(record([]byte{0}, 41, 1232, 0, make([]byte, n))), "OPT with %d octets of an option", n)
	}
	add(ask(record([]byte{0}, 41, 1232, 0, []byte{0, 3, 0, 1})), "OPT with an option longer than it")
	add(ask(record([]byte{0}, 41, 1232, 0, []byte{0, 3, 255, 255, 1, 2})), "OPT with an option of 65535 octets")
	for n := 1; n <= 10; n++ {
		add(ask(o[:n]), "OPT cut off after %d octets", n)
	}
	add(ask(append(append([]byte(nil), o[:9]...), 0, 8)), "OPT longer than the packet")
}

func options(add func([]byte, string, ...any)) {
	codes := []uint16{100, 4095, 20292, 26946, 65001, 65534, 65535}
	for code := range uint16(30) {
		if code != 8 && code != 10 {
			codes = append(codes, code)
		}
	}
	for _, code := range codes {
		for _, n := range []int{0, 1, 2, 4, 8, 18} {
			add(with(option(code, make([]byte, n)...)), "option %d of %d octets", code, n)
		}
	}
	add(with(option(3), option(3)), "options NSID twice")
	add(with(option(12), option(3), option(65001, 1, 2, 3), option(19)), "options of several codes")
	add(with(option(19), option(10, 1, 2, 3, 4, 5, 6, 7, 8)), "options ZONEVERSION and a cookie")
	add(with(option(15), option(19), option(18), option(1), option(2)), "options that are all too short")
}

func subnets(add func([]byte, string, ...any)) {
	for _, s := range []struct {
		name string
		data []byte
	}{
		{"empty", nil}, {"of one octet", []byte{0}}, {"of three octets", []byte{0, 1, 24}},
		{"IPv4/24", []byte{0, 1, 24, 0, 192, 0, 2}}, {"IPv4/32", []byte{0, 1, 32, 0, 192, 0, 2, 1}}, {"IPv4/0", []byte{0, 1, 0, 0}},
		{"IPv4/20 that is masked", []byte{0, 1, 20, 0, 192, 0, 16}}, {"IPv4/20 that is not masked", []byte{0, 1, 20, 0, 192, 0, 31}},
		{"IPv4/25 that is not masked", []byte{0, 1, 25, 0, 192, 0, 2, 1}}, {"IPv4/24 with two octets", []byte{0, 1, 24, 0, 192, 0}},
		{"IPv4/24 with four octets", []byte{0, 1, 24, 0, 192, 0, 2, 0}}, {"IPv4/24 with four octets, the last set", []byte{0, 1, 24, 0, 192, 0, 2, 1}},
		{"IPv4/24 with none", []byte{0, 1, 24, 0}}, {"IPv4/0 with one octet", []byte{0, 1, 0, 0, 0}}, {"IPv4/0 with four octets", []byte{0, 1, 0, 0, 0, 0, 0, 0}},
		{"IPv4/33", []byte{0, 1, 33, 0, 192, 0, 2, 1, 0}}, {"IPv4/255", []byte{0, 1, 255, 0, 192, 0, 2, 1}},
		{"IPv4/24 with the scope 1", []byte{0, 1, 24, 1, 192, 0, 2}}, {"IPv4/24 with the scope 24", []byte{0, 1, 24, 24, 192, 0, 2}}, {"IPv4/24 with the scope 33", []byte{0, 1, 24, 33, 192, 0, 2}},
		{"IPv6/56", []byte{0, 2, 56, 0, 0x20, 1, 0x0d, 0xb8, 0, 1, 0}}, {"IPv6/0", []byte{0, 2, 0, 0}}, {"IPv6/128", append([]byte{0, 2, 128, 0}, make([]byte, 16)...)},
		{"IPv6/129", append([]byte{0, 2, 129, 0}, make([]byte, 17)...)}, {"IPv6/56 with eight octets", []byte{0, 2, 56, 0, 0x20, 1, 0x0d, 0xb8, 0, 1, 0, 0}},
		{"IPv6/57 that is not masked", []byte{0, 2, 57, 0, 0x20, 1, 0x0d, 0xb8, 0, 1, 0, 0xFF}}, {"IPv6/56 with the scope 56", []byte{0, 2, 56, 56, 0x20, 1, 0x0d, 0xb8, 0, 1, 0}},
		{"family 0/0", []byte{0, 0, 0, 0}}, {"family 0/24", []byte{0, 0, 24, 0, 192, 0, 2}}, {"family 0/0 with the scope 1", []byte{0, 0, 0, 1}},
		{"family 3/0", []byte{0, 3, 0, 0}}, {"family 3/24", []byte{0, 3, 24, 0, 1, 2, 3}}, {"family 65535/8", []byte{255, 255, 8, 0, 1}},
	} {
		add(with(option(8, s.data...)), "subnet %s", s.name)
	}
	four := option(8, 0, 1, 24, 0, 192, 0, 2)
	add(with(four, four), "subnet twice")
	add(with(four, option(8, 0, 1, 25, 0, 192, 0, 2, 1)), "subnet twice, the second malformed")
}

func cookies(add func([]byte, string, ...any)) {
	for _, n := range []int{0, 1, 4, 7, 8, 9, 12, 15, 16, 17, 24, 32, 39, 40, 41, 64} {
		add(with(option(10, bytes.Repeat([]byte{7}, n)...)), "cookie of %d octets", n)
	}
	add(with(option(10, 1, 2, 3, 4, 5, 6, 7, 8), option(10, 8, 7, 6, 5, 4, 3, 2, 1)), "cookie twice")
}

func lengths(add func([]byte, string, ...any)) {
	q := ask()
	for n := range q {
		add(q[:n:n], "length %d", n)
	}
	for _, n := range []int{1, 2, 10, 100, 469} {
		add(append(append([]byte(nil), q...), make([]byte, n)...), "trailing octets %d", n)
		add(append(with(), make([]byte, n)...), "trailing octets %d after OPT", n)
	}
	for _, n := range []int{100, 400, 449, 450, 500, 1000, 1200, 1400} {
		add(with(option(12, make([]byte, n)...)), "padding of %d octets", n)
	}
}

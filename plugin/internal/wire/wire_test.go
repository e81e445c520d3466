package wire

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/miekg/dns"
)

// query returns a query in wire format with the records in its additional section.
func query(t testing.TB, additional ...[]byte) []byte {
	t.Helper()
	data, err := new(dns.Msg).SetQuestion("hello.demo.fn.example.org.", dns.TypeA).Pack()
	if err != nil {
		t.Fatal(err)
	}
	binary.BigEndian.PutUint16(data[10:], uint16(len(additional)))
	return append(data, bytes.Join(additional, nil)...)
}

func opt(options ...[]byte) []byte {
	data := bytes.Join(options, nil)
	o := []byte{0, 0, 41, 4, 208, 0, 0, 0, 0}
	return append(binary.BigEndian.AppendUint16(o, uint16(len(data))), data...)
}

func anOption(code uint16, data ...byte) []byte {
	o := binary.BigEndian.AppendUint16(nil, code)
	return append(binary.BigEndian.AppendUint16(o, uint16(len(data))), data...)
}

// TestIgnoredOptionsFailNoQuery covers every option code with data of many lengths, alone
// and between others.
func TestIgnoredOptionsFailNoQuery(t *testing.T) {
	nsid, cookie := anOption(dns.EDNS0NSID), anOption(dns.EDNS0COOKIE, 1, 2, 3, 4, 5, 6, 7, 8)
	for code := range 1 << 16 {
		if code == dns.EDNS0SUBNET || code > 300 && code%97 != 0 && code < 65500 {
			continue
		}
		for _, n := range []int{0, 1, 2, 3, 4, 5, 7, 8, 17, 18, 19} {
			o := anOption(uint16(code), bytes.Repeat([]byte{0xC0}, n)...)
			for place, options := range [][][]byte{{o}, {nsid, o}, {o, cookie}, {nsid, o, cookie}, {o, o}} {
				m := new(dns.Msg)
				if err := m.Unpack(Readable(query(t, opt(options...)))); err != nil {
					t.Fatalf("option %d of %d octets, %d: %v", code, n, place, err)
				}
				kept := m.IsEdns0().Option
				if slices.ContainsFunc(options, func(x []byte) bool { return bytes.Equal(x, nsid) }) && kept[0].Option() != dns.EDNS0NSID {
					t.Fatalf("option %d of %d octets took NSID away", code, n)
				}
				if bytes.Equal(options[len(options)-1], cookie) && kept[len(kept)-1].Option() != dns.EDNS0COOKIE {
					t.Fatalf("option %d of %d octets took the cookie away", code, n)
				}
			}
		}
	}
}

// TestAMalformedSubnetIsKeptForThePluginThatReadsIt checks that the query is read, and
// that the option is one that RFC 7871 wants refused.
func TestAMalformedSubnetIsKeptForThePluginThatReadsIt(t *testing.T) {
	for _, data := range [][]byte{
		nil, {0}, {0, 1, 24}, {0, 1, 24, 0}, {0, 1, 24, 0, 192, 0}, {0, 1, 24, 0, 192, 0, 2, 0}, {0, 1, 0, 0, 0}, {0, 1, 33, 0, 1, 2, 3, 4, 5},
		{0, 1, 255, 0, 1}, {0, 1, 24, 33, 192, 0, 2}, {0, 2, 129, 0}, {0, 2, 8, 0, 32, 1}, {0, 3, 0, 0}, {255, 255, 8, 0, 1}, {0, 0, 1, 0, 0}, {0, 0, 0, 1},
	} {
		m := new(dns.Msg)
		if err := m.Unpack(Readable(query(t, opt(anOption(dns.EDNS0SUBNET, data...), anOption(dns.EDNS0NSID))))); err != nil {
			t.Errorf("%v: %v", data, err)
			continue
		}
		options := m.IsEdns0().Option
		if subnet, ok := options[0].(*dns.EDNS0_SUBNET); !ok || subnet.SourceScope == 0 || len(options) != 2 {
			t.Errorf("%v became %v", data, options)
		}
	}
	for _, data := range [][]byte{{0, 1, 24, 0, 192, 0, 2}, {0, 1, 0, 0}, {0, 2, 56, 0, 32, 1, 13, 184, 0, 1, 0}, {0, 0, 0, 0}, {0, 1, 25, 0, 192, 0, 2, 128}} {
		if q := query(t, opt(anOption(dns.EDNS0SUBNET, data...))); !bytes.Equal(Readable(q), q) {
			t.Errorf("%v is well-formed and was changed", data)
		}
	}
}

// TestMessagesThatTheRFCsForbidAreUnreadable has queries that dns.Msg.Unpack accepts, or
// nearly.
func TestMessagesThatTheRFCsForbidAreUnreadable(t *testing.T) {
	o, q := opt(), query(t)
	named := append([]byte{1, 'a'}, o...)
	inSection := func(at int) []byte {
		data := query(t, o)
		data[at], data[11] = 1, 0
		return data
	}
	counted := func(at int) []byte {
		data := slices.Clone(q)
		data[at] = 1
		return data
	}
	for name, data := range map[string][]byte{
		"two OPTs": query(t, o, o), "two that differ": query(t, o, opt(anOption(3))), "an OPT with a name": query(t, named),
		"an OPT among the answers": inSection(7), "an OPT among the authorities": inSection(9),
		"a missing answer": counted(7), "a missing authority": counted(9), "a missing additional": counted(11),
		"a missing second additional": func() []byte { data := query(t, o); data[11] = 2; return data }(),
		"a header alone":              q[:12], "half of a name": q[:20], "no class": q[:len(q)-2],
		"a pointer for a question": append(slices.Clone(q[:12]), 0xC0, 14, 0, 1, 0, 1), "a pointer to the header": append(slices.Clone(q[:12]), 0xC0, 0, 0, 1, 0, 1),
		"a pointer after a label": append(slices.Clone(q[:12]), 1, 'a', 0xC0, 4, 0, 1, 0, 1), "an OPT that is cut off": query(t, o[:len(o)-1]), "an option that is cut off": query(t, opt([]byte{0, 3, 0})), "one longer than its OPT": query(t, opt([]byte{0, 3, 0, 1})),
	} {
		m := new(dns.Msg)
		readable := Readable(data)
		if err := m.Unpack(readable); err == nil {
			t.Errorf("%s: parsed as\n%s", name, m)
		}
		if !bytes.Equal(readable[:6], data[:6]) {
			t.Errorf("%s: another header", name)
		}
	}
}

// TestASignedQueryIsNotChanged covers an option that would otherwise be dropped: the
// signature covers what was sent.
func TestASignedQueryIsNotChanged(t *testing.T) {
	m := new(dns.Msg).SetQuestion("hello.demo.fn.example.org.", dns.TypeA)
	m.SetEdns0(1232, false)
	m.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_LOCAL{Code: dns.EDNS0ZONEVERSION}}
	m.SetTsig("key.", dns.HmacSHA256, 300, 1)
	data, _, err := dns.TsigGenerate(m, "c2VjcmV0", "", false)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(Readable(data), data) {
		t.Error("changed")
	}
}

// TestAWellFormedQueryIsNotChanged has names and records of unusual forms.
func TestAWellFormedQueryIsNotChanged(t *testing.T) {
	head, tail := []byte{0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0}, []byte{0, 1, 0, 1}
	for name, data := range map[string][]byte{
		"the root": {0}, "eight bits before the root": {2, 'h', 0xE9, 0}, "a zero": {1, 0, 0}, "63 octets": append(append([]byte{63}, bytes.Repeat([]byte{0xC0}, 63)...), 0),
	} {
		q := append(append(slices.Clone(head), data...), tail...)
		if !bytes.Equal(Readable(q), q) {
			t.Errorf("%s was changed", name)
		}
	}
	for name, q := range map[string][]byte{
		"trailing octets": append(query(t, opt()), 1, 2, 3), "OPT after another record": query(t, []byte{0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0}, opt()),
		"a response": func() []byte { data := query(t, opt(), opt()); data[2] |= 0x80; return data }(),
		"NOTIFY":     func() []byte { data := query(t, opt(), opt()); data[2] |= 4 << 3; return data }(),
	} {
		if !bytes.Equal(Readable(q), q) {
			t.Errorf("%s was changed", name)
		}
	}
}

func TestReadingACommonQueryAllocatesNothing(t *testing.T) {
	q := query(t, opt(anOption(dns.EDNS0COOKIE, 1, 2, 3, 4, 5, 6, 7, 8), anOption(dns.EDNS0SUBNET, 0, 1, 24, 0, 192, 0, 2)))
	if n := testing.AllocsPerRun(100, func() {
		if &Readable(q)[0] != &q[0] {
			t.Fatal("copied")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestOpcodesAreLeftToTheServer checks that a dns.Server itself rejects no opcode of a
// message that contains no more than a query does, and accepts nothing else because of
// that.
func TestOpcodesAreLeftToTheServer(t *testing.T) {
	for opcode := range uint16(16) {
		for _, c := range []struct {
			h    dns.Header
			want dns.MsgAcceptAction
		}{
			{dns.Header{Qdcount: 1, Arcount: 1}, dns.MsgAccept},
			{dns.Header{Qdcount: 1, Bits: 1 << 15}, dns.MsgIgnore},
			{dns.Header{Qdcount: 0}, dns.MsgReject},
			{dns.Header{Qdcount: 1, Nscount: 1000}, dns.MsgReject},
		} {
			c.h.Bits |= opcode << 11
			got := Accept(nil)(c.h)
			if got == dns.MsgRejectNotImplemented && c.want == dns.MsgReject {
				got = dns.MsgReject
			}
			if got != c.want {
				t.Errorf("opcode %d, %+v: %v, want %v", opcode, c.h, got, c.want)
			}
		}
	}
}

// FuzzReadable checks that its input is not modified, and that its result parses to the
// same message again.
func FuzzReadable(f *testing.F) {
	f.Add(query(f))
	f.Add(query(f, opt(anOption(19), anOption(8, 0, 3), anOption(3))))
	f.Add(query(f, opt(), opt()))
	f.Add(query(f, opt([]byte{0, 3, 0, 1})))
	f.Add([]byte{0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xC0, 12, 0, 1, 0, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		before := slices.Clone(data)
		once := Readable(data)
		if !bytes.Equal(data, before) {
			t.Fatal("the query was modified")
		}
		m, again := new(dns.Msg), new(dns.Msg)
		errOnce, errAgain := m.Unpack(once), again.Unpack(Readable(once))
		if (errOnce == nil) != (errAgain == nil) || errOnce == nil && m.String() != again.String() {
			t.Fatalf("%v\n%s\nand again %v\n%s", errOnce, m, errAgain, again)
		}
	})
}

package cookie

import (
	"encoding/hex"
	"net/netip"
	"slices"
	"testing"

	"github.com/miekg/dns"
)

// asking returns the option that counts in a query with COOKIE options.
func asking(t testing.TB, cookies ...string) *dns.EDNS0_COOKIE {
	t.Helper()
	return Of(query(t, cookies...))
}

func query(t testing.TB, cookies ...string) *dns.Msg {
	t.Helper()
	m := new(dns.Msg).SetQuestion("example.com.", dns.TypeA)
	m.SetEdns0(1232, false)
	for _, c := range cookies {
		m.IsEdns0().Option = append(m.IsEdns0().Option, &dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: c})
	}
	return m
}

func secret(text string) (s Secret) {
	if n, err := hex.Decode(s[:], []byte(text)); n != len(s) || err != nil {
		panic(text)
	}
	return s
}

// TestTheVectorsOfRFC9018 covers appendix A.
func TestTheVectorsOfRFC9018(t *testing.T) {
	const one, before, after = "e5e973e5a6b2a43f48e7dc849e37bfcf", "dd3bdf9344b678b185a6f5cb60fca715", "445536bcd2513298075a5d379663c962"
	for _, c := range []struct {
		name    string
		secrets Secrets
		client  string
		asked   string
		now     uint32
		want    Standing
		reply   string
	}{
		{
			"A.1: a new cookie", Secrets{secret(one)}, "198.51.100.100", "2464c4abcf10c957", 1559731985, ClientOnly,
			"2464c4abcf10c957010000005cf79f111f8130c3eee29480",
		},
		{
			"A.2: the same client after 40 minutes", Secrets{secret(one)}, "198.51.100.100", "2464c4abcf10c957010000005cf79f111f8130c3eee29480", 1559734385, Valid,
			"2464c4abcf10c957010000005cf7a871d4a564a1442aca77",
		},
		{ // It is 1 hour and 52 minutes old, so it has expired.
			"A.3: reserved bits", Secrets{secret(one)}, "203.0.113.203", "fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5", 1559734700, Invalid,
			"fc93fc62807ddb86010000005cf7a9acf73a7810aca2381e",
		},
		{
			"A.3, at the time it was made", Secrets{secret(one)}, "203.0.113.203", "fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5", 1559727985, Valid,
			"fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5",
		},
		{
			"A.4: IPv6, and the secret before", Secrets{secret(after), secret(before)}, "2001:db8:220:1:59de:d0f4:8769:82b8",
			"22681ab97d52c298010000005cf7c57926556bd0934c72f8", 1559741961, Valid, "22681ab97d52c298010000005cf7c609a6bb79d16625507a",
		},
	} {
		from := netip.MustParseAddr(c.client)
		q := c.secrets.Judge(asking(t, c.asked), from, c.now)
		reply := c.secrets.Reply(&q, from, c.now)
		if got := hex.EncodeToString(reply[:]); q.Standing != c.want || got != c.reply {
			t.Errorf("%s: standing %d and %s, want %d and %s", c.name, q.Standing, got, c.want, c.reply)
		}
	}
}

func TestACookieIsValidOnlyForItsClientHourAndSecrets(t *testing.T) {
	here, next, other := secret("00112233445566778899aabbccddeeff"), secret("ffeeddccbbaa99887766554433221100"), Secret{1}
	client := netip.MustParseAddr("192.0.2.7")
	for _, made := range []uint32{1_800_000_000, 30, ^uint32(0) - 30} { // the last two are next to the end of 32 bits
		secrets := Secrets{here, next}
		q := secrets.Judge(asking(t, "0123456789abcdef"), client, made)
		octets := secrets.Reply(&q, client, made)
		cookie := hex.EncodeToString(octets[:])
		for _, c := range []struct {
			name    string
			secrets Secrets
			from    string
			age     int
			want    Standing
			renewed bool
		}{
			{"at once", secrets, "192.0.2.7", 0, Valid, false},
			{"another client", secrets, "192.0.2.8", 0, Invalid, true},
			{"the same client as IPv6", secrets, "::ffff:192.0.2.7", 0, Invalid, true},
			{"half an hour old", secrets, "192.0.2.7", 30 * 60, Valid, false},
			{"older", secrets, "192.0.2.7", 30*60 + 1, Valid, true},
			{"an hour old", secrets, "192.0.2.7", 60 * 60, Valid, true},
			{"older than an hour", secrets, "192.0.2.7", 60*60 + 1, Invalid, true},
			{"from a server whose clock is ahead", secrets, "192.0.2.7", -5 * 60, Valid, false},
			{"from the future", secrets, "192.0.2.7", -5*60 - 1, Invalid, true},
			{"from another half of time", secrets, "192.0.2.7", 1 << 31, Invalid, true},
			{"the secret rolled over", Secrets{next, here}, "192.0.2.7", 60, Valid, true},
			{"the next is known already", Secrets{other, next, here}, "192.0.2.7", 60, Valid, true},
			{"the secret is gone", Secrets{next}, "192.0.2.7", 60, Invalid, true},
		} {
			from, now := netip.MustParseAddr(c.from), made+uint32(c.age)
			q := c.secrets.Judge(asking(t, cookie), from, now)
			reply := c.secrets.Reply(&q, from, now)
			if renewed := reply != octets; q.Standing != c.want || renewed != c.renewed {
				t.Errorf("made at %d, %s: standing %d, renewed %v; want %d, %v", made, c.name, q.Standing, renewed, c.want, c.renewed)
			}
			if q := c.secrets.Judge(asking(t, hex.EncodeToString(reply[:])), from, now); q.Standing != Valid {
				t.Errorf("made at %d, %s: the reply's cookie has standing %d", made, c.name, q.Standing)
			}
		}
		for bit := range 8 * Size {
			wrong := octets
			wrong[bit/8] ^= 1 << (bit % 8)
			if q := secrets.Judge(asking(t, hex.EncodeToString(wrong[:])), client, made); q.Standing == Valid {
				t.Errorf("a cookie with bit %d flipped is valid", bit)
			}
		}
	}
}

// TestCookiesOfEveryLengthAreClassified covers RFC 7873, section 5.2.2.
func TestCookiesOfEveryLengthAreClassified(t *testing.T) {
	secrets := Secrets{{}}
	for size := range 300 {
		want := Malformed
		switch {
		case size == 8:
			want = ClientOnly
		case size >= 16 && size <= 40:
			want = Invalid
		}
		if q := secrets.Judge(asking(t, hex.EncodeToString(make([]byte, size))), netip.IPv6Loopback(), 7); q.Standing != want {
			t.Errorf("%d octets have standing %d, want %d", size, q.Standing, want)
		}
	}
	if q := secrets.Judge(asking(t), netip.IPv6Loopback(), 7); q.Standing != Absent {
		t.Errorf("without a cookie, standing %d", q.Standing)
	}
	if q := secrets.Judge(asking(t, "0123456789abcdef", "01"), netip.IPv6Loopback(), 7); q.Standing != ClientOnly {
		t.Errorf("a second cookie, which must not count, changed the standing to %d", q.Standing)
	}
}

func TestCheckingAndReplyingDoNotAllocate(t *testing.T) {
	secrets, from := Secrets{{1}, {2}}, netip.MustParseAddr("192.0.2.7")
	option := asking(t, "2464c4abcf10c957010000005cf79f111f8130c3eee29480")
	var reply [Size]byte
	if n := testing.AllocsPerRun(100, func() {
		q := secrets.Judge(option, from, 1559731985)
		reply = secrets.Reply(&q, from, 1559731985)
	}); n > 0 {
		t.Errorf("%v allocations, reply %x", n, reply)
	}
}

// FuzzQuery takes any message: nothing panics, and only cookies made by Reply are valid.
func FuzzQuery(f *testing.F) {
	for _, c := range [][]string{{"2464c4abcf10c957"}, {"fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5"}, {"01"}, {"", "2464c4abcf10c957"}, nil} {
		data, err := query(f, c...).Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, uint32(1559731985))
	}
	secrets, from := Secrets{{1}, {2}}, netip.MustParseAddr("2001:db8::7")
	f.Fuzz(func(t *testing.T, data []byte, now uint32) {
		m := new(dns.Msg)
		if m.Unpack(data) != nil {
			return
		}
		q := secrets.Judge(Of(m), from, now)
		switch q.Standing {
		case Absent, Malformed:
			return
		case Valid:
			if !slices.ContainsFunc(secrets, func(s Secret) bool {
				hash := s.hash(&q.octets, from)
				return slices.Equal(hash[:], q.octets[Size-hashSize:])
			}) {
				t.Fatalf("%x is valid, but was made with no secret", q.octets)
			}
		}
		reply := secrets.Reply(&q, from, now)
		again := secrets.Judge(asking(t, hex.EncodeToString(reply[:])), from, now)
		if again.Standing != Valid {
			t.Fatalf("the reply %x has standing %d", reply, again.Standing)
		}
		if elsewhere := secrets.Judge(asking(t, hex.EncodeToString(reply[:])), netip.MustParseAddr("2001:db8::8"), now); elsewhere.Standing == Valid {
			t.Fatalf("%x is valid for another client", reply)
		}
	})
}

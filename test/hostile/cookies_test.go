package hostile

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
	"github.com/nearcast/nearcast/internal/testkit/peers"
)

const clientCookie = "0123456789abcdef"

// cookied asks for hello with a COOKIE option from the address, and returns the rcode and
// the cookie of the answer.
func cookied(t *testing.T, server, from, cookie string) (rcode int, got string) {
	t.Helper()
	query := new(dns.Msg).SetQuestion("hello.demo.fn.example.org.", dns.TypeA)
	query.SetEdns0(1232, false)
	query.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: cookie}}
	_, answered := received(t, strangers(t, from), server, query)
	reply := new(dns.Msg)
	if err := reply.Unpack(answered); err != nil {
		t.Fatalf("%s: %v", server, err)
	}
	if opt := reply.IsEdns0(); opt != nil {
		for _, o := range opt.Option {
			if c, ok := o.(*dns.EDNS0_COOKIE); ok {
				got = c.Cookie
			}
		}
	}
	return reply.Rcode, got
}

// TestServersOfDifferentMakersAcceptEachOthersCookies has BIND, Knot DNS and Nearcast behind one
// address (RFC 9018) accept the cookies that another gave the client.
func TestServersOfDifferentMakersAcceptEachOthersCookies(t *testing.T) {
	const from = "127.0.0.1"
	ours := map[string]string{}
	for _, how := range []string{"", "direct"} {
		ours["nearcast "+how] = amplifier(t, how, "cookies require secret {dir}/secrets").addr
	}
	for name, start := range map[string]func(*testing.T) string{
		"BIND": func(t *testing.T) string {
			return named(t, `cookie-algorithm siphash24; cookie-secret "`+cookieSecret+`"; require-server-cookie yes;`)
		},
		"Knot DNS": func(t *testing.T) string { return knotd(t, "secret: 0x"+cookieSecret) },
	} {
		t.Run(name, func(t *testing.T) {
			theirs := start(t)
			for which, our := range ours {
				takes(t, which+" of "+name, our, theirs, from)
				takes(t, name+" of "+which, theirs, our, from)
				same(t, name+" and "+which, our, theirs, from)
			}
		})
	}
}

// takes holds that a server takes a cookie of another one, and no other: BADCOOKIE is the
// control.
func takes(t *testing.T, what, server, of, from string) {
	t.Helper()
	_, cookie := cookied(t, of, from, clientCookie)
	if rcode, _ := cookied(t, server, from, cookie); rcode != dns.RcodeSuccess {
		t.Errorf("%s: cookie %s: got %s", what, cookie, dns.RcodeToString[rcode])
	}
	for which, wrong := range map[string]string{
		"without a server cookie": clientCookie,
		"of another client":       "1" + cookie[1:],
		"that was modified":       cookie[:len(cookie)-1] + string("0123456789abcdef0"[strings.IndexByte("0123456789abcdef", cookie[len(cookie)-1])+1]),
	} {
		rcode, renewed := cookied(t, server, from, wrong)
		if rcode != dns.RcodeBadCookie || len(renewed) != 48 {
			t.Errorf("%s: a cookie %s: got %s and %q", what, which, dns.RcodeToString[rcode], renewed)
		}
	}
	if rcode, _ := cookied(t, server, fixture.AnotherLoopback(), cookie); rcode != dns.RcodeBadCookie {
		t.Errorf("%s: the cookie of another address: got %s", what, dns.RcodeToString[rcode])
	}
}

// same checks that two servers make the same cookie in the same second.
func same(t *testing.T, what, one, other, from string) {
	t.Helper()
	for range 20 {
		_, a := cookied(t, one, from, clientCookie)
		_, b := cookied(t, other, from, clientCookie)
		if len(a) == 48 && len(b) == 48 && a[16:32] == b[16:32] { // with the time
			if a != b {
				t.Errorf("%s: got cookies %s and %s, want them equal", what, a, b)
			}
			return
		}
	}
	t.Errorf("%s: not in the same second in 20 attempts", what)
}

// TestOnlyAMalformedCookieIsRejected holds RFC 7873, section 5.2.2, and that the server goes
// on after any.
func TestOnlyAMalformedCookieIsRejected(t *testing.T) {
	for _, how := range []string{"", "direct"} {
		w := amplifier(t, how, "")
		for size := range 45 {
			cookie := hex.EncodeToString(make([]byte, size))
			want := dns.RcodeFormatError
			if size == 8 || size >= 16 && size <= 40 {
				want = dns.RcodeSuccess
			}
			rcode, got := cookied(t, w.addr, fixture.AnotherLoopback(), cookie)
			if rcode != want || (rcode == dns.RcodeSuccess) != (len(got) == 48) {
				t.Errorf("%q: %d octets: got %s and the cookie %q", how, size, dns.RcodeToString[rcode], got)
			}
		}
	}
}

// TestCookiesWorkWithOtherOptions has a client ask for all at once.
func TestCookiesWorkWithOtherOptions(t *testing.T) {
	for _, how := range []string{"", "direct"} {
		w := amplifier(t, how+"\n    nsid here", "")
		query := new(dns.Msg).SetQuestion("hello.demo.fn.example.org.", dns.TypeA)
		query.SetEdns0(1232, true)
		query.IsEdns0().Option = []dns.EDNS0{
			&dns.EDNS0_NSID{Code: dns.EDNS0NSID}, &dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: clientCookie},
			&dns.EDNS0_SUBNET{Code: dns.EDNS0SUBNET, Family: 1, SourceNetmask: 24, Address: []byte{198, 51, 100, 0}},
		}
		_, answered := received(t, strangers(t, fixture.AnotherLoopback()), w.addr, query)
		reply := new(dns.Msg)
		if err := reply.Unpack(answered); err != nil {
			t.Fatal(err)
		}
		var have []string
		for _, o := range reply.IsEdns0().Option {
			have = append(have, fmt.Sprintf("%T", o))
		}
		for _, want := range []string{"NSID", "COOKIE", "SUBNET"} {
			if strings.Count(strings.Join(have, " "), want) != 1 {
				t.Errorf("%q: got an answer with %v", how, have)
			}
		}
	}
}

// floods are kinds of queries, each with a number.
var floods = map[string]func(i int) *dns.Msg{
	"one query":                  func(int) *dns.Msg { return asked("hello.demo.fn.example.org.", dns.TypeA) },
	"names that do not exist":    func(i int) *dns.Msg { return asked(fmt.Sprintf("x%d.fn.example.org.", i), dns.TypeA) },
	"names of a wildcard":        func(i int) *dns.Msg { return asked(fmt.Sprintf("x%d.wild.fn.example.org.", i), dns.TypeA) },
	"missing types of wildcards": func(i int) *dns.Msg { return asked(fmt.Sprintf("x%d.y.wild.fn.example.org.", i), dns.TypeMX) },
	"services of wildcards":      func(i int) *dns.Msg { return asked(fmt.Sprintf("_tcp.x%d.wild.fn.example.org.", i), dns.TypeSRV) },
	"all types":                  func(i int) *dns.Msg { return asked("hello.demo.fn.example.org.", 1000+uint16(i)) },
	"client subnets":             func(i int) *dns.Msg { return withSubnet(asked("hello.demo.fn.example.org.", dns.TypeA), i) },
	"forged cookies": func(i int) *dns.Msg {
		return withCookie(asked("hello.demo.fn.example.org.", dns.TypeA), fmt.Sprintf("0123456789abcdef0100000066%022d", i))
	},
	"errors": func(i int) *dns.Msg { return asked(fmt.Sprintf("x%d.fn.example.org.", i), dns.TypeAXFR) },
}

// TestAFloodIsLimitedButHonestClientsAreNot floods in all ways that a stranger has, each time
// from another network. Clients with a cookie, or over TCP, get all answers meanwhile.
func TestAFloodIsLimitedButHonestClientsAreNot(t *testing.T) {
	for family, newGround := range grounds {
		for _, how := range []string{"", "direct"} {
			for _, settings := range []string{"", "sign {dir}/K"} {
				if testing.Short() && ((how == "") == (settings == "") || family == "IPv6" && how == "") {
					continue
				}
				t.Run(strings.TrimSuffix(family+" chain "+how+" "+settings, " {dir}/K"), func(t *testing.T) {
					g := newGround(t)
					g.do(t, func() error {
						limitsFloods(t, g, how, settings)
						return nil
					})
				})
			}
		}
	}
	t.Run("control", func(t *testing.T) {
		const many = 2000
		w := amplifier(t, "", "")
		whole := 0
		for try := 0; whole < many/2 && try < 5; try++ { // twice what limits may let through
			whole, _, _ = forged(t, w.addr, "127.99.0.99", many, floods["one query"])
		}
		if whole < many/2 {
			t.Errorf("without limits, %d of %d queries were answered: the flood does not reach the server", whole, many)
		}
	})
}

// limitsFloods holds that a server answers few queries of each flood, and all of clients in
// the same network that have a cookie or use TCP.
func limitsFloods(t *testing.T, g *ground, how, settings string) {
	t.Helper()
	const many, rate = 2000, 20
	w := newWorldAt(t, g)
	w.amplify(t, fmt.Sprintf("rrl {\n responses-per-second %d\n }\n    ", rate)+how, settings)
	network := 0
	for name, next := range floods {
		network++
		neighbour := g.client(99, network, 98)
		_, cookie := cookied(t, w.addr, neighbour, clientCookie)
		whole, truncated, octets := forged(t, w.addr, g.client(99, network, 99), many, next)
		// On a busy machine the flood takes a while, in which its account is credited, and some
		// of it is lost before the server reads it.
		if whole == 0 || whole > many/4 || truncated < many/20 || octets > 1 {
			t.Errorf("%s: %d of %d queries answered, %d truncated, %.2f octets received per octet sent", name, whole, many, truncated, octets)
		}
		t.Logf("%s: %d of %d queries answered, %d truncated, %.2f octets received per octet sent", name, whole, many, truncated, octets)
		if name == "one query" { // who comes only now is given a cookie with what is truncated
			neighbour = g.client(99, network, 97)
			_, cookie = cookied(t, w.addr, neighbour, clientCookie)
		}
		for range 3 * rate {
			rcode, renewed := cookied(t, w.addr, neighbour, cookie)
			if cookie = renewed; rcode != dns.RcodeSuccess {
				t.Fatalf("%s: with a cookie: %s", name, dns.RcodeToString[rcode])
			}
			if _, _, err := (&dns.Client{Net: "tcp", Timeout: slack}).Exchange(next(1), w.addr); err != nil {
				t.Fatalf("%s: over TCP: %v", name, err)
			}
		}
	}
}

func asked(name string, qtype uint16) *dns.Msg {
	m := new(dns.Msg).SetQuestion(name, qtype)
	m.SetEdns0(4096, true)
	return m
}

func withSubnet(m *dns.Msg, i int) *dns.Msg {
	m.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_SUBNET{Code: dns.EDNS0SUBNET, Family: 1, SourceNetmask: 24, Address: []byte{10, byte(i >> 8), byte(i), 0}}}
	return m
}

func withCookie(m *dns.Msg, cookie string) *dns.Msg {
	m.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: cookie}}
	return m
}

// forged sends many queries from an address, and returns how many were answered in full and
// truncated, and how many octets came for each that was sent.
func forged(t *testing.T, server, from string, many int, next func(int) *dns.Msg) (whole, truncated int, ratio float64) {
	t.Helper()
	conn := strangers(t, from)
	sent, got := 0, 0
	buf := make([]byte, 1<<16)
	take := func(timeout time.Duration) {
		_ = conn.SetReadDeadline(time.Now().Add(timeout))
		for {
			n, _, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			got += n
			if buf[2]&2 != 0 {
				truncated++
			} else {
				whole++
			}
		}
	}
	to := address(t, server)
	for i := range many {
		data, err := next(i).Pack()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.WriteTo(data, to); err != nil {
			t.Fatal(err)
		}
		if sent += len(data); i%50 == 49 {
			take(5 * time.Millisecond) // what is sent in one go would be lost in the socket
		}
	}
	take(300 * time.Millisecond)
	return whole, truncated, float64(got) / float64(sent)
}

// TestDigIsAnsweredDuringAFloodByItsCookie has the clients of BIND get answers that a flood from their
// network does not get.
func TestDigIsAnsweredDuringAFloodByItsCookie(t *testing.T) {
	dig := peers.Find(t, "dig", "bind9-dnsutils")
	for _, how := range []string{"", "direct"} {
		w := amplifier(t, "rrl {\n responses-per-second 5\n slip 1\n }\n    "+how, "cookies require")
		host, port, _ := strings.Cut(w.addr, ":")
		ask := func(options ...string) string {
			out, err := dig.Command(append([]string{"-b", "127.99.99.98", "@" + host, "-p", port, "hello.demo.fn.example.org", "A", "+tries=5", "+timeout=2"}, options...)...).CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			return string(out)
		}
		forged(t, w.addr, "127.99.99.99", 500, floods["one query"])
		if out := ask("+cookie", "+ignore"); !strings.Contains(out, "192.0.2.1") || !strings.Contains(out, "(good)") || !strings.Contains(out, "(UDP)") {
			t.Errorf("%q: with a cookie:\n%s", how, out)
		}
		if out := ask("+nocookie", "+ignore"); strings.Contains(out, "192.0.2.1") || !strings.Contains(out, " tc") {
			t.Errorf("%q: without a cookie:\n%s", how, out)
		}
		if out := ask("+nocookie"); !strings.Contains(out, "192.0.2.1") || !strings.Contains(out, "(TCP)") {
			t.Errorf("%q: without a cookie, over TCP:\n%s", how, out)
		}
	}
}

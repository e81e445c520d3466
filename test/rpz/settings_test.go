package rpz_test

import (
	"bytes"
	"fmt"
	"io"
	golog "log"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// TestTheSameHitsAreLoggedAsByBIND holds that no hit of a zone with `log no` is logged,
// whatever it does, and that hits of the others are.
func TestTheSameHitsAreLoggedAsByBIND(t *testing.T) {
	rules := func(name string) []rule { return []rule{{on: qname, name: name, data: []string{"60 CNAME ."}}} }
	s := setup{number: 1, recursiveOnly: true, addSOA: true, waitRecurse: true, maxTTL: 5, minDots: 1, logs: true, zones: []policyZone{
		{name: "p1.rpz.", policy: "given", rules: rules("h1.w.test."), own: own{quiet: true}},
		{name: "p2.rpz.", policy: "disabled", rules: rules("h2.w.test."), own: own{quiet: true}},
		{name: "p3.rpz.", policy: "given", rules: rules("h2.w.test.")},
		{name: "p4.rpz.", policy: "disabled", rules: rules("h3.w.test.")},
		{name: "p5.rpz.", policy: "passthru", rules: rules("h3.w.test."), own: own{quiet: true}},
		{name: "p6.rpz.", policy: "passthru", rules: rules("h4.w.test.")},
	}}
	dir, up := t.TempDir(), upstream(t)
	zoneFiles(t, dir, []setup{s})
	theirs, their := bindLogging(t, dir, up, []setup{s})
	mine := ours(t, dir, up, []setup{s})[1]
	var our bytes.Buffer
	golog.SetOutput(&our)
	client := netip.MustParseAddr("127.1.0.1")
	for _, name := range []string{"h1.w.test.", "h2.w.test.", "h3.w.test.", "h4.w.test."} {
		q := question{name: name, qtype: dns.TypeA, rd: true, client: client}
		for _, port := range []string{theirs, mine} {
			if r := ask(q, net.JoinHostPort("127.0.0.1", port), longSilence); r.msg == nil {
				t.Errorf("%s at port %s: %s", q, port, r)
			}
		}
	}
	golog.SetOutput(io.Discard) // so that nothing else writes to our
	for i, want := range []bool{false, false, true, true, false, true} {
		zone := fmt.Sprintf("p%d.rpz", i+1)
		eventually(t, "BIND logs as wanted", startTime, func() error {
			if got := strings.Contains(their.String(), " via h") && logsOf(their.String(), zone); got != want {
				return fmt.Errorf("hits of %s logged: %t\n%s", zone, got, their)
			}
			return nil
		})
		if got := strings.Contains(our.String(), "hit zone="+zone+"."); got != want {
			t.Errorf("Nearcast logs hits of %s: %t, want %t:\n%s", zone, got, want, &our)
		}
	}
}

// logsOf reports whether BIND's log has a hit of the zone.
func logsOf(log, zone string) bool {
	for line := range strings.Lines(log) {
		if strings.Contains(line, "rewrite") && strings.Contains(line, "."+zone) {
			return true
		}
	}
	return false
}

// TestOnlyNearcastLooksAtHints is where Nearcast goes beyond BIND and Unbound on purpose:
// rules that block A and AAAA also block the hints of HTTPS and SVCB. Records without
// hints are answered alike.
func TestOnlyNearcastLooksAtHints(t *testing.T) {
	s := setup{number: 1, recursiveOnly: true, addSOA: true, waitRecurse: true, maxTTL: 5, minDots: 1, zones: []policyZone{{name: "p1.rpz.", policy: "given", ttl: 60, minimum: 60, rules: []rule{
		{on: ip, prefix: netip.MustParsePrefix("192.0.2.0/24"), data: []string{"60 CNAME ."}},
		{on: ip, prefix: netip.MustParsePrefix("2001:db8:bad::/48"), data: []string{"60 CNAME *."}},
		{on: qname, name: "name.w.test.", data: []string{"60 CNAME ."}},
	}}}}
	dir, up := t.TempDir(), upstream(t,
		"four.w.test. HTTPS 1 . alpn=h2 ipv4hint=192.0.2.1", "six.w.test. HTTPS 1 . ipv6hint=2001:db8:bad::1", "_x.w.test. SVCB 1 four.w.test. ipv4hint=198.51.100.1,192.0.2.1",
		"kh.w.test. CNAME four.w.test.", "clean.w.test. HTTPS 1 . ipv4hint=198.51.100.1", "bare.w.test. HTTPS 1 . alpn=h3 ech=AAQA", "bare.w.test. A 192.0.2.1",
		"alias.w.test. HTTPS 0 four.w.test.", "name.w.test. HTTPS 1 . ipv4hint=198.51.100.1")
	zoneFiles(t, dir, []setup{s})
	theirs, mine := bind(t, dir, up, []setup{s}), ours(t, dir, up, []setup{s})[1]
	third := unbound(t, dir, up, []setup{s})
	for _, c := range []struct {
		name  string
		qtype uint16
		alone string // rcode and number of answers of Nearcast, if the others differ
	}{
		{"four.w.test.", dns.TypeHTTPS, "NXDOMAIN 0"},
		{"six.w.test.", dns.TypeHTTPS, "NOERROR 0"},
		{"_x.w.test.", dns.TypeSVCB, "NXDOMAIN 0"},
		{"kh.w.test.", dns.TypeHTTPS, "NXDOMAIN 1"},
		{"four.w.test.", dns.TypeANY, "NXDOMAIN 0"},
		{"clean.w.test.", dns.TypeHTTPS, ""},
		{"bare.w.test.", dns.TypeHTTPS, ""},
		{"bare.w.test.", dns.TypeA, ""},
		{"bare.w.test.", dns.TypeANY, ""},
		{"alias.w.test.", dns.TypeHTTPS, ""},
		{"name.w.test.", dns.TypeHTTPS, ""},
		{"gone.w.test.", dns.TypeHTTPS, ""},
	} {
		q := question{name: c.name, qtype: c.qtype, rd: true, edns: true, client: netip.MustParseAddr("127.1.0.1")}
		b, m := ask(q, net.JoinHostPort("127.0.0.1", theirs), longSilence), ask(q, net.JoinHostPort("127.0.0.1", mine), longSilence)
		u := ask(q, net.JoinHostPort("127.0.0.1", third), longSilence)
		if b.msg == nil || m.msg == nil || u.msg == nil {
			t.Fatalf("%s: %s, %s, %s", q, b, m, u)
		}
		switch got := fmt.Sprint(dns.RcodeToString[m.msg.Rcode], " ", len(m.msg.Answer)); {
		case c.alone == "" && b.String() != m.String():
			t.Errorf("%s: BIND answers\n%s\nNearcast answers\n%s", q, b, m)
		case c.alone != "" && (got != c.alone || b.msg.Rcode != dns.RcodeSuccess || len(b.msg.Answer) == 0):
			t.Errorf("%s: BIND answers\n%s\nNearcast answers\n%s\nwant %s", q, b, m, c.alone)
		case c.alone != "" && (u.msg.Rcode != dns.RcodeSuccess || len(u.msg.Answer) == 0):
			t.Errorf("%s: Unbound answers\n%s", q, u)
		}
	}
}

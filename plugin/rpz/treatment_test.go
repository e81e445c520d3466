package rpz

import (
	"bytes"
	"fmt"
	"io"
	golog "log"
	"path/filepath"
	"strings"
	"testing"

	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

func TestAZonesOwnSettingsWinOverTheBlocks(t *testing.T) {
	const records = "local.test 60 A 203.0.113.1\na.test CNAME .\n"
	for _, c := range []struct{ block, own, local, denied string }{
		{"", "", "5 A 203.0.113.1" + soa1, "NXDOMAIN" + soa1},
		{"max-policy-ttl 2s", "max-policy-ttl 9s", "9 A 203.0.113.1" + soa1, "NXDOMAIN" + soa1},
		{"max-policy-ttl 9s", "max-policy-ttl 0s", "0 A 203.0.113.1" + soa1, "NXDOMAIN" + soa1},
		{"max-policy-ttl 9s", "", "9 A 203.0.113.1" + soa1, "NXDOMAIN" + soa1},
		{"add-soa no", "", "5 A 203.0.113.1", "NXDOMAIN"},
		{"add-soa no", "add-soa yes", "5 A 203.0.113.1" + soa1, "NXDOMAIN" + soa1},
		{"add-soa yes", "add-soa no", "5 A 203.0.113.1", "NXDOMAIN"},
	} {
		for _, order := range []string{"before", "after"} { // the zone
			dir := t.TempDir()
			fixture.Write(t, filepath.Join(dir, "truth"), truth)
			fixture.Write(t, filepath.Join(dir, "rpz1"), withSOA(records))
			body := fmt.Sprintf("zone rpz1 {\nfile %s/rpz1\n%s\n}\n", dir, c.own)
			if body = c.block + "\n" + body; order == "before" {
				body = strings.TrimPrefix(body, c.block+"\n") + c.block
			}
			s := serve(t, strings.NewReplacer("BODY", body, "DIR", dir).Replace(block))
			s.expect("local.test.", "NOERROR, local.test. "+c.local)
			s.expect("a.test.", c.denied)
		}
	}
}

// TestAZonesOwnTTLBoundsItsOverridesCNAME as BIND's does.
func TestAZonesOwnTTLBoundsItsOverridesCNAME(t *testing.T) {
	s, _ := serveRules(t, "max-policy-ttl 100s", "policy cname b.test\nmax-policy-ttl 7s\n---\na.test 60 CNAME .\n", "many.test 60 A 203.0.113.9\n")
	s.expect("a.test.", "NOERROR, a.test. 7 CNAME b.test., b.test. 100 A 192.0.2.2, b.test. 100 A 192.0.2.3, authority:NS"+soa1)
	s.expect("many.test.", "NOERROR, many.test. 60 A 203.0.113.9, additional:rpz2. 30 SOA")
}

// TestWithoutRDTheOtherZonesKeepTheirOrder holds that a recursive-only zone is ignored
// without RD, and that this does not change the order of the others.
func TestWithoutRDTheOtherZonesKeepTheirOrder(t *testing.T) {
	const yes, no = "recursive-only yes\n---\n", "recursive-only no\n---\n"
	at := func(i int) string { return fmt.Sprintf("a.test A 203.0.113.%d\n", i) }
	answered := func(i int) string {
		return fmt.Sprintf("NOERROR, a.test. 5 A 203.0.113.%d, additional:rpz%[1]d. 30 SOA", i)
	}
	const untouched = "NOERROR, a.test. 100 A 192.0.2.1, authority:NS"
	for _, c := range []struct {
		block string
		zones []string
		rd    string
		want  string // without RD
	}{
		{"", []string{no + at(1), at(2)}, answered(1), answered(1)},
		{"", []string{at(1), no + at(2)}, answered(1), answered(2)},
		{"recursive-only no", []string{yes + at(1), at(2), yes + at(3)}, answered(1), answered(2)},
		{"recursive-only no", []string{yes + at(1), yes + at(2)}, answered(1), untouched},
		{"recursive-only no", []string{at(1), yes + at(2)}, answered(1), answered(1)},
		{"", []string{"a.test CNAME rpz-passthru.\n", no + at(2)}, untouched, answered(2)},
		// The better trigger and the earlier zone win as they do with RD.
		{"", []string{"32.1.2.0.192.rpz-ip CNAME .\n", no + at(2), no + "8.0.0.0.127.rpz-client-ip CNAME .\n"}, "NXDOMAIN" + soa1, answered(2)},
		{"qname-wait-recurse no", []string{"32.1.2.0.192.rpz-ip CNAME .\n", no + at(2)}, "NXDOMAIN" + soa1, answered(2)},
	} {
		s, _ := serveRules(t, c.block, c.zones...)
		m := question("a.test.", dns.TypeA)
		if got := summary(s.exchange(m, "udp")); got != c.rd {
			t.Errorf("%q %q with RD:\n got %s\nwant %s", c.block, c.zones, got, c.rd)
		}
		m.RecursionDesired = false
		if got := summary(s.exchange(m, "udp")); got != c.want {
			t.Errorf("%q %q without RD:\n got %s\nwant %s", c.block, c.zones, got, c.want)
		}
	}
}

func TestAQueryWaitsForTheZonesThatItConsults(t *testing.T) {
	behind := echo("a.test. 60 IN A 192.0.2.1")
	h := handlerOf(t, func(*settings) {}, behind, "b.test CNAME .\n", "b.test CNAME .\n")
	ask := func(rd bool) int {
		client, m := from("127.0.0.1"), question("a.test.", dns.TypeA)
		m.RecursionDesired = rd
		if _, err := h.ServeDNS(t.Context(), client, m); err != nil {
			t.Fatal(err)
		}
		return client.replies[0].Rcode
	}
	for i, recursiveOnly := range []bool{true, false} {
		h.zones[0].source.zone.Store(nil)
		h.zones[0].source.loaded.Store(false)
		h.zones[0].recursiveOnly, h.zones[1].recursiveOnly = recursiveOnly, false
		h.rebuild()
		if got := ask(true); got != dns.RcodeServerFailure || h.Ready() {
			t.Errorf("with RD: %s, ready %t", dns.RcodeToString[got], h.Ready())
		}
		if got, want := ask(false), []int{dns.RcodeSuccess, dns.RcodeServerFailure}[i]; got != want {
			t.Errorf("without RD, recursive-only %t: %s", recursiveOnly, dns.RcodeToString[got])
		}
	}
}

// TestHitsOfAQuietZoneAreCountedAndNotLogged whatever they do, and do not use up the
// other zones' share of the log.
func TestHitsOfAQuietZoneAreCountedAndNotLogged(t *testing.T) {
	for _, own := range []string{"", "shadow\n", "policy disabled\n", "policy nxdomain\n", "policy cname b.test\n"} {
		s, _ := serveRules(t, "log 1", own+"log no\n---\na.test CNAME .\n", "log yes\n---\nb.test CNAME .\n", "many.test CNAME .\n")
		before := hitsOf(t, "rpz1.")
		var logged bytes.Buffer
		golog.SetOutput(&logged)
		for range 5 {
			s.exchange(question("a.test.", dns.TypeA), "udp")
		}
		s.exchange(question("b.test.", dns.TypeA), "udp")
		golog.SetOutput(io.Discard)
		if got := logged.String(); strings.Contains(got, "rpz1") || strings.Count(got, "hit zone=rpz2.") != 1 {
			t.Errorf("%q: logged %q", own, got)
		}
		if n := hitsOf(t, "rpz1.") - before; n != 5 {
			t.Errorf("%q: %v hits counted", own, n)
		}
	}
}

// TestHitsAreLoggedUnlessTheZoneIsQuiet is the control.
func TestHitsAreLoggedUnlessTheZoneIsQuiet(t *testing.T) {
	for _, c := range []struct {
		block, own string
		want       int
	}{{"log 2", "", 2}, {"log 2", "log yes\n", 2}, {"log 0", "", 0}, {"log 0", "log yes\n", 0}, {"log 2", "log no\n", 0}, {"", "", 5}} {
		s, _ := serveRules(t, c.block, c.own+"---\na.test CNAME .\n")
		var logged bytes.Buffer
		golog.SetOutput(&logged)
		for range 5 {
			s.exchange(question("a.test.", dns.TypeA), "udp")
		}
		golog.SetOutput(io.Discard)
		// A slow machine takes a second for five, in which more may be logged.
		if n := strings.Count(logged.String(), "hit zone=rpz1."); n < c.want || c.want == 0 && n > 0 {
			t.Errorf("%q %q: %d logged: %q", c.block, c.own, n, logged.String())
		}
	}
}

// hitsOf returns how many hits of the zone were counted, whatever they did.
func hitsOf(t *testing.T, zone string) (n float64) {
	t.Helper()
	for _, counters := range countersOf(zone) {
		for _, counter := range counters {
			n += testutil.ToFloat64(counter)
		}
	}
	return n
}

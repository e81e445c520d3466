package nearcast

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	_ "github.com/coredns/coredns/plugin/tsig"

	"github.com/nearcast/nearcast/internal/testkit/coredns"
	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

const feedSecret = "c2VjcmV0IG9mIHRoZSBmZWVkcyBvZiB0ZXN0cw=="

// feeding is a Corefile whose block has the lines.
func feeding(lines ...string) string {
	return strings.NewReplacer("nearcast {", "tsig {\n\t\tsecret carrier "+feedSecret+"\n\t\tsecret other "+feedSecret+"\n\t}\n\tnearcast {\n\t\t"+strings.Join(lines, "\n\t\t")).Replace(atMkCore)
}

// transfer transfers a zone over TCP: with IXFR unless the serial is 0. With a key, the
// query is signed, and so must be the reply.
func (s *server) transfer(zone, key string, serial uint32) ([]string, error) {
	s.t.Helper()
	m := new(dns.Msg).SetAxfr(zone)
	if serial != 0 {
		m.SetIxfr(zone, serial, "ns.", "host.")
	}
	t := &dns.Transfer{}
	if key != "" {
		t.TsigSecret = map[string]string{key: feedSecret}
		m.SetTsig(key, dns.HmacSHA256, 300, time.Now().Unix())
	}
	envelopes, err := t.In(m, s.TCP)
	if err != nil {
		return nil, err
	}
	var all []string
	for e := range envelopes {
		if e.Error != nil {
			err = e.Error
			continue
		}
		for _, rr := range e.RR {
			all = append(all, strings.Join(strings.Fields(rr.String()), " "))
		}
	}
	return all, err
}

// expectTransfer transfers a zone until it has the content, for as long as d, and
// compares it without its SOAs.
func (s *server) expectTransfer(zone, key string, want []string, d time.Duration) {
	s.t.Helper()
	for deadline := time.Now().Add(d); ; time.Sleep(20 * time.Millisecond) {
		got, err := s.transfer(zone, key, 0)
		var content []string
		for _, rr := range got {
			if !strings.Contains(rr, " SOA ") {
				content = append(content, rr)
			}
		}
		if err == nil && slices.Equal(content, want) && len(got) == len(want)+2 {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("AXFR of %s: %v\n%s\nwant\n%s", zone, err, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

// serial returns the serial of the zone as seen with the key.
func (s *server) serial(zone, key string) uint32 {
	s.t.Helper()
	m := new(dns.Msg).SetQuestion(zone, dns.TypeSOA)
	client := dns.Client{Timeout: 5 * time.Second}
	if key != "" {
		client.TsigSecret = map[string]string{key: feedSecret}
		m.SetTsig(key, dns.HmacSHA256, 300, time.Now().Unix())
	}
	reply, _, err := client.Exchange(m, s.UDP)
	if err != nil || len(reply.Answer) != 1 {
		s.t.Fatalf("SOA of %s: %v\n%v", zone, err, reply)
	}
	return reply.Answer[0].(*dns.SOA).Serial
}

var several = []fixture.Function{
	hello,
	{Name: "wild", Clusters: []string{"de-wide"}, Annotations: fixture.Unprobed("nearcast.dev/hostname", "*.apps.fn.example.org", "nearcast.dev/txt", "wild")},
	{Name: "nowhere", Annotations: fixture.Unprobed()},
	{Name: "rich", Clusters: []string{"us-azure"}, Annotations: fixture.Unprobed("nearcast.dev/address", "us-azure=192.0.2.77,us-azure=2001:db8::77",
		"nearcast.dev/port", "https=8443", "nearcast.dev/alpn", "h2")},
	{Name: "all", Clusters: fixture.ThreeNames, Annotations: fixture.Unprobed("nearcast.dev/policy", "spread")},
	{Namespace: "blue", Name: "secret", Clusters: []string{"us-azure"}, Annotations: fixture.Unprobed("nearcast.dev/access", "private")},
}

// policyOf returns the rules of several in the policy zone of de, and zoneOf their
// records in its zone.
var policyOf = []string{
	"D. 30 IN NS localhost.",
	"*.apps.fn.example.org.D. 10 IN A 192.0.2.4",
	"*.apps.fn.example.org.D. 30 IN TXT \"wild\"",
	"_8443._https.rich.demo.fn.example.org.D. 10 IN HTTPS 1 rich.demo.fn.example.org. alpn=\"h2\" port=\"8443\" ipv4hint=\"192.0.2.77\" ipv6hint=\"2001:db8::77\"",
	"_https._tcp.rich.demo.fn.example.org.D. 10 IN SRV 0 0 8443 rich.demo.fn.example.org.",
	"all.demo.fn.example.org.D. 10 IN A 192.0.2.1",
	"all.demo.fn.example.org.D. 10 IN A 192.0.2.2",
	"all.demo.fn.example.org.D. 10 IN A 192.0.2.4",
	"hello.demo.fn.example.org.D. 10 IN A 192.0.2.4",
	"nowhere.demo.fn.example.org.D. 5 IN CNAME *.",
	"rich.demo.fn.example.org.D. 10 IN A 192.0.2.77",
	"rich.demo.fn.example.org.D. 10 IN AAAA 2001:db8::77",
	"rich.demo.fn.example.org.D. 10 IN SVCB 1 . alpn=\"h2\" port=\"8443\" ipv4hint=\"192.0.2.77\" ipv6hint=\"2001:db8::77\"",
	"rich.demo.fn.example.org.D. 10 IN HTTPS 1 . alpn=\"h2\" port=\"8443\" ipv4hint=\"192.0.2.77\" ipv6hint=\"2001:db8::77\"",
}

// policyIn puts the rules below the apex of a policy zone.
func policyIn(apex string, rules ...string) []string {
	var all []string
	for _, rule := range rules {
		all = append(all, strings.Replace(rule, "D. ", apex+" ", 1))
	}
	return all
}

func TestAFeedHasTheAnswersOfItsRegion(t *testing.T) {
	s := serve(t, feeding("feed de key carrier", "feed us tenant blue key other", "feed mk to 127.0.0.0/8"), federated(t, several...))
	s.expectTransfer("de._rpz.fn.example.org.", "carrier.", policyIn("de._rpz.fn.example.org.", policyOf...), 10*time.Second)
	var plain []string
	for _, rule := range policyIn("", policyOf[1:]...) {
		plain = append(plain, strings.Replace(rule, "5 IN CNAME *.", "5 IN HINFO \"RFC8482\" \"\"", 1))
	}
	s.expectTransfer("fn.example.org.", "carrier.", append([]string{
		"fn.example.org. 7200 IN NS ns1.fn.example.org.", "fn.example.org. 7200 IN NS deep.down.fn.example.org.",
		"ns1.fn.example.org. 7200 IN A 198.51.100.53", "deep.down.fn.example.org. 7200 IN A 198.51.100.54",
	}, plain...), 10*time.Second)

	// The tenant's feed also has its private functions and the region's own answers.
	blue := slices.Clone(policyOf)
	blue[8] = "hello.demo.fn.example.org.D. 10 IN A 192.0.2.2"
	blue = append(blue, "secret.blue.fn.example.org.D. 10 IN A 192.0.2.2")
	s.expectTransfer("us.blue._rpz.fn.example.org.", "other.", policyIn("us.blue._rpz.fn.example.org.", blue...), 10*time.Second)
}

// TestOnlyAllowedClientsTransferAFeed requests every zone as every client.
func TestOnlyAllowedClientsTransferAFeed(t *testing.T) {
	s := serve(t, feeding("feed de key carrier", "feed us tenant blue to 127.0.0.0/8 key other", "feed mk to 127.0.1.0/24 2001:db8::1", "feed all to 127.0.2.1 key carrier"), federated(t, several...))
	policies := []string{"de._rpz.fn.example.org.", "us.blue._rpz.fn.example.org.", "mk._rpz.fn.example.org.", "us._rpz.fn.example.org."}
	s.expectTransfer(policies[0], "carrier.", policyIn(policies[0], policyOf...), 10*time.Second)
	for _, c := range []struct {
		source, key string
		policies    []string
		plain       bool
	}{
		{"127.0.0.1", "", nil, false},
		{"127.0.0.1", "carrier.", policies[:1], true},
		{"127.0.0.1", "other.", policies[1:2], true},
		{"127.0.1.9", "", policies[2:3], true},
		{"127.0.1.9", "carrier.", []string{policies[0], policies[2]}, true},
		{"127.0.2.1", "", nil, false},
		{"127.0.2.1", "carrier.", []string{policies[0], policies[2], policies[3]}, true},
	} {
		for _, zone := range append(slices.Clone(policies), "fn.example.org.", "nope._rpz.fn.example.org.", "_rpz.fn.example.org.", "hello.demo.fn.example.org.mk._rpz.fn.example.org.") {
			may := slices.Contains(c.policies, zone) || zone == "fn.example.org." && c.plain
			for _, qtype := range []uint16{dns.TypeSOA, dns.TypeIXFR, dns.TypeAXFR} {
				reply, err := s.askSigned(c.source, c.key, zone, qtype)
				if err != nil {
					t.Fatal(err)
				}
				refused := reply.Rcode == dns.RcodeRefused
				plainSOA := zone == "fn.example.org." && qtype == dns.TypeSOA
				if want := !may && !plainSOA; refused != want {
					t.Errorf("%s with key %q requests %s %s: %s", c.source, c.key, zone, dns.TypeToString[qtype], dns.RcodeToString[reply.Rcode])
				}
				if plainSOA && (reply.Answer[0].(*dns.SOA).Serial == soaSerial) == may {
					t.Errorf("%s with key %q: the serial of %s is %d", c.source, c.key, zone, reply.Answer[0].(*dns.SOA).Serial)
				}
			}
		}
	}
	wrong := &dns.Transfer{TsigSecret: map[string]string{"carrier.": "d3Jvbmc="}}
	m := new(dns.Msg).SetAxfr(policies[0])
	m.SetTsig("carrier.", dns.HmacSHA256, 300, time.Now().Unix())
	if envelopes, err := wrong.In(m, s.TCP); err == nil {
		if e := <-envelopes; e.Error == nil || len(e.RR) > 0 {
			t.Errorf("got %v for a wrong secret", e)
		}
	}
}

// askSigned queries over TCP from the source address, and returns the first message of
// the reply.
func (s *server) askSigned(source, key, name string, qtype uint16) (*dns.Msg, error) {
	m := new(dns.Msg).SetQuestion(name, qtype)
	if qtype == dns.TypeIXFR {
		m.SetIxfr(name, 1, "ns.", "host.")
	}
	client := dns.Client{Net: "tcp", Timeout: 5 * time.Second, Dialer: &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(source)}}}
	if key != "" {
		client.TsigSecret = map[string]string{key: feedSecret}
		m.SetTsig(key, dns.HmacSHA256, 300, time.Now().Unix())
	}
	reply, _, err := client.Exchange(m, s.TCP)
	return reply, err
}

// TestASignedZoneIsNotTransferredUnsigned covers both ways to sign; the policy zone is
// transferred.
func TestASignedZoneIsNotTransferredUnsigned(t *testing.T) {
	for way, edit := range map[string]func(string) string{
		"sign":   func(c string) string { return strings.Replace(c, "nearcast {", "nearcast {\n sign DIR/key", 1) },
		"dnssec": func(c string) string { return strings.Replace(c, "bind", "dnssec {\n key file DIR/key\n }\n\tbind", 1) },
	} {
		dir := federated(t, hello)
		fixture.Key(t, dir, "key")
		s := serve(t, edit(feeding("feed mk key carrier")), dir)
		apex := "mk._rpz.fn.example.org."
		s.expectTransfer(apex, "carrier.", []string{apex + " 30 IN NS localhost.", "hello.demo.fn.example.org." + apex + " 10 IN A 192.0.2.1"}, 10*time.Second)
		if rrs, err := s.transfer("fn.example.org.", "carrier.", 0); err == nil {
			t.Errorf("%s: transferred: %q", way, rrs)
		}
		if serial := s.serial("fn.example.org.", "carrier."); serial != soaSerial {
			t.Errorf("%s: a client that may not have the zone gets the serial %d", way, serial)
		}
	}
}

// TestDrainingRemovesARule drains a cluster that continues to serve: its rule leaves the
// feed first, as one small difference.
func TestDrainingRemovesARule(t *testing.T) {
	dir := federated(t, several...)
	s := serve(t, feeding("feed de key carrier"), dir)
	apex := "de._rpz.fn.example.org."
	s.expectTransfer(apex, "carrier.", policyIn(apex, policyOf...), 10*time.Second)
	serial := s.serial(apex, "carrier.")
	all := []fixture.Document{}
	for _, c := range fixture.Three {
		if c.Name == "de-wide" {
			c.Annotations = map[string]string{"nearcast.dev/drain": "true"}
		}
		all = append(all, c)
	}
	for _, f := range several {
		all = append(all, f)
	}
	fixture.Write(t, filepath.Join(dir, "manifests", "all.yaml"), fixture.Documents(all...))
	drained := slices.Clone(policyOf)
	drained[8] = "hello.demo.fn.example.org.D. 10 IN A 192.0.2.1"
	drained = slices.Delete(drained, 7, 8) // among those that any client may query
	s.expectTransfer(apex, "carrier.", policyIn(apex, drained...), 10*time.Second)
	got, err := s.transfer(apex, "carrier.", serial)
	want := []string{"SOA", "SOA", "all.demo.fn.example.org.de._rpz.fn.example.org. 10 IN A 192.0.2.4", "hello.demo.fn.example.org.de._rpz.fn.example.org. 10 IN A 192.0.2.4",
		"SOA", "hello.demo.fn.example.org.de._rpz.fn.example.org. 10 IN A 192.0.2.1", "SOA"}
	for i, rr := range got {
		if strings.Contains(rr, " SOA ") {
			got[i] = "SOA"
		}
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("IXFR: %v\n%s", err, strings.Join(got, "\n"))
	}
	if now := s.serial("fn.example.org.", "carrier."); now != s.serial(apex, "carrier.") || now == serial {
		t.Errorf("serial %d after %d", now, serial)
	}
}

// TestSerialsOutliveRestartsAndReloads changes everything around a feed, and then its
// content while no server runs.
func TestSerialsOutliveRestartsAndReloads(t *testing.T) {
	dir := federated(t, several...)
	if err := os.Mkdir(filepath.Join(dir, "kept"), 0o755); err != nil {
		t.Fatal(err)
	}
	corefile := strings.ReplaceAll(feeding("feed de key carrier", "snapshot DIR/kept"), "DIR", dir)
	apex := "de._rpz.fn.example.org."
	var serial uint32
	t.Run("the first run", func(t *testing.T) {
		s := serve(t, corefile, dir)
		s.expectTransfer(apex, "carrier.", policyIn(apex, policyOf...), 10*time.Second)
		serial = s.serial(apex, "carrier.")
		for i, text := range []string{
			corefile, strings.Replace(corefile, "hostmaster", "probe interval 7s\n\t\thostmaster", 1),
			strings.Replace(corefile, "feed de", "feed all to 127.0.0.0/8 key other\n\t\tfeed de", 1), corefile,
		} {
			err := s.Restart(text)
			if err != nil {
				t.Fatal(err)
			}
			if got := s.serial(apex, "carrier."); got != serial {
				t.Errorf("serial %d after reload %d, want %d", got, i, serial)
			}
		}
		bad := strings.Replace(corefile, "ttl", "", 1) + "\nother.example:1 {\n bind 203.0.113.99\n whoami\n}\n"
		if err := s.Restart(strings.Replace(bad, "hostmaster", "ttl 1 2\n\t\thostmaster", 1)); err == nil {
			t.Fatal("started")
		}
		s.expectTransfer(apex, "carrier.", policyIn(apex, policyOf...), 10*time.Second)
		serial = s.serial(apex, "carrier.")
	})
	expectRunning(t, ofFeeds, 0)
	t.Run("the second run", func(t *testing.T) {
		s := serve(t, corefile, dir)
		if got := s.serial(apex, "carrier."); got != serial {
			t.Errorf("serial %d, want %d", got, serial)
		}
	})
	moved := hello
	moved.Clusters = []string{"us-azure"}
	fixture.Write(t, filepath.Join(dir, "manifests", "all.yaml"), fixture.ThreeWith(append([]fixture.Function{moved}, several[1:]...)...))
	t.Run("the third run", func(t *testing.T) {
		s := serve(t, corefile, dir)
		changed := slices.Clone(policyOf)
		changed[8] = "hello.demo.fn.example.org.D. 10 IN A 192.0.2.2"
		s.expectTransfer(apex, "carrier.", policyIn(apex, changed...), 10*time.Second)
		if got, err := s.transfer(apex, "carrier.", serial); err != nil || len(got) != 6 {
			t.Errorf("IXFR over a restart: %v\n%s", err, strings.Join(got, "\n"))
		}
	})
}

// TestBadFeedsNameTheirLine has faults that only the whole configuration shows.
func TestBadFeedsNameTheirLine(t *testing.T) {
	dir := federated(t, hello)
	for _, c := range []struct{ lines, want string }{
		{"feed de key nobody", "Corefile:8: feed: key nobody. has no secret"},
		{"feed a/b key carrier\n\t\tfeed b tenant b key carrier", ""},
		{"feed b/a key carrier\n\t\tfeed a tenant b key carrier", "Corefile:9: feed: a.b._rpz.fn.example.org. is the zone name of the feeds of b/a and of a for tenant b"},
		{"feed a.b key carrier", "Corefile:8: feed: a.b cannot be part of a domain name"},
	} {
		instance, err := coredns.Start(strings.ReplaceAll(feeding(c.lines), "DIR", dir))
		if err == nil {
			instance.ShutdownCallbacks()
			_ = instance.Stop()
		}
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%q: %v, want %q", c.lines, err, c.want)
		}
	}
	expectRunning(t, ofFeeds, 0)
}

package nearcast

import (
	"cmp"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/base/admin"
	"github.com/nearcast/nearcast/internal/site"
	"github.com/nearcast/nearcast/internal/testkit/fixture"
	"github.com/nearcast/nearcast/plugin/nearcast/zonefile"
)

// zoneRecords has every kind of record beside the functions of withRecords.
const zoneRecords = `$TTL 1h
@            MX    10 mail
@            CAA   0 issue "ca.example.net"
@            TXT   "v=spf1 mx -all"
@            A     192.0.2.80
mail         A     192.0.2.25
mail         AAAA  2001:db8::25
www          CNAME hello.demo
out          CNAME www.example.com.
loop         CNAME loop2
loop2        CNAME loop
lost         CNAME nope
in           CNAME x.corp
_acme-challenge.hello.demo TXT "token"
hello.demo   TXT   "beside"
hello.demo   MX    5 mail
_http._tcp.hello.demo SRV 0 0 8080 mail
static.demo  A     192.0.2.81
*.wild       A     192.0.2.82
here.wild    TXT   "no address"
deep.er      A     192.0.2.83
ns1          TXT   "beside the address"
corp         NS    ns.corp
corp         NS    ns.example.net.
corp         DS    1 13 2 ` + digest + `
ns.corp      A     192.0.2.53
bare         NS    ns.example.net.
`

const digest = "abababababababababababababababababababababababababababababababab"

func withRecords(t *testing.T, lines string) *server {
	t.Helper()
	dir := federated(t, hello,
		fixture.Function{Name: "static", Annotations: fixture.Unprobed(), Clusters: fixture.ThreeNames},
		fixture.Function{Name: "apps", Annotations: fixture.Unprobed("nearcast.dev/hostname", "*.apps.fn.example.org,*.wild.fn.example.org,x.corp.fn.example.org,*.er.fn.example.org,_acme-challenge.mail.fn.example.org,*.mail.fn.example.org,*.static.demo.fn.example.org", "nearcast.dev/txt", "of a tenant"), Clusters: fixture.ThreeNames},
	)
	fixture.Write(t, filepath.Join(dir, "records"), zoneRecords)
	fixture.Key(t, dir, "key")
	return serve(t, strings.Replace(atMkCore, "cluster", "claim demo fn.example.org addresses 192.0.2.0/24\nrecords DIR/records\n"+lines+"\ncluster", 1), dir)
}

// sections are the answer's flags, code and records without their signatures, in a short form.
func sections(m *dns.Msg) string {
	var all []string
	if !m.Authoritative {
		all = append(all, "referral")
	}
	if m.Rcode != dns.RcodeSuccess {
		all = append(all, dns.RcodeToString[m.Rcode])
	}
	for _, rr := range slices.Concat(m.Answer, m.Ns, m.Extra) {
		switch rr.(type) {
		case *dns.OPT, *dns.RRSIG:
			continue
		case *dns.SOA:
			all = append(all, "SOA")
			continue
		}
		text := strings.ReplaceAll(strings.Join(strings.Fields(rr.String()), " "), ".fn.example.org.", "")
		all = append(all, strings.ReplaceAll(text, " IN ", " "))
	}
	return strings.Join(all, " | ")
}

// TestTheRecordsOfAFileAreAnsweredBesideFunctions asks for every kind of name.
func TestTheRecordsOfAFileAreAnsweredBesideFunctions(t *testing.T) {
	s := withRecords(t, "")
	for ask, want := range map[string]string{
		"fn.example.org. MX":             "fn.example.org. 3600 MX 10 mail",
		"fn.example.org. CAA":            `fn.example.org. 3600 CAA 0 issue "ca.example.net"`,
		"fn.example.org. TXT":            `fn.example.org. 3600 TXT "v=spf1 mx -all"`,
		"fn.example.org. A":              "fn.example.org. 3600 A 192.0.2.80",
		"fn.example.org. AAAA":           "SOA",
		"mail A":                         "mail 3600 A 192.0.2.25",
		"MaIl AAAA":                      "MaIl 3600 AAAA 2001:db8::25",
		"mail MX":                        "SOA",
		"mail ANY":                       `mail 30 HINFO "RFC8482" ""`,
		"www CNAME":                      "www 3600 CNAME hello.demo",
		"www A":                          "www 3600 CNAME hello.demo | hello.demo 30 A 192.0.2.1",
		"www AAAA":                       "www 3600 CNAME hello.demo | SOA",
		"www TXT":                        `www 3600 CNAME hello.demo | hello.demo 3600 TXT "beside"`,
		"out A":                          "out 3600 CNAME www.example.com.",
		"lost A":                         "NXDOMAIN | lost 3600 CNAME nope | SOA",
		"in A":                           "in 3600 CNAME x.corp | corp 3600 NS ns.corp | corp 3600 NS ns.example.net. | ns.corp 3600 A 192.0.2.53",
		"hello.demo TXT":                 `hello.demo 3600 TXT "beside"`,
		"hello.demo MX":                  "hello.demo 3600 MX 5 mail",
		"hello.demo A":                   "hello.demo 30 A 192.0.2.1",
		"_acme-challenge.hello.demo TXT": `_acme-challenge.hello.demo 3600 TXT "token"`,
		"_http._tcp.hello.demo SRV":      "_http._tcp.hello.demo 3600 SRV 0 0 8080 mail",
		"_tcp.hello.demo SRV":            "SOA",
		"_acme-challenge.mail TXT":       "NXDOMAIN | SOA",
		"_x._y.static.demo TXT":          "NXDOMAIN | SOA",
		"_dmarc.hello.demo TXT":          "NXDOMAIN | SOA",
		"static.demo A":                  "static.demo 3600 A 192.0.2.81",
		"_http._tcp.static.demo SRV":     "NXDOMAIN | SOA",
		"a.wild A":                       "a.wild 3600 A 192.0.2.82",
		"a.b.wild A":                     "a.b.wild 3600 A 192.0.2.82",
		"here.wild A":                    "SOA",
		"a.here.wild A":                  "NXDOMAIN | SOA",
		"x.apps A":                       "x.apps 30 A 192.0.2.1",
		"x.er A":                         "x.er 30 A 192.0.2.1",
		"er A":                           "SOA",
		"x.deep.er A":                    "NXDOMAIN | SOA",
		"nope A":                         "NXDOMAIN | SOA",
		"ns1 TXT":                        `ns1 3600 TXT "beside the address"`,
		"ns1 A":                          "ns1 7200 A 198.51.100.53",
		"corp NS":                        "referral | corp 3600 NS ns.corp | corp 3600 NS ns.example.net. | ns.corp 3600 A 192.0.2.53",
		"x.corp A":                       "referral | corp 3600 NS ns.corp | corp 3600 NS ns.example.net. | ns.corp 3600 A 192.0.2.53",
		"ns.corp A":                      "referral | corp 3600 NS ns.corp | corp 3600 NS ns.example.net. | ns.corp 3600 A 192.0.2.53",
		"corp DS":                        "corp 3600 DS 1 13 2 " + strings.ToUpper(digest),
		"x.corp DS":                      "referral | corp 3600 NS ns.corp | corp 3600 NS ns.example.net. | ns.corp 3600 A 192.0.2.53",
		"bare DS":                        "SOA",
		"bare A":                         "referral | bare 3600 NS ns.example.net.",
	} {
		if got := sections(s.asks(ask, false)); got != want {
			t.Errorf("%s:\n got %s\nwant %s", ask, got, want)
		}
	}
	if got := len(s.asks("loop A", false).Answer); got < 2 || got > maxAliases+1 {
		t.Errorf("%d aliases of a circle", got)
	}
}

// asks asks "NAME TYPE"; a name without a dot at its end is below the zone.
func (s *server) asks(question string, do bool) *dns.Msg {
	s.t.Helper()
	name, qtype, _ := strings.Cut(question, " ")
	if !strings.HasSuffix(name, ".") {
		name += ".fn.example.org."
	}
	m := new(dns.Msg).SetQuestion(name, dns.StringToType[qtype])
	if do {
		m.SetEdns0(1232, true)
	}
	return s.exchange(m)
}

// TestRecordsOfAFileAreSigned holds that denials list what the file has, and that referrals prove what they say.
func TestRecordsOfAFileAreSigned(t *testing.T) {
	s := withRecords(t, "sign DIR/key")
	for ask, want := range map[string]string{
		"fn.example.org. SRV": "A NS SOA MX TXT RRSIG NSEC DNSKEY CDS CDNSKEY CAA",
		"mail MX":             "A AAAA RRSIG NSEC",
		"hello.demo CAA":      "A MX TXT RRSIG NSEC",
		"www CNAME":           "",
		"www AAAA":            "A MX TXT RRSIG NSEC",
		"here.wild A":         "TXT RRSIG NSEC",
		"a.wild MX":           "A RRSIG NSEC",
		"er A":                "RRSIG NSEC",
		"ns1 MX":              "A TXT RRSIG NSEC",
		"bare A":              "NS RRSIG NSEC",
		"bare DS":             "NS RRSIG NSEC",
		"corp A":              "",
		"lost A":              "RRSIG NSEC NXNAME",
	} {
		reply := s.asks(ask, true)
		var types []string
		for _, rr := range reply.Ns {
			if n, ok := rr.(*dns.NSEC); ok {
				for _, bit := range n.TypeBitMap {
					types = append(types, dns.TypeToString[bit])
				}
			}
		}
		if got := strings.Join(types, " "); got != want {
			t.Errorf("%s: the bitmap %s, want %s", ask, got, want)
		}
		for _, section := range [][]dns.RR{reply.Answer, reply.Ns} {
			unsigned(t, ask, section)
		}
	}
}

// unsigned names sets without a signature; the name servers of a delegation have none.
func unsigned(t *testing.T, ask string, section []dns.RR) {
	t.Helper()
	for _, rr := range section {
		h := rr.Header()
		signatures := 0
		for _, o := range section {
			if sig, ok := o.(*dns.RRSIG); ok && sig.TypeCovered == h.Rrtype && sig.Hdr.Name == h.Name {
				signatures++
			}
		}
		want := 1
		if h.Rrtype == dns.TypeRRSIG || h.Rrtype == dns.TypeNS && h.Name != "fn.example.org." {
			want = 0
		}
		if signatures != want {
			t.Errorf("%s: %s has %d signatures", ask, rr, signatures)
		}
	}
}

// TestAFileOfRecordsIsFollowed changes it, breaks it and repairs it.
func TestAFileOfRecordsIsFollowed(t *testing.T) {
	dir := federated(t, hello)
	path := filepath.Join(dir, "records")
	fixture.Write(t, path, "a A 192.0.2.1\n")
	s := serve(t, strings.Replace(atMkCore, "cluster", "records DIR/records\ncluster", 1), dir)
	is := func(want string) {
		t.Helper()
		var got string
		for range 100 {
			if got = sections(s.asks("a A", false)); got == want {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
		t.Errorf("%s, want %s", got, want)
	}
	is("a 3600 A 192.0.2.1")
	fixture.Write(t, path, "a A 192.0.2.2\n")
	is("a 3600 A 192.0.2.2")
	fixture.Write(t, path, "a A 192.0.2.3\nb A broken\n")
	time.Sleep(200 * time.Millisecond)
	is("a 3600 A 192.0.2.2")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	time.Sleep(200 * time.Millisecond)
	is("a 3600 A 192.0.2.2")
	fixture.Write(t, path, "b A 192.0.2.4\n")
	is("NXDOMAIN | SOA")
}

// TestCheckNamesFaultyRecordsAndAFaultyFile reads a Corefile as the command does.
func TestCheckNamesFaultyRecordsAndAFaultyFile(t *testing.T) {
	dir := federated(t, hello)
	corefile := filepath.Join(dir, "Corefile")
	fixture.Write(t, corefile, strings.ReplaceAll(strings.Replace(atMkCore, "cluster", "records DIR/records\ncluster", 1), "DIR", dir))
	for text, want := range map[string]string{
		"ok A 192.0.2.1\n":                 "",
		"ok A 192.0.2.1\n@ NS elsewhere\n": "records:2: fn.example.org. NS: the zone's name servers are those of `ns`",
		"ns1 A 192.0.2.1\n":                "records:1: ns1.fn.example.org. A: it is the name of a name server",
		"ok A 192.0.2\n":                   "Corefile:4: records: " + dir + "/records:1: ",
		"ok A 192.0.2.1":                   "has no newline",
	} {
		fixture.Write(t, filepath.Join(dir, "records"), text)
		_, faults, warnings := Check(corefile)
		var said []string
		for _, err := range append(faults, warnings...) {
			if strings.Contains(err.Error(), "records") {
				said = append(said, err.Error())
			}
		}
		if got := strings.Join(said, "\n"); !strings.Contains(got, want) || want == "" && got != "" || cmp.Compare(len(said), 1) > 0 {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

// TestTransfersHaveTheRecordsOfAFile also changes the file: a name that it takes has no function any more.
func TestTransfersHaveTheRecordsOfAFile(t *testing.T) {
	dir := federated(t, hello)
	path := filepath.Join(dir, "records")
	fixture.Write(t, path, "@ MX 10 mail\nlab NS ns.lab\nns.lab A 192.0.2.53\n")
	s := serve(t, strings.Replace(feeding("feed de key carrier"), "cluster", "records DIR/records\ncluster", 1), dir)
	around := []string{
		"fn.example.org. 7200 IN NS ns1.fn.example.org.", "fn.example.org. 7200 IN NS deep.down.fn.example.org.",
		"ns1.fn.example.org. 7200 IN A 198.51.100.53", "deep.down.fn.example.org. 7200 IN A 198.51.100.54",
	}
	rule := policyIn("de._rpz.fn.example.org.", "D. 30 IN NS localhost.", "hello.demo.fn.example.org.D. 10 IN A 192.0.2.4")
	s.expectTransfer("fn.example.org.", "carrier.", append(slices.Clip(around),
		"fn.example.org. 3600 IN MX 10 mail.fn.example.org.", "lab.fn.example.org. 3600 IN NS ns.lab.fn.example.org.",
		"ns.lab.fn.example.org. 3600 IN A 192.0.2.53", "hello.demo.fn.example.org. 10 IN A 192.0.2.4"), 10*time.Second)
	s.expectTransfer("de._rpz.fn.example.org.", "carrier.", rule, 10*time.Second)
	before := s.serial("fn.example.org.", "carrier.")

	fixture.Write(t, path, "hello.demo A 192.0.2.9\n")
	s.expectTransfer("fn.example.org.", "carrier.", append(slices.Clip(around), "hello.demo.fn.example.org. 3600 IN A 192.0.2.9"), 10*time.Second)
	s.expectTransfer("de._rpz.fn.example.org.", "carrier.", rule[:1], 10*time.Second)
	if now := s.serial("fn.example.org.", "carrier."); now <= before {
		t.Errorf("the serial stays at %d", now)
	}
}

// TestExplainNamesTheRecordsOfAFile asks a running server.
func TestExplainNamesTheRecordsOfAFile(t *testing.T) {
	dir := federated(t, hello, fixture.Function{Name: "static", Annotations: fixture.Unprobed(), Clusters: fixture.ThreeNames})
	fixture.Write(t, filepath.Join(dir, "records"), zoneRecords)
	serve(t, strings.Replace(atMkCore, "cluster", "admin DIR/admin.sock\nrecords DIR/records\ncluster", 1), dir)
	for name, want := range map[string]string{
		"mail.fn.example.org":        recordOfZone + "mail.fn.example.org. 3600 IN A 192.0.2.25 mail.fn.example.org. 3600 IN AAAA 2001:db8::25",
		"static.demo.fn.example.org": recordOfZone + "static.demo.fn.example.org. 3600 IN A 192.0.2.81",
		"www.fn.example.org":         recordOfZone + "www.fn.example.org. 3600 IN CNAME hello.demo.fn.example.org.",
		"here.wild.fn.example.org":   recordOfZone + "here.wild.fn.example.org. 3600 IN TXT \"no address\"",
		"x.bare.fn.example.org":      recordOfZone + "bare.fn.example.org. 3600 IN NS ns.example.net.",
		"hello.demo.fn.example.org":  "cluster mk-core: ",
	} {
		var e site.Explanation
		if err := admin.Call(t.Context(), dir+"/admin.sock", http.MethodGet, "/explain", url.Values{"name": {name}, "from": {"10.1.0.1"}}, &e); err != nil {
			t.Errorf("%s: %v", name, err)
		} else if got := e.Outcome + ": " + strings.Join(e.Records, " "); got != want {
			t.Errorf("%s: %s\nwant %s", name, got, want)
		}
	}
}

const recordOfZone = "a name of the zone's records file: "

// TestRecordsOfAFileCostFunctionsNothing bounds the allocations of a function's answer beside ten thousand names.
func TestRecordsOfAFileCostFunctionsNothing(t *testing.T) {
	n := handler(t, 8, 10, 10)
	var text strings.Builder
	for i := range 10000 {
		fmt.Fprintf(&text, "h%d A 192.0.2.1\nd%d NS ns.example.net.\n", i, i)
	}
	content, err := zonefile.Read(strings.NewReader(text.String()), "records", []zonefile.Apex{{Zone: "fn.example.org."}})
	if err != nil || len(content.Faults) > 0 {
		t.Fatal(err, content.Faults)
	}
	n.Zones[0].file = new(atomic.Pointer[zonefile.Zone])
	n.Zones[0].file.Store(content.Zone("fn.example.org."))
	w := &sink{from: net.UDPAddr{IP: net.IPv4(192, 0, 2, 200), Port: 4242}}
	m := query("f3.demo.fn.example.org.", dns.TypeA, "")
	if got := testing.AllocsPerRun(1000, func() { _, _ = n.ServeDNS(t.Context(), w, m) }); got > 1 {
		t.Errorf("%.0f allocations", got)
	}
}

// TestStatusShowsTheFileOfRecords also breaks it.
func TestStatusShowsTheFileOfRecords(t *testing.T) {
	dir := federated(t, hello)
	path := filepath.Join(dir, "records")
	fixture.Write(t, path, "a A 192.0.2.1\n@ NS other\nhello.demo A 192.0.2.2\n")
	serve(t, strings.Replace(atMkCore, "cluster", "admin DIR/admin.sock\nrecords DIR/records\ncluster", 1), dir)
	status := func() string {
		var st site.Status
		if err := admin.Call(t.Context(), dir+"/admin.sock", http.MethodGet, "/status", nil, &st); err != nil {
			t.Fatal(err)
		}
		return strings.ReplaceAll(fmt.Sprint(st.Records), dir+"/", "")
	}
	if got, want := status(), "[{records 2 [records:2: fn.example.org. NS: the zone's name servers are those of `ns` "+
		"records:3: hello.demo.fn.example.org., a name of Service demo/hello, is not answered with the function, because of these A records of hello.demo.fn.example.org.: remove them, or give the function another name]}]"; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	fixture.Write(t, path, "a A 192.0.2\n")
	for deadline := time.Now().Add(10 * time.Second); !strings.Contains(status(), "keeping the last valid records"); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(status())
		}
	}
}

// TestRecordsOfAReverseZone has PTR records beside the name of a VIP, and passes on no name that it has.
func TestRecordsOfAReverseZone(t *testing.T) {
	dir := federated(t, fixture.Function{Name: "vip", Clusters: fixture.ThreeNames, Annotations: fixture.Unprobed("nearcast.dev/vip", "198.51.100.80")})
	fixture.Write(t, filepath.Join(dir, "records"), "$TTL 30\nmail A 192.0.2.25\n$ORIGIN 100.51.198.in-addr.arpa.\n25 PTR mail.fn.example.org.\n80 PTR other.example.\n80 TXT \"beside\"\n")
	corefile := strings.Replace(atMkCore, "nearcast {", "nearcast fn.example.org 100.51.198.in-addr.arpa {\nfallthrough\nrecords DIR/records\n", 1)
	s := serve(t, strings.Replace(corefile, "fn.example.org:0 {", ".:0 {\nwhoami\n", 1), dir)
	for ask, want := range map[string]string{
		"25.100.51.198.in-addr.arpa. PTR": "25.100.51.198.in-addr.arpa. 30 PTR mail",
		"80.100.51.198.in-addr.arpa. PTR": "80.100.51.198.in-addr.arpa. 30 PTR other.example. | 80.100.51.198.in-addr.arpa. 30 PTR vip.demo",
		"80.100.51.198.in-addr.arpa. TXT": "80.100.51.198.in-addr.arpa. 30 TXT \"beside\"",
		"80.100.51.198.in-addr.arpa. MX":  "SOA",
		"mail AAAA":                       "SOA",
		"mail A":                          "mail 30 A 192.0.2.25",
	} {
		if got := sections(s.asks(ask, false)); got != want {
			t.Errorf("%s:\n got %s\nwant %s", ask, got, want)
		}
	}
	if got := sections(s.asks("nope A", false)); !strings.Contains(got, "SRV") { // whoami's
		t.Errorf("a name that nobody has is answered: %s", got)
	}
}

// TestCheckNamesFunctionsAndRecordsThatAreNotAnswered has a function at a name of the file, and a record in another
// block's zone.
func TestCheckNamesFunctionsAndRecordsThatAreNotAnswered(t *testing.T) {
	dir := federated(t, hello, hosted("low", "low.corp.fn.example.org"), hosted("about", "_acme-challenge.mail.fn.example.org"))
	corefile := filepath.Join(dir, "Corefile")
	inner := strings.Replace(atMkCore, "fn.example.org:0", "in.fn.example.org:0", 1)
	fixture.Write(t, corefile, strings.ReplaceAll(strings.Replace(atMkCore, "cluster", "records DIR/records\ncluster", 1)+"\n"+inner, "DIR", dir))
	fixture.Write(t, filepath.Join(dir, "records"), "hello.demo TXT a\nhello.demo AAAA 2001:db8::1\nx.in A 192.0.2.1\ncorp NS ns.example.net.\nmail A 192.0.2.25\n")
	_, faults, warnings := Check(corefile)
	all := fmt.Sprint(faults, warnings)
	for _, want := range []string{
		"records:2: hello.demo.fn.example.org., a name of Service demo/hello, is not answered with the function, because of these AAAA records of hello.demo.fn.example.org.: remove them",
		"records:4: low.corp.fn.example.org., a name of Service demo/low, is not answered with the function, because of these NS records of corp.fn.example.org.",
		"records:5: _acme-challenge.mail.fn.example.org., a name of Service demo/about, is not answered with the function, because of these A records of mail.fn.example.org.",
		"records:3: x.in.fn.example.org. is in the zone in.fn.example.org., which another block serves",
	} {
		if strings.Count(all, want) != 1 {
			t.Errorf("%s is not in %s", want, all)
		}
	}
}

// TestAFunctionAtTheApexIsAnsweredBesideTheZonesOwnRecords has one with every type that a function has.
func TestAFunctionAtTheApexIsAnsweredBesideTheZonesOwnRecords(t *testing.T) {
	dir := federated(t, hello, fixture.Function{Name: "site", Clusters: fixture.ThreeNames, Annotations: fixture.Unprobed("nearcast.dev/hostname", "fn.example.org",
		"nearcast.dev/alpn", "h2", "nearcast.dev/txt", "of the function", "nearcast.dev/port", "https=443")})
	fixture.Write(t, filepath.Join(dir, "records"), "$TTL 1h\n@ 60 TXT \"of the zone\"\n@ MX 10 mail\nmail A 192.0.2.25\nwww CNAME @\n")
	fixture.Key(t, dir, "key")
	corefile := strings.Replace(feeding("feed de key carrier"), "cluster", "claim demo fn.example.org addresses 192.0.2.0/24\nrecords DIR/records\ncluster", 1)
	s := serve(t, corefile, dir)
	for ask, want := range map[string]string{
		"fn.example.org. A":     "fn.example.org. 30 A 192.0.2.1",
		"fn.example.org. AAAA":  "SOA",
		"fn.example.org. HTTPS": `fn.example.org. 30 HTTPS 1 . alpn="h2" ipv4hint="192.0.2.1"`,
		"fn.example.org. TXT":   `fn.example.org. 30 TXT "of the function" | fn.example.org. 30 TXT "of the zone"`,
		"fn.example.org. MX":    "fn.example.org. 3600 MX 10 mail",
		"fn.example.org. SOA":   "SOA",
		"www A":                 "www 3600 CNAME fn.example.org. | fn.example.org. 30 A 192.0.2.1",
		"_https._tcp SRV":       "_https._tcp 30 SRV 0 0 443 fn.example.org. | fn.example.org. 30 A 192.0.2.1",
		"nope A":                "NXDOMAIN | SOA",
		"hello.demo A":          "hello.demo 30 A 192.0.2.1",
	} {
		if got := sections(s.asks(ask, false)); got != want {
			t.Errorf("%s:\n got %s\nwant %s", ask, got, want)
		}
	}
	if got := len(s.asks("fn.example.org. NS", false).Answer); got != 2 {
		t.Errorf("%d name servers", got)
	}
	rules, err := s.transfer("de._rpz.fn.example.org.", "carrier.", 0)
	if err != nil || !slices.Contains(rules, "fn.example.org.de._rpz.fn.example.org. 10 IN A 192.0.2.4") {
		t.Errorf("the feed has no rule for the apex: %v %v", rules, err)
	}
	signed := serve(t, strings.Replace(corefile, "feed de key carrier", "sign DIR/key", 1), dir)
	for _, rr := range signed.asks("fn.example.org. SRV", true).Ns {
		if n, ok := rr.(*dns.NSEC); ok && n.String() != "fn.example.org.\t5\tIN\tNSEC\t\\000.fn.example.org. A NS SOA MX TXT RRSIG NSEC DNSKEY CDS CDNSKEY SVCB HTTPS" {
			t.Error(n)
		}
	}
}

// TestTheZonesOwnRecordsHaveTheirOwnTTL holds that resolvers keep them for hours, and denials for seconds.
func TestTheZonesOwnRecordsHaveTheirOwnTTL(t *testing.T) {
	for lines, want := range map[string]uint32{"sign DIR/key": 7200, "sign DIR/key\nttl 5 30 86400": 86400} {
		s := withRecords(t, lines)
		for _, ask := range []string{"fn.example.org. SOA", "fn.example.org. NS", "fn.example.org. DNSKEY", "fn.example.org. CDS", "fn.example.org. CDNSKEY", "ns1 A"} {
			reply := s.asks(ask, true)
			for _, rr := range slices.Concat(reply.Answer, reply.Extra) {
				if h := rr.Header(); h.Rrtype != dns.TypeOPT && h.Ttl != want {
					t.Errorf("%s: %s, want the TTL %d", ask, rr, want)
				}
			}
			if len(reply.Answer) == 0 {
				t.Errorf("%s: no answer", ask)
			}
		}
		for _, rr := range s.asks("nope A", true).Ns {
			if rr.Header().Ttl != 5 {
				t.Errorf("a denial lasts: %s", rr)
			}
		}
	}
}

// TestTheReadmesRecordsAreValid reads its example of a file.
func TestTheReadmesRecordsAreValid(t *testing.T) {
	data, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(data), "~~~ txt\n$TTL")
	text, _, _ = strings.Cut("$TTL"+text, "~~~")
	content, err := zonefile.Read(strings.NewReader(text), "records", []zonefile.Apex{{Zone: "fn.example.org."}})
	if err != nil || len(content.Faults) > 0 || content.Len() < 9 {
		t.Error(content, err)
	}
}

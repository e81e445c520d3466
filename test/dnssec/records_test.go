package dnssec_test

import (
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// filed are records beside the functions: every kind of answer that a file adds. DIGEST is that of the zone that
// another server has.
const filed = `@ MX 10 mail
@ CAA 0 issue "ca.example.net"
mail A 127.0.0.1
www CNAME hello.demo
twice CNAME www
lost CNAME nope
hello.demo TXT "beside"
*.wild TXT "any"
here.wild A 192.0.2.82
*.alias CNAME hello.demo
a.b.c A 192.0.2.83
bare NS ns.bare
ns.bare A 127.0.0.1
corp NS ns.corp
ns.corp A 127.0.0.1
corp DS DIGEST
`

// TestRecordsOfAFileAreValidated asks for them through Unbound, and with delv. Denials are compact: a name that does
// not exist is answered with NODATA.
func TestRecordsOfAFileAreValidated(t *testing.T) {
	dir := federation(t)
	apex := fixture.Function{Name: "apex", Clusters: []string{"mk-core"}, Annotations: fixture.Unprobed("nearcast.dev/hostname", "fn.example.org", "nearcast.dev/alpn", "h2")}
	fixture.Write(t, dir+"/manifests/all.yaml", fixture.ThreeWith(append(functions(), apex)...))
	key := fixture.ZoneKey(t, dir, "fn", origin)
	child := fixture.ZoneKey(t, dir, "corp", "corp."+origin)
	ds := strings.SplitN(child.ToDS(dns.SHA256).String(), "\tDS\t", 2)[1]
	fixture.Write(t, dir+"/records", strings.Replace(filed, "DIGEST", ds, 1))
	port := nearcast(t, dir, origin+":PORT {\nbind 127.0.0.1\nnearcast {\nCOMMON\nclaim demo fn.example.org\nrecords DIR/records\nsign DIR/fn\n}\n}\n")
	validating, byDelv := unbound(t, port, key), delv(t, key)
	for question, want := range map[string]string{
		"@ MX": "data", "@ CAA": "data", "@ SRV": "nodata", "@ A": "data", "@ AAAA": "nodata", "@ HTTPS": "data", "@ NS": "data", "mail A": "data", "mail MX": "nodata", "www CNAME": "data", "www A": "data", "twice A": "data", "www AAAA": "nodata",
		"lost A": "nodata", "hello.demo TXT": "data", "hello.demo A": "data", "hello.demo MX": "nodata", "x.wild TXT": "data", "x.wild A": "nodata", "x.here.wild TXT": "nodata",
		"here.wild TXT": "nodata", "x.alias A": "data", "b.c A": "nodata", "a.b.c A": "data", "bare DS": "nodata", "corp DS": "data", "www NSEC": "data", "b.c NSEC": "data",
	} {
		name, qtype, _ := strings.Cut(question, " ")
		a := ask{strings.TrimPrefix(name+"."+origin, "@."), dns.StringToType[qtype], false}
		reply := exchange(t, validating, a)
		got := kind(reply, a)
		if got == "nodata" && len(reply.Answer) > 0 && want == "data" {
			got = "data" // at the end of an alias
		}
		if !reply.AuthenticatedData || got != want {
			t.Errorf("%s through Unbound: %s, authentic %v, want %s\n%s\n%s", a, got, reply.AuthenticatedData, want, reply, exchange(t, port, a))
			continue
		}
		if verdict, printed := byDelv(port, a); verdict == "bogus" || strings.Contains(printed, "unsigned") {
			t.Errorf("%s by delv: %s\n%s", a, verdict, printed)
		}
	}
}

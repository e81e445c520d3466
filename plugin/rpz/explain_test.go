package rpz

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/nearcast/nearcast/internal/base/admin"
	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// socketPath returns a path short enough for a socket.
func socketPath(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "rpz")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "admin.sock")
}

// call sends a request to a socket.
func call[T any](t *testing.T, socket, method, path string, query url.Values) (v T, err error) {
	t.Helper()
	err = admin.Call(t.Context(), socket, method, AdminPath+path, query, &v)
	return v, err
}

// explained returns the explanations of a name, by type.
func explained(t *testing.T, socket, name, from string) map[string]Explanation {
	t.Helper()
	all, err := call[[]Explanation](t, socket, http.MethodGet, "explain", url.Values{"name": {name}, "from": {from}})
	if err != nil {
		t.Fatal(err)
	}
	by := map[string]Explanation{}
	for _, e := range all {
		by[e.Type] = e
	}
	return by
}

// brief is an explanation in a line.
func (e Explanation) brief() string {
	parts := []string{e.Rcode}
	for _, z := range e.Zones {
		words := []string{z.Zone, z.Verdict, z.Trigger, z.Rule, z.Action, z.Name}
		parts = append(parts, strings.Join(slices.DeleteFunc(words, func(w string) bool { return w == "" }), " "))
	}
	return strings.Join(parts, "; ")
}

func TestAnExplanationNamesTheRuleThatDecides(t *testing.T) {
	const q = " qname a.test.rpz1. "
	for name, c := range map[string]struct {
		settings   string
		zones      []string
		name, from string
		a, aaaa    string // aaaa is "" for the same
	}{
		"qname":             {"", []string{"a.test CNAME .\n"}, "A.test", "192.0.2.7", "NXDOMAIN; rpz1. applied" + q + "nxdomain a.test.", ""},
		"client-ip":         {"", []string{"24.0.2.0.192.rpz-client-ip CNAME rpz-drop.\n"}, "a.test", "192.0.2.7", "; rpz1. applied client-ip 24.0.2.0.192.rpz-client-ip.rpz1. drop a.test.", ""},
		"client-ip, mapped": {"", []string{"24.0.2.0.192.rpz-client-ip CNAME .\n"}, "a.test", "::ffff:192.0.2.7", "NXDOMAIN; rpz1. applied client-ip 24.0.2.0.192.rpz-client-ip.rpz1. nxdomain a.test.", ""},
		"client-ip, IPv6":   {"", []string{"32.zz.db8.2001.rpz-client-ip CNAME *.\n"}, "a.test", "2001:db8::1", "NOERROR; rpz1. applied client-ip 32.zz.db8.2001.rpz-client-ip.rpz1. nodata a.test.", ""},
		"another client":    {"", []string{"24.0.2.0.192.rpz-client-ip CNAME rpz-drop.\n"}, "a.test", "192.0.3.7", "NOERROR; rpz1. no match", ""},
		"ip":                {"", []string{"32.1.2.0.192.rpz-ip CNAME .\n"}, "a.test", "192.0.2.7", "NXDOMAIN; rpz1. applied ip 32.1.2.0.192.rpz-ip.rpz1. nxdomain a.test.", "NOERROR; rpz1. no match"},
		"a chain":           {"", []string{"a.test CNAME .\n"}, "alias.test", "192.0.2.7", "NXDOMAIN; rpz1. applied" + q + "nxdomain a.test.", ""},
		"local data":        {"", []string{"a.test A 203.0.113.1\n"}, "a.test", "192.0.2.7", "NOERROR; rpz1. applied" + q + "local-data a.test.", ""},
		"tcp-only":          {"", []string{"a.test CNAME rpz-tcp-only.\n"}, "a.test", "192.0.2.7", "NOERROR; rpz1. applied" + q + "tcp-only a.test.", ""},
		"passthru ends it":  {"", []string{"a.test CNAME rpz-passthru.\n", "a.test CNAME .\n"}, "a.test", "192.0.2.7", "NOERROR; rpz1. applied" + q + "passthru a.test.; rpz2. not reached", ""},
		"passthru at once":  {"qname-wait-recurse no", []string{"a.test CNAME rpz-passthru.\n", "a.test CNAME .\n"}, "a.test", "192.0.2.7", "NOERROR; rpz1. applied" + q + "passthru a.test.; rpz2. not reached", ""},
		"blocked at once":   {"qname-wait-recurse no", []string{"b.test CNAME .\n", "a.test CNAME .\n"}, "a.test", "192.0.2.7", "NXDOMAIN; rpz1. no match; rpz2. applied qname a.test.rpz2. nxdomain a.test.", ""},
		"shadow":            {"", []string{"shadow\n---\na.test CNAME .\n", "a.test CNAME *.\n"}, "a.test", "192.0.2.7", "NOERROR; rpz1. shadow" + q + "nxdomain a.test.; rpz2. applied qname a.test.rpz2. nodata a.test.", ""},
		"shadow at once":    {"qname-wait-recurse no", []string{"shadow\n---\na.test CNAME .\n"}, "a.test", "192.0.2.7", "NOERROR; rpz1. shadow" + q + "nxdomain a.test.", ""},
		"policy disabled":   {"", []string{"policy disabled\n---\na.test CNAME .\n"}, "a.test", "192.0.2.7", "NOERROR; rpz1. disabled" + q + "nxdomain a.test.", ""},
		"policy nodata":     {"", []string{"policy nodata\n---\na.test CNAME rpz-passthru.\n"}, "a.test", "192.0.2.7", "NOERROR; rpz1. applied" + q + "nodata a.test.", ""},
		"keep-local-data":   {"", []string{"policy nxdomain keep-local-data\n---\na.test A 203.0.113.1\n"}, "a.test", "192.0.2.7", "NOERROR; rpz1. applied" + q + "local-data a.test.", ""},
		"other clients'":    {"", []string{"clients 10.0.0.0/8\n---\na.test CNAME .\n", "clients 192.0.2.0/24\n---\na.test CNAME .\n"}, "a.test", "192.0.2.7", "NXDOMAIN; rpz1. not for this client; rpz2. applied qname a.test.rpz2. nxdomain a.test.", ""},
		"no such name":      {"", []string{"a.test CNAME .\n"}, "nowhere.test", "192.0.2.7", "NXDOMAIN; rpz1. no match", ""},
		"refused":           {"", []string{"a.test CNAME .\n"}, "www.example", "192.0.2.7", "REFUSED; rpz1. no match", ""},
	} {
		t.Run(name, func(t *testing.T) {
			socket := socketPath(t)
			serveRules(t, "admin "+socket+"\n"+c.settings, c.zones...)
			if c.aaaa == "" {
				c.aaaa = c.a
			}
			by := explained(t, socket, c.name, c.from)
			if got := by["A"].brief(); got != c.a {
				t.Errorf("A:\n got %s\nwant %s", got, c.a)
			}
			if got := by["AAAA"].brief(); got != c.aaaa {
				t.Errorf("AAAA:\n got %s\nwant %s", got, c.aaaa)
			}
		})
	}
}

func TestAnExplanationKnowsNameServers(t *testing.T) {
	for records, want := range map[string]string{
		byName: "NXDOMAIN; rpz1. applied nsdname ns1.bad.example.rpz-nsdname.rpz1. nxdomain www.evil.example.",
		by6:    "NXDOMAIN; rpz1. applied nsip 32.zz.db8.2001.rpz-nsip.rpz1. nxdomain www.evil.example.",
	} {
		socket := socketPath(t)
		forwarding(t, failing(t), "delegation on\nadmin "+socket, "", records)
		if got := explained(t, socket, "www.evil.example", "192.0.2.7")["A"].brief(); got != want {
			t.Errorf("%s: got %s", records, got)
		}
	}
	socket := socketPath(t)
	forwarding(t, failing(t, evilNS), "delegation on\nadmin "+socket, "", other)
	before := testutil.ToFloat64(undecided[unanswered])
	e := explained(t, socket, "www.evil.example", "192.0.2.7")["A"]
	if want := "SERVFAIL: policy could not be applied: the name servers of the name's zones could not be looked up"; e.Outcome != want {
		t.Errorf("got %s", e.Outcome)
	}
	if testutil.ToFloat64(undecided[unanswered]) != before {
		t.Error("the query is counted as a client's")
	}
}

// TestAnExplanationSaysWhenAndWhy checks what the lines above leave out.
func TestAnExplanationSaysWhenAndWhy(t *testing.T) {
	socket := socketPath(t)
	begun := time.Now()
	s, dir := serveRules(t, "admin "+socket, "policy cname garden.test\n---\na.test CNAME rpz-passthru.\n", "b.test A 203.0.113.1\nb.test TXT x\n")
	counted := func() float64 {
		return testutil.ToFloat64(hits.WithLabelValues("rpz1.", "qname", "local-data"))
	}
	before := counted()
	e := explained(t, socket, "a.test", "192.0.2.7")["A"]
	if counted() != before {
		t.Error("the hit is counted")
	}
	z := e.Zones[0]
	if z.Reason != "policy cname garden.test. overrides the rule's passthru" || z.From != "file "+dir+"/rpz1" || z.Serial != 7 || z.Since.Before(begun) || z.Since.After(time.Now()) {
		t.Errorf("got %+v", z)
	}
	if e.Outcome != "NXDOMAIN: a rule of rpz1. decides" || !strings.Contains(e.Text, "garden.test.") || len(e.Wire) < 24 || !strings.HasPrefix(e.Server, "dns://") {
		t.Errorf("got %+v", e)
	}
	if z.Data != nil {
		t.Errorf("data that no client gets: %v", z.Data)
	}
	if e = explained(t, socket, "b.test", "192.0.2.7")["A"]; len(e.Zones[1].Data) != 2 || !strings.HasSuffix(e.Zones[1].Data[0], "\t203.0.113.1") {
		t.Errorf("got %+v", e.Zones[1])
	}
	first := z.Since
	fixture.Write(t, filepath.Join(dir, "rpz1"), strings.Replace(withSOA("c.test CNAME .\n"), " 7 ", " 8 ", 1))
	s.expect("c.test.", "NXDOMAIN, c.test. 5 CNAME garden.test., authority:SOA, additional:rpz1. 30 SOA")
	if z = explained(t, socket, "c.test", "192.0.2.7")["A"].Zones[0]; z.Serial != 8 || !z.Since.After(first) {
		t.Errorf("got %+v", z)
	}
}

// TestTheBlockThatAnswersIsExplained has a block without policy for a subzone, and an acl.
func TestTheBlockThatAnswersIsExplained(t *testing.T) {
	dir, socket := t.TempDir(), socketPath(t)
	fixture.Write(t, filepath.Join(dir, "truth"), truth)
	fixture.Write(t, filepath.Join(dir, "rpz1"), withSOA("*.test CNAME .\n"))
	one := strings.NewReplacer("BODY", "zone rpz1 {\nfile "+dir+"/rpz1\n}\nadmin "+socket, "DIR", dir).Replace(block)
	one = strings.Replace(one, "rpz {", "acl {\nblock net 192.0.2.99\nallow\n}\nrpz {", 1)
	head, _, _ := strings.Cut(one, "acl {")
	inside := strings.Replace(head+"file "+dir+"/truth test\n}", ".:0", "b.test:0", 1)
	serve(t, one+"\n"+inside)
	for ask, want := range map[string]string{
		"a.test 192.0.2.7":  "NXDOMAIN; rpz1. applied qname *.test.rpz1. nxdomain a.test.",
		"b.test 192.0.2.7":  "NOERROR",
		"a.test 192.0.2.99": "REFUSED",
	} {
		name, from, _ := strings.Cut(ask, " ")
		e := explained(t, socket, name, from)["A"]
		if e.brief() != want {
			t.Errorf("%s: got %s, %s", ask, e.brief(), e.Outcome)
		}
		if len(e.Zones) == 0 && !strings.Contains(e.Outcome, "no policy zone was consulted") {
			t.Errorf("%s: got %s", ask, e.Outcome)
		}
	}
}

// TestEachServerThatAnswersDifferentlyIsExplained has views at one address, and another
// address.
func TestEachServerThatAnswersDifferentlyIsExplained(t *testing.T) {
	dir, socket := t.TempDir(), socketPath(t)
	fixture.Write(t, filepath.Join(dir, "truth"), truth)
	for _, zone := range []string{"rpz1", "rpz2", "rpz3"} {
		fixture.Write(t, filepath.Join(dir, zone), withSOA("a.test CNAME .\n"))
	}
	of := func(zone string) string {
		return strings.NewReplacer("BODY", "zone "+zone+" {\nfile "+dir+"/"+zone+"\n}\nadmin "+socket, "DIR", dir).Replace(block)
	}
	viewed := strings.Replace(of("rpz1"), "rpz {", "view inner {\nexpr incidr(client_ip(), '10.0.0.0/8')\n}\nrpz {", 1)
	elsewhere := strings.Replace(of("rpz3"), "LOOPBACK", fixture.AnotherLoopback(), 1)
	serve(t, viewed+"\n"+of("rpz2")+"\n"+elsewhere)
	for from, want := range map[string]string{"10.0.0.1": "rpz1. rpz1. rpz3. rpz3.", "192.0.2.1": "rpz2. rpz2. rpz3. rpz3."} {
		all, err := call[[]Explanation](t, socket, http.MethodGet, "explain", url.Values{"name": {"a.test"}, "from": {from}})
		if err != nil {
			t.Fatal(err)
		}
		var met []string
		for _, e := range all {
			for _, z := range e.Zones {
				met = append(met, z.Zone)
			}
		}
		if got := strings.Join(met, " "); got != want {
			t.Errorf("%s meets %s, want %s", from, got, want)
		}
	}
}

func TestWhatCannotBeExplainedIsNamed(t *testing.T) {
	socket := socketPath(t)
	serveRules(t, "admin "+socket, "a.test CNAME .\n")
	for _, c := range []struct{ name, from, want string }{
		{"a.test", "here", `from: "here" is not an IP address`},
		{"a..test", "192.0.2.1", `name: "a..test" is not a domain name`},
		{"", "192.0.2.1", `name: "" is not a domain name`},
	} {
		_, err := call[[]Explanation](t, socket, http.MethodGet, "explain", url.Values{"name": {c.name}, "from": {c.from}})
		if fmt.Sprint(err) != c.want {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
}

package zonefile

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

var apexes = []Apex{
	{Zone: "fn.example.org.", Servers: []string{"ns1.fn.example.org."}, Policies: "_rpz.fn.example.org."},
	{Zone: "sub.fn.example.org."},
}

func read(t testing.TB, text string) *Content {
	t.Helper()
	c, err := Read(strings.NewReader(text), "records", apexes)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestEveryFaultIsNamedWithItsLineAndSpoilsItselfAlone has the faulty records on line 2.
func TestEveryFaultIsNamedWithItsLineAndSpoilsItselfAlone(t *testing.T) {
	for text, want := range map[string]string{
		"@ SOA a. b. 1 2 3 4 5": "fn.example.org. SOA: the SOA follows from",
		"@ NS ns9":              "fn.example.org. NS: the zone's name servers are those of `ns`",
		"@ CNAME www":           "fn.example.org. CNAME: the zone's own name has other records",
		"@ DS 1 13 2 " + strings.Repeat("ab", 32):    "fn.example.org. DS: the DS records of a zone are in its parent",
		"ns1 A 192.0.2.1":                            "ns1.fn.example.org. A: it is the name of a name server",
		"* NS ns.example.com.":                       "*.fn.example.org. NS: a wildcard cannot be a delegation",
		"x DNAME example.com.":                       "DNAME is not supported",
		"x NSEC y A":                                 "`sign` makes these records",
		"x DS 1 13 2 " + strings.Repeat("ab", 32):    "x.fn.example.org. DS: the name has no NS records",
		"www.example.com. A 192.0.2.1":               "www.example.com. A: it is not in a zone of this block (fn.example.org. sub.fn.example.org.)",
		"w CNAME other":                              "w.fn.example.org. CNAME: the name has other records (line 1)",
		"w A 192.0.2.1":                              "the set has this record already (its first is on line 1)",
		"w 5 A 192.0.2.2":                            "the lower one, 5, is used",
		`a\.b A 192.0.2.1`:                           "its name has characters that a name here cannot have",
		"bücher A 192.0.2.1":                         "write non-ASCII labels as A-labels",
		"x CH TXT a":                                 "its class is CH and must be IN",
		"me._rpz A 192.0.2.1":                        "names at and below _rpz.fn.example.org. are those of the feeds",
		"x CNAME " + strings.Repeat("a.", 120) + "a": "the target of the CNAME is longer than 255 octets",
		"corp NS ns.corp":                            "ns.corp.fn.example.org. is in the delegated zone and has no address here",
	} {
		c := read(t, "w 60 A 192.0.2.1\n"+text+"\nlast 60 A 192.0.2.9\n")
		if len(c.Faults) != 1 || !strings.HasPrefix(c.Faults[0].Error(), "records:2: ") || !strings.Contains(c.Faults[0].Error(), want) {
			t.Errorf("%s: %v, and not: %s", text, c.Faults, want)
		}
		z := c.Zone("fn.example.org.")
		if z.At([]byte("w.fn.example.org.")).Set(dns.TypeA) == nil || z.At([]byte("last.fn.example.org.")).Set(dns.TypeA) == nil {
			t.Errorf("%s: took other records with it", text)
		}
	}
}

func TestASyntaxErrorRefusesTheFileWithItsLine(t *testing.T) {
	for text, want := range map[string]string{
		"a A 192.0.2.1\nb A 300.0.2.1\n": "records:2: ",
		"a TXT \"open\n":                 "records:1: the line ends inside a quoted string",
		"$INCLUDE /etc/passwd\n":         "records:1: ",
		"":                               "records: is empty",
		"<html>":                         "records: is a web page",
		"a ( A 192.0.2.1\n":              "records:",
	} {
		if _, err := Read(strings.NewReader(text), "records", apexes); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

// TestAFileThatGeneratesManyRecordsIsReadInTime has a set that no answer can have, and many faults.
func TestAFileThatGeneratesManyRecordsIsReadInTime(t *testing.T) {
	began := time.Now()
	c := read(t, "$TTL 60\n$GENERATE 0-65535 @ TXT a$\n")
	if n := len(c.Zone("fn.example.org.").Apex().Set(dns.TypeTXT)); n != maxSet || len(c.Faults) != maxFaults+1 || time.Since(began) > 10*time.Second {
		t.Errorf("%d records and %d faults in %s", n, len(c.Faults), time.Since(began))
	}
	if last := c.Faults[maxFaults].Error(); !strings.Contains(last, fmt.Sprint(65536-maxSet-maxFaults, " more records have faults")) {
		t.Error(last)
	}
}

// TestNamesAreFoundAsRFC4592Says has names that have records, empty ones, delegated ones, and wildcards.
func TestNamesAreFoundAsRFC4592Says(t *testing.T) {
	c := read(t, `$TTL 1h
@ MX 10 mail
www A 192.0.2.1
a.b.c TXT "deep"
*.w A 192.0.2.2
corp NS ns.corp
corp NS ns.example.com.
corp DS 1 13 2 `+strings.Repeat("ab", 32)+`
ns.corp A 192.0.2.3
deep.er.sub TXT "in the longer zone"
`)
	if len(c.Faults) > 0 {
		t.Fatal(c.Faults)
	}
	z := c.Zone("fn.example.org.")
	for name, want := range map[string]string{
		"fn.example.org.":             "[MX]",
		"www.fn.example.org.":         "[A]",
		"b.c.fn.example.org.":         "[]",
		"w.fn.example.org.":           "[]",
		"x.w.fn.example.org.":         "below w.fn.example.org. [A]",
		"x.y.www.fn.example.org.":     "below www.fn.example.org. []",
		"nope.fn.example.org.":        "below fn.example.org. []",
		"corp.fn.example.org.":        "delegated by corp.fn.example.org. with 1 glue",
		"ns.corp.fn.example.org.":     "delegated by corp.fn.example.org. with 1 glue",
		"x.y.corp.fn.example.org.":    "delegated by corp.fn.example.org. with 1 glue",
		"deep.er.sub.fn.example.org.": "below fn.example.org. []",
	} {
		if got := found(z, name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	if got := found(c.Zone("sub.fn.example.org."), "er.sub.fn.example.org."); got != "[]" {
		t.Error("a record is not in the longest zone above it: ", got)
	}
	if n := len(z.All()); n != 8 {
		t.Errorf("%d records of 8", n)
	}
}

func found(z *Zone, name string) string {
	at := []byte(name)
	if cut := z.Cut(at); cut != nil {
		return fmt.Sprintf("delegated by %s with %d glue", cut.Name, len(cut.Glue))
	}
	if n := z.At(at); n != nil {
		return types(n)
	}
	e := z.Encloser(at)
	return "below " + e.Name + " " + types(e.Wildcard)
}

func types(n *Node) string {
	names := []string{}
	for _, t := range n.Types() {
		names = append(names, dns.TypeToString[t])
	}
	return fmt.Sprint(names)
}

// FuzzRead holds that what is read can be sent, and is in the zone where it was put.
func FuzzRead(f *testing.F) {
	f.Add("www A 192.0.2.1\n* CNAME www\n")
	f.Add("corp NS ns.corp\nns.corp A 192.0.2.1\nx.corp MX 1 .\n")
	f.Add("$ORIGIN sub\n@ 5 TXT ( a\n b )\na.b CAA 0 issue \"ca\"\n$TTL 7\n")
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "$G") || strings.Contains(text, "$g") {
			t.Skip("a $GENERATE makes 65,536 records of a line, which is slow")
		}
		c, err := Read(strings.NewReader(text), "records", apexes)
		if err != nil {
			return
		}
		for _, a := range apexes {
			z := c.Zone(a.Zone)
			for _, rr := range z.All() {
				if _, err := dns.PackRR(rr, make([]byte, 1<<17), 0, nil, false); err != nil || !dns.IsSubDomain(a.Zone, rr.Header().Name) {
					t.Fatal(rr, err)
				}
			}
			for name, n := range z.nodes {
				if n.Name != name || z.Encloser([]byte("x."+name)) == nil {
					t.Fatal(name)
				}
			}
		}
	})
}

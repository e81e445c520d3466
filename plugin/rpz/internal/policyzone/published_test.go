package policyzone

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

const head = "$TTL 60\n@ SOA ns. host. 1 2 3 4 5\n@ NS ns.\n"

// TestARecordOutsideTheZoneIsSkippedAndNamed has absolute names in several spellings.
func TestARecordOutsideTheZoneIsSkippedAndNamed(t *testing.T) {
	const text = head + `one.example CNAME .
two.example. CNAME .
three.notrpz.test. CNAME .
$ORIGIN other.
four CNAME *.
five CNAME .
$ORIGIN rpz.test.
six.example.rpz.test. A 192.0.2.1
SEVEN.example.RPZ.TEST. CNAME .
`
	z, faults, err := Read(strings.NewReader(text), "rpz.test", "rpz.zone")
	if err != nil {
		t.Fatal(err)
	}
	if z.Rules(QName) != 3 || len(z.Faults()) != 4 {
		t.Errorf("%d rules, and %d faults", z.Rules(QName), len(z.Faults()))
	}
	for owner, line := range map[string]int{"two.example.": 5, "three.notrpz.test.": 6, "four.other.": 8, "five.other.": 9} {
		i := slices.IndexFunc(faults, func(f Fault) bool { return f.Owner == owner })
		if i < 0 || faults[i].Line != line || !strings.Contains(faults[i].In("rpz.zone").Error(), fmt.Sprintf("rpz.zone:%d: the rule %s cannot be used: %[2]s is not in the zone rpz.test.", line, owner)) {
			t.Errorf("%s is not named on line %d: %v", owner, line, faults)
		}
	}
}

// TestAFileThatIsNotAListIsNamedAsWhatItIs has what a failed download leaves under the
// name of a list.
func TestAFileThatIsNotAListIsNamedAsWhatItIs(t *testing.T) {
	for text, want := range map[string]string{
		"":                             "rpz.zone: is empty: the zone has no SOA record",
		" \n\n\t\r\n":                  "rpz.zone: is empty: the zone has no SOA record",
		"; nothing\n":                  "rpz.zone: the zone has no SOA record",
		"\x1f\x8b\x08\x00\x00\x00\x00": "rpz.zone: is compressed with gzip: save it uncompressed",
		"\x28\xb5\x2f\xfd\x04\x00":     "rpz.zone: is compressed with zstd",
		"PK\x03\x04\x14\x00":           "rpz.zone: is compressed with zip",
		"\n<!DOCTYPE html>\n<html>":    "rpz.zone: is a web page",
		"\ufeff<html><body>404":        "rpz.zone: is a web page",
		"@ SOA ns. host. 4294967296 2 3 4 5\n@ NS ns.\n":                    "rpz.zone:1: ",
		head + "a CNAME .\n@ SOA ns. host. 2 2 3 4 5\nb CNAME .\n":          "rpz.zone:5: rpz.test. has a second SOA, with the serial 2",
		head + "a CNAME .\nb CNAME ":                                        "rpz.zone:5: ",
		"$ORIGIN list.example.\n@ SOA ns. host. 1 2 3 4 5\n@ NS ns.\n":      "the zone has no SOA record; the file has the SOA of the zone list.example.: configure that name",
		head + "x.example CNAME .\n" + strings.Repeat("l", 64) + " CNAME .": "rpz.zone:5: ",
		head + "x..example CNAME .\n":                                       "rpz.zone:4: ",
		head + "x.example CNAME\n":                                          "rpz.zone:4: x.example.rpz.test. CNAME has no data",
		head + "x.example A\n":                                              "rpz.zone:4: ",
		head + "x.example MX \n":                                            "rpz.zone:4: ",
		head + "x.example TXT":                                              "rpz.zone:4: ",
		head + "x.example CNAME ; cut off":                                  "rpz.zone:4: ",
	} {
		if z, _, err := Read(strings.NewReader(text), "rpz.test", "rpz.zone"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: got %v, %v, want %q", text, z, err, want)
		}
	}
}

// TestATargetWithoutItsTrailingDotIsADoubt has the name of each action, for each kind of
// trigger, and targets that are right as they are.
func TestATargetWithoutItsTrailingDotIsADoubt(t *testing.T) {
	doubtful := map[string]string{
		"a.example CNAME rpz-passthru":                    "its CNAME points to rpz-passthru.rpz.test.: the trailing dot of rpz-passthru. is missing",
		"*.b.example CNAME RPZ-Drop":                      "the trailing dot of rpz-drop. is missing",
		"32.1.0.0.10.rpz-client-ip CNAME rpz-tcp-only":    "the trailing dot of rpz-tcp-only. is missing",
		"32.1.0.0.10.rpz-ip CNAME *":                      "its CNAME points to *.rpz.test.: the trailing dot of *. is missing",
		"ns.c.example.rpz-nsdname CNAME rpz-drop":         "the trailing dot of rpz-drop. is missing",
		"32.1.0.0.10.rpz-nsip CNAME rpz-passthru":         "the trailing dot of rpz-passthru. is missing",
		"d.example CNAME @":                               "its CNAME points to the policy zone itself",
		"e.example CNAME garden.example":                  "its CNAME points to garden.example.rpz.test., a name in the policy zone",
		"f.example CNAME *.garden.example":                "its CNAME points to *.garden.example.rpz.test., a name in the policy zone",
		"$ORIGIN sub.rpz.test.\ng.example CNAME rpz-drop": "its CNAME points to rpz-drop.sub.rpz.test.: the trailing dot of rpz-drop. is missing",
	}
	for record, want := range doubtful {
		z, all, err := Read(strings.NewReader(head+record+"\n"), "rpz.test", "rpz.zone")
		if err != nil {
			t.Fatal(err)
		}
		if len(z.Faults()) != 0 || len(all) != 1 || !all[0].Doubtful || !strings.Contains(all[0].Reason, want) || all[0].Line != 4+strings.Count(record, "\n") {
			t.Errorf("%s: got %v, want %q", record, all, want)
		}
	}
	z, all, err := Read(strings.NewReader(head+`a CNAME rpz-passthru.
b CNAME rpz-drop.
c CNAME rpz-tcp-only.
d CNAME *.
e CNAME .
f CNAME garden.example.
g CNAME rpz-passthru.example.
h CNAME *.garden.example.
i A 192.0.2.1
`), "rpz.test", "rpz.zone")
	if err != nil || len(all) != 0 || z.Rules(QName) != 9 {
		t.Errorf("got %v, %v", err, all)
	}
}

// TestATTLOfMoreThan31BitsIsZero has the TTL of one record, and $TTL for all.
func TestATTLOfMoreThan31BitsIsZero(t *testing.T) {
	z := zone(t, "a 2147483648 A 192.0.2.1\nb 2147483647 A 192.0.2.1\n$TTL 4294967295\nc A 192.0.2.1\n")
	for name, want := range map[string]uint32{"a.": 0, "b.": 1<<31 - 1, "c.": 0} {
		if m, ok := z.ByName(QName, name); !ok || m.TTL() != want {
			t.Errorf("%s: got %d, want %d", name, m.TTL(), want)
		}
	}
}

// TestADoubtIsRemovedWithItsRule has an editor replace the record that caused it.
func TestADoubtIsRemovedWithItsRule(t *testing.T) {
	z := zone(t, "a.example CNAME rpz-drop\n")
	e := z.Edit()
	for rr := range z.Records() {
		if rr.Header().Rrtype == dns.TypeCNAME {
			if err := e.Remove(rr); err != nil {
				t.Fatal(err)
			}
		}
	}
	next, err := e.Zone()
	if err != nil || len(next.Doubts()) != 0 || len(z.Doubts()) != 1 {
		t.Errorf("got %v, %v, %v", err, next.Doubts(), z.Doubts())
	}
}

// TestALineThatIsCutOffIsDetected has files that end where a download may be cut off.
func TestALineThatIsCutOffIsDetected(t *testing.T) {
	for text, torn := range map[string]bool{
		head + "a CNAME .\n":        false,
		head + "a CNAME .\r\n":      false,
		head + "a CNAME .\n; end\n": false,
		head + "a CNAME .":          true,
		head + "a CNAME .\n; en":    true,
		head + "a CNAME b.exam":     true,
		head + "a CNAME .\n ":       true,
	} {
		path := filepath.Join(t.TempDir(), "zone")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		z, _, err := ReadFile(path, "rpz.test")
		if err != nil || z.Torn() != torn {
			t.Errorf("%q: %v, %v", text[len(head):], z.Torn(), err)
		}
	}
}

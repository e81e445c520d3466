package policyzone

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/plugin/internal/masterfile"
)

// zone reads records below rpz.test, with an SOA.
func zone(t testing.TB, records string) *Zone {
	t.Helper()
	z, _, err := Read(strings.NewReader("$TTL 60\n@ SOA ns. host. 1 2 3 4 5\n@ NS ns.\n"+records), "rpz.test", "rpz.zone")
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func (m Match) text(z *Zone, ok bool) string {
	if !ok {
		return "-"
	}
	return fmt.Sprint(m.Owner(z), " ", m.Action())
}

func TestNamesMeetTheirOwnRuleOrTheClosestWildcard(t *testing.T) {
	z := zone(t, `
evil.example   CNAME .
*.evil.example CNAME *.
ok.evil.example CNAME rpz-passthru.
a.deep.evil.example CNAME rpz-drop.
*.self.example CNAME www.self.example.
UPPER.example  CNAME rpz-tcp-only.
\097scaped.example A 192.0.2.1
a\.dot.example CNAME .
*.top CNAME .
`)
	for name, want := range map[string]string{
		"evil.example.":        "evil.example.rpz.test. nxdomain",
		"x.evil.example.":      "*.evil.example.rpz.test. nodata",
		"x.y.evil.example.":    "*.evil.example.rpz.test. nodata",
		"ok.evil.example.":     "ok.evil.example.rpz.test. passthru",
		"x.ok.evil.example.":   "-", // the closest name that exists has no wildcard
		"deep.evil.example.":   "-", // an empty non-terminal
		"b.deep.evil.example.": "-",
		"a.deep.evil.example.": "a.deep.evil.example.rpz.test. drop",
		"www.self.example.":    "*.self.example.rpz.test. passthru",
		"x.self.example.":      "*.self.example.rpz.test. local-data",
		"upper.example.":       "upper.example.rpz.test. tcp-only",
		"ascaped.example.":     "ascaped.example.rpz.test. local-data",
		`a\.dot.example.`:      `a\.dot.example.rpz.test. nxdomain`,
		"a.dot.example.":       "-",
		"dot.example.":         "-",
		"top.":                 "-",
		"x.top.":               "*.top.rpz.test. nxdomain",
		"example.":             "-",
		"other.":               "-",
		".":                    "-",
	} {
		m, ok := z.ByName(QName, Canonical(name))
		if got := m.text(z, ok); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
}

func TestAddressesMeetTheLongestPrefix(t *testing.T) {
	z := zone(t, `
24.0.2.0.192.rpz-ip CNAME .
32.7.2.0.192.rpz-ip CNAME 32.7.2.0.192.
128.3.zz.db8.2001.rpz-ip A 192.0.2.1
32.zz.db8.2001.rpz-ip CNAME *.
32.1.0.0.127.rpz-client-ip CNAME rpz-drop.
8.0.0.0.10.rpz-nsip CNAME .
16.0.0.113.203.rpz-ip CNAME .
20.0.0.113.203.rpz-ip CNAME *.
24.0.0.113.203.rpz-ip CNAME rpz-unknown.
32.9.0.113.203.rpz-ip DNAME x.
32.1.2.3.4.rpz-nsip CNAME rpz-unknown.
ns.evil.example.rpz-nsdname CNAME .
*.evil.example.rpz-nsdname CNAME .
`)
	for _, c := range []struct {
		trigger Trigger
		addr    string
		want    string
	}{
		{IP, "192.0.2.1", "24.0.2.0.192.rpz-ip.rpz.test. nxdomain"},
		{IP, "192.0.2.7", "32.7.2.0.192.rpz-ip.rpz.test. passthru"},
		{IP, "192.0.3.1", "-"},
		{IP, "2001:db8::3", "128.3.zz.db8.2001.rpz-ip.rpz.test. local-data"},
		{IP, "2001:db8::4", "32.zz.db8.2001.rpz-ip.rpz.test. nodata"},
		// An unusable rule does not hide a shorter prefix.
		{IP, "203.113.0.9", "20.0.0.113.203.rpz-ip.rpz.test. nodata"},
		{IP, "203.113.128.9", "16.0.0.113.203.rpz-ip.rpz.test. nxdomain"},
		{NSIP, "4.3.2.1", "-"},
		{ClientIP, "127.0.0.1", "32.1.0.0.127.rpz-client-ip.rpz.test. drop"},
		{NSIP, "10.1.2.3", "8.0.0.0.10.rpz-nsip.rpz.test. nxdomain"},
		{ClientIP, "192.0.2.1", "-"},
	} {
		m, ok := z.ByAddress(c.trigger, netip.MustParseAddr(c.addr))
		if got := m.text(z, ok); got != c.want {
			t.Errorf("%s %s: got %s, want %s", c.trigger, c.addr, got, c.want)
		}
	}
	own, _ := z.ByName(NSDName, "ns.evil.example.")
	wild, _ := z.ByName(NSDName, "b.evil.example.")
	if own.text(z, true) != "ns.evil.example.rpz-nsdname.rpz.test. nxdomain" || wild.text(z, true) != "*.evil.example.rpz-nsdname.rpz.test. nxdomain" {
		t.Errorf("got %s, %s", own.text(z, true), wild.text(z, true))
	}
}

func TestARuleThatCannotBeUsedIsNamedAndTheRestServed(t *testing.T) {
	bad := []struct{ record, reason string }{
		{"24.1.2.0.192.rpz-ip CNAME .", "bits are set beyond the prefix length; did you mean 24.0.2.0.192?"},
		{"024.0.2.0.192.rpz-ip CNAME .", "it must be written 24.0.2.0.192"},
		{"33.0.2.0.192.rpz-ip CNAME .", "the prefix length 33 is too long for IPv4"},
		{"0.zz.rpz-ip CNAME .", `"0" is not a prefix length`},
		{"128.3.0.0.0.0.0.db8.2001.rpz-ip CNAME .", "it must be written 128.3.zz.db8.2001"},
		{"128.201.c000.ffff.zz.rpz-ip CNAME .", "an IPv4 address is written as an IPv6 address"},
		{"128.x.zz.rpz-client-ip CNAME .", `"x" is not a 16-bit word`},
		{"32.1.2.3.rpz-nsip CNAME .", "too few words"},
		{"rpz-ip CNAME .", "nothing precedes rpz-ip"},
		{"a.example CNAME rpz-unknown.", "reserved for actions"},
		{"b.example CNAME x.rpz-drop.", "reserved for actions"},
		{"c.example DNAME x.", "no record of a type that a rule can use: DNAME"},
		{"d.example CNAME .\nd.example A 192.0.2.1", "a CNAME cannot be combined with other data"},
		{"e.example NS ns.example.", "no record of a type that a rule can use: NS"},
	}
	var text strings.Builder
	for _, b := range bad {
		fmt.Fprintln(&text, b.record)
	}
	z, faults, err := Read(strings.NewReader("$TTL 60\n@ SOA ns. host. 1 2 3 4 5\n@ NS ns.\n"+text.String()+"good.example CNAME .\n"), "rpz.test", "rpz.zone")
	if err != nil {
		t.Fatal(err)
	}
	if len(faults) != len(bad) {
		t.Errorf("%d faults, want %d", len(faults), len(bad))
	}
	line := 4
	for _, b := range bad {
		line += strings.Count(b.record, "\n")
		i := slices.IndexFunc(faults, func(f Fault) bool { return f.Line == line })
		if i < 0 || !strings.Contains(faults[i].Reason, b.reason) {
			t.Errorf("%s: not named on line %d: %v", b.record, line, faults)
		}
		line++
	}
	for name, want := range map[string]bool{"good.example.": true, "a.example.": false, "c.example.": false, "d.example.": false} {
		if _, ok := z.ByName(QName, name); ok != want {
			t.Errorf("%s: got %v", name, ok)
		}
	}
	if z.Rules(QName) != 1 || z.Rules(IP) != 0 {
		t.Errorf("%d and %d rules", z.Rules(QName), z.Rules(IP))
	}
}

func TestAFileThatIsNotAZoneIsAnErrorWithItsLine(t *testing.T) {
	for text, want := range map[string]string{
		"@ SOA ns. host. 1 2 3 4 5\nx A 192.0.2.999\n": "rpz.zone:2: ",
		"x A 192.0.2.9\n": "rpz.zone: the zone has no SOA record",
		"@ SOA ns. host. 1 2 3 4 5\nx CH A 192.0.2.1\n":     "rpz.zone:2: x.rpz.test. has class CH",
		"@ SOA ns. host. 1 2 3 4 5\n$INCLUDE /etc/passwd\n": "rpz.zone:2: ",
	} {
		if _, _, err := Read(strings.NewReader(text), "rpz.test", "rpz.zone"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}

// TestAByteOrderMarkIsSkipped has one like editors on Windows write.
func TestAByteOrderMarkIsSkipped(t *testing.T) {
	const zone = "\ufeff@ SOA ns. host. 1 2 3 4 5\nx CNAME .\n"
	z, faults, err := Read(strings.NewReader(zone), "rpz.test", "rpz.zone")
	if err != nil || len(faults) > 0 || z.Rules(QName) != 1 {
		t.Error(err, faults)
	}
	path := filepath.Join(t.TempDir(), "rpz.zone")
	if err := os.WriteFile(path, []byte(zone), 0o600); err != nil {
		t.Fatal(err)
	}
	if origin, err := Origin(path); err != nil || origin != "rpz." {
		t.Error(origin, err)
	}
}

// pool are records that are compatible or conflict at a few owners.
func pool() (all []dns.RR) {
	owners := []string{"a.example", "*.a.example", "b.a.example", "*.b.a.example", "c.b.a.example", "24.0.2.0.192.rpz-ip", "32.1.2.0.192.rpz-ip",
		"25.1.2.0.192.rpz-ip", "x.rpz-nsdname", "*.rpz-nsdname", "@", "*"}
	for _, owner := range owners {
		for _, data := range []string{"CNAME .", "CNAME *.", "CNAME x.example.", "CNAME rpz-drop.", "A 192.0.2.1", "A 192.0.2.2", "TXT t", "DNAME d."} {
			rr, err := dns.NewRR("$ORIGIN rpz.test.\n" + owner + " 60 IN " + data)
			if err != nil {
				panic(err)
			}
			all = append(all, rr)
		}
	}
	return all
}

// text returns the whole content of a zone.
func text(z *Zone) string {
	var lines []string
	for rr := range z.Records() {
		lines = append(lines, rr.String())
	}
	slices.Sort(lines)
	for _, f := range z.Faults() {
		lines = append(lines, f.Owner+": "+f.Reason)
	}
	for _, name := range []string{"a.example.", "b.a.example.", "c.b.a.example.", "x.c.b.a.example.", "x.a.example.", "y.", "."} {
		for _, t := range []Trigger{QName, NSDName} {
			m, ok := z.ByName(t, name)
			lines = append(lines, name+" "+m.text(z, ok))
		}
	}
	for _, a := range []string{"192.0.2.1", "192.0.2.2"} {
		m, ok := z.ByAddress(IP, netip.MustParseAddr(a))
		lines = append(lines, a+" "+m.text(z, ok))
	}
	for t := range triggers {
		lines = append(lines, fmt.Sprint(t, z.Rules(t)))
	}
	return strings.Join(append(lines, fmt.Sprint(z.Len())), "\n")
}

func TestAnEditedZoneEqualsOneBuiltFromScratch(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	records := pool()
	soa, _ := dns.NewRR("rpz.test. 60 IN SOA ns. host. 1 2 3 4 5")
	e := Begin("rpz.test.")
	if err := e.Add(soa); err != nil {
		t.Fatal(err)
	}
	current, _ := e.Zone()
	have := map[int]bool{}
	for step := range 3000 {
		before := text(current)
		e := current.Edit()
		for range 1 + random.IntN(4) {
			i := random.IntN(len(records))
			var err error
			if have[i] {
				err = e.Remove(records[i])
			} else {
				err = e.Add(records[i])
			}
			if err != nil {
				t.Fatalf("step %d: %v", step, err)
			}
			have[i] = !have[i]
		}
		next, err := e.Zone()
		if err != nil {
			t.Fatal(err)
		}
		if text(current) != before {
			t.Fatalf("step %d: the previous generation was changed", step)
		}
		anew := Begin("rpz.test.")
		_ = anew.Add(soa)
		for i, rr := range records {
			if have[i] {
				_ = anew.Add(rr)
			}
		}
		fresh, _ := anew.Zone()
		if got, want := text(next), text(fresh); got != want {
			t.Fatalf("step %d: edited:\n%s\nfrom scratch:\n%s", step, got, want)
		}
		current = next
	}
}

func TestAnAbsentRecordCannotBeRemoved(t *testing.T) {
	z := zone(t, "a CNAME .\nb A 192.0.2.1\n33.rpz-ip A 192.0.2.1\n")
	for _, record := range []string{"a.rpz.test. CNAME *.", "b.rpz.test. A 192.0.2.2", "c.rpz.test. A 192.0.2.1", "33.rpz-ip.rpz.test. A 192.0.2.2", "rpz.test. SOA ns. host. 2 2 3 4 5"} {
		rr, err := dns.NewRR(record)
		if err != nil {
			t.Fatal(err)
		}
		if err := z.Edit().Remove(rr); err == nil || !strings.Contains(err.Error(), ErrAbsent.Error()) {
			t.Errorf("%s: %v", record, err)
		}
	}
}

func TestTheRecordsOfAnOwnerAreLimited(t *testing.T) {
	for _, owner := range []string{"a", "@", "33.rpz-ip"} {
		var b strings.Builder
		for i := range MaxAtOwner + 1 {
			fmt.Fprintf(&b, "%s TXT \"%d\"\n", owner, i)
		}
		_, _, err := Read(strings.NewReader("$TTL 60\n@ SOA ns. host. 1 2 3 4 5\n"+b.String()), "rpz.test", "f")
		if err == nil || !strings.Contains(err.Error(), "f:1003: ") || !strings.Contains(err.Error(), "has more than 1000 records") {
			t.Errorf("%s: %v", owner, err)
		}
	}
}

func FuzzOwner(f *testing.F) {
	for _, seed := range []string{"24.0.2.0.192.rpz-ip", "128.3.zz.db8.2001.rpz-client-ip", "*.x.rpz-nsdname", "*", `a\.b`, "64.zz.1.0.2001.rpz-nsip", "128.zz.1.zz.rpz-ip"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, relative string) {
		relative = strings.TrimSuffix(Canonical(relative), ".")
		if _, ok := dns.IsDomainName(relative); !ok {
			return // no zone file or transfer has this owner
		}
		target, err := parseOwner(relative)
		if err != nil {
			return
		}
		if back := target.owner("."); back != relative+"." && relative != "" {
			t.Errorf("%q became %q", relative, back)
		}
	})
}

// kept returns the text of a zone without the skipped records.
func kept(text string) string {
	lines := strings.Split(text, "\n")
	return strings.Join(slices.DeleteFunc(lines, func(l string) bool {
		return strings.Contains(l, errOutside.Error()) || strings.Contains(l, masterfile.ErrTooLong.Error())
	}), "\n")
}

func FuzzRead(f *testing.F) {
	f.Add("@ SOA ns. host. 1 2 3 4 5\n24.0.2.0.192.rpz-ip CNAME .\n*.x CNAME *.garden.\ny A 192.0.2.1\n")
	f.Add("@ SOA . . 1 2 3 4 5\nx CNAME rpz-drop.\nx TXT y\n")
	for _, c := range texts {
		if len(c.text) < 1000 {
			f.Add(c.text)
		}
	}
	f.Fuzz(func(t *testing.T, file string) {
		z, _, err := Read(strings.NewReader(file), "rpz.test", "f")
		if err != nil {
			return
		}
		e := Begin("rpz.test")
		for rr := range z.Records() {
			if err := e.Add(rr); err != nil {
				t.Fatalf("its own record %s: %v", rr, err)
			}
		}
		again, err := e.Zone()
		if err != nil || text(again) != kept(text(z)) {
			t.Errorf("%v\n%s\nbecame\n%s", err, text(z), text(again))
		}
	})
}

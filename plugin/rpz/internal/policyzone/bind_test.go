package policyzone

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/testkit/peers"
	"github.com/nearcast/nearcast/plugin/internal/masterfile"
)

const (
	soaOf  = "@ SOA ns. host. 1 2 3 4 5\n"
	labels = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."
)

// texts are lists as they are published, and broken ones. Where Nearcast must differ from
// BIND, the reason is given.
var texts = []struct{ name, text, reason string }{
	{"Windows line endings", strings.ReplaceAll(head+"a CNAME .\nb CNAME *.\n", "\n", "\r\n"), ""},
	{"old Mac line endings", strings.ReplaceAll(head+"a CNAME .\nb CNAME *.\n", "\n", "\r"), ""},
	{"two carriage returns", head + "a CNAME .\r\r\nb CNAME .\r\n", ""},
	{"a carriage return in a comment", head + "a CNAME . ; c\rb CNAME .\n", ""},
	{"a byte order mark", "\ufeff" + head + "a CNAME .\n", "editors on Windows write one"},
	{"tabs", head + "a\tCNAME\t.\n\t\t60\tTXT\tx\n", "only the CNAME with other data is skipped"},
	{"blank lines", head + "\n   \n\t\n ; c\na CNAME .\n", ""},
	{"comments without spaces", head + "a CNAME .;c\nb CNAME x.;c\n;\"(\nc CNAME .\n", ""},
	{"a long comment", head + ";" + strings.Repeat("y(\"", 50_000) + "\na CNAME .\n", ""},
	{"a NUL in a comment", head + ";" + strings.Repeat("x", 1<<10) + "\x00\na CNAME .\n", ""},
	{"a NUL in a name", head + ";" + strings.Repeat("x", 1<<10) + "\na\x00b CNAME .\n", ""},
	{"NULs at the end, after a crash", head + ";" + strings.Repeat("x", 1<<10) + "\na CNAME .\nb CNA" + strings.Repeat("\x00", 4096), ""},
	{"a form feed", head + "a CNAME .\f\n", ""},
	{"a vertical tab", head + "a\vCNAME .\n", ""},
	{"Ctrl-Z at the end", head + "a CNAME .\n\x1a", ""},

	{"an SOA in parentheses, with comments", "$TTL 60\n@ SOA ns. host. ( 1 ; serial\n 2 ; (refresh\n 3 ; \"retry\n 4\n 5 ) ; end\na CNAME .\n@ NS ns.\n", ""},
	{"an SOA in parentheses, not indented", "$TTL 60\n@ SOA ns. host. (\n1\n2\n3\n4\n5\n)\na CNAME .\n@ NS ns.\n", ""},
	{"an SOA in parentheses, not indented, with comments", "$TTL 60\n@ SOA ns. host. (\n1; serial\n2;\n3 ; x\n4\n5)\na CNAME .\n@ NS ns.\n", ""},
	{"an SOA in parentheses, with CRLF", "$TTL 60\r\n@ SOA ns. host. (\r\n1\r\n2\r\n3\r\n4\r\n5)\r\na CNAME .\r\n@ NS ns.\r\n", ""},
	{"parentheses without spaces", "$TTL 60\n@ SOA ns. host.(1 2 3 4 5)\na(CNAME .)\n@ NS ns.\n", ""},
	{"parentheses around a record", head + "(a CNAME . )\n( b CNAME\n . )\n(\nc CNAME .)\n(\n d CNAME . )\n", ""},
	{"parentheses after a space", head + "a TXT x\n ( TXT y )\n", ""},
	{"parentheses in parentheses", head + "a TXT ( ( x\n) y )\n", ""},
	{"parentheses around a directive", head + "($TTL 30)\na CNAME .\n", ""},
	{"parentheses between words", head + "a TXT a( b )c\n", ""},
	{"parentheses around quoted strings", head + "a TXT (\"x\"\n\"(;\" ; \"c\n\"z\" )\n", ""},
	{"escaped parentheses", head + "a\\(b CNAME .\n\\;c CNAME .\n", ""},
	{"a parenthesis that is not closed", head + "a CNAME ( .\nb CNAME .\n", ""},
	{"a parenthesis that is closed too late", head + "a TXT ( x\nb CNAME .\nc TXT y )\n", ""},
	{"a parenthesis that was not opened", head + "a CNAME . )\n", ""},

	{"a quoted string over two lines", head + "a TXT \"x\nb CNAME .\nc TXT y\"\n", ""},
	{"quoted strings that are not closed", head + "a TXT \"x\nb CNAME .\nc TXT \"y\"\nd CNAME .\n", ""},
	{"a quoted string that is not closed at the end", head + "b CNAME .\na TXT \"x\n", ""},
	{"an open quoted string at the end of the text", head + "b CNAME .\na TXT \"x", ""},
	{"an escaped quotation mark", head + "a TXT \"x\\\"y\"\nb\\\"c CNAME .\n", ""},
	{"an escaped newline", head + "a TXT \"x\\\ny\"\nb CNAME .\n", ""},
	{"a semicolon in a quoted string", head + "a TXT \"x;y\" \"\" z\n", ""},

	{"no final newline", head + "a CNAME .", ""},
	{"a line cut in its name", head + "b CNAME .\na.exam", ""},
	{"a line cut after its name", head + "b CNAME .\na.example ", ""},
	{"a line cut in its TTL", head + "b CNAME .\na.example 30", ""},
	{"a line cut in its class", head + "b CNAME .\na.example 300 I", ""},
	{"a line cut in its type", head + "b CNAME .\na.example CNA", ""},
	{"a line cut after its type", head + "b CNAME .\na.example CNAME ", ""},
	{"a line cut in parentheses", head + "b CNAME .\na.example TXT ( x", ""},
	{"only a name", head + "a.example\nb CNAME .\n", ""},

	{"names of UTF-8 and Latin-1", head + "bücher.example CNAME .\nb\xe9.example CNAME .\n\xc9.example CNAME .\n", ""},
	{"names with punctuation", head + "o'reilly CNAME .\na@b CNAME .\na!#$%&*+,/:<=>?[]^_`{|}~ CNAME .\n", ""},
	{"escapes", head + "a\\032b CNAME .\na\\.b CNAME .\n\\065 CNAME *.\n", ""},
	{"an escape of one digit", head + "a\\1b CNAME .\n", ""},
	{"an escape of two digits", head + "a\\12 CNAME .\n", ""},
	{"an escape larger than an octet", head + "a\\256b CNAME .\n", ""},
	{"an escape of two digits in a target", head + "a CNAME b\\12.\n", ""},
	{"a truncated escape", head + "a CNAME b.\\1", ""},
	{"an escape larger than an octet in a quoted string", head + "a TXT \"\\999\"\n", ""},
	{"an escaped letter, and digits after an escape", head + "a\\b123 CNAME .\na\\0321 CNAME .\nc TXT \"\\255\\000\"\n", ""},
	{"a non-breaking space", head + "a\u00a0CNAME .\n", ""},
	{"a label of 63 octets", head + strings.Repeat("a", 63) + " CNAME .\n", ""},
	{"a label of 64 octets", head + strings.Repeat("a", 64) + " CNAME .\n", ""},
	{"a name too long", head + strings.Repeat(labels, 6) + "x CNAME .\nb CNAME .\n", ""},
	{"a name too long with the zone's", head + strings.Repeat(labels, 4) + labels[:48] + " CNAME .\nb CNAME .\n", "only it is skipped: published lists have names like this"},
	{"the longest name", head + strings.Repeat(labels, 4) + labels[:44] + " CNAME .\n", ""},
	{"a name one octet longer", head + strings.Repeat(labels, 4) + labels[:45] + " CNAME .\n", "only it is skipped"},
	{"a target too long with the zone's", head + "b CNAME " + strings.Repeat(labels, 4) + labels[:48] + "\n", ""},
	{"a mail server's name too long with the zone's", head + "b MX 1 " + strings.Repeat(labels, 4) + labels[:48] + "\n", ""},
	{"an empty label", head + "a..b CNAME .\n", ""},
	{"a line before the first name", " CNAME .\n" + head, ""},
	{"a name outside the zone", head + "a.example. CNAME .\nb CNAME .\n", ""},
	{"names like keywords", head + "in CNAME .\ncname CNAME .\n300 CNAME .\nTYPE9 CNAME .\nCLASS9 CNAME .\n", ""},

	{"$ORIGIN", head + "$ORIGIN sub\na CNAME .\n@ CNAME *.\n$ORIGIN rpz.test.\n* CNAME .\n", ""},
	{"$ORIGIN elsewhere", head + "$ORIGIN other.\na CNAME .\n$ORIGIN rpz.test.\nb CNAME .\n", ""},
	{"$ORIGIN without a name", head + "$ORIGIN\na CNAME .\n", ""},
	{"$TTL with a comment", "$TTL 60;c\n" + soaOf + "@ NS ns.\na CNAME .\n", ""},
	{"$TTL without a number", head + "$TTL\na CNAME .\n", ""},
	{"no $TTL", "@ 60 SOA ns. host. 1 2 3 4 5\n@ NS ns.\na CNAME .\n", ""},
	{"a TTL of 33 bits", head + "a 4294967296 CNAME .\n", ""},
	{"a negative TTL", head + "a -1 CNAME .\n", ""},
	{"a TTL with units", head + "a 1h30m CNAME .\n", ""},
	{"$GENERATE", head + "$GENERATE 1-9/4 h${0,3,d} CNAME .\n", ""},
	{"$INCLUDE", head + "$INCLUDE /dev/null\n", "a list is one file"},
	{"an unknown directive", head + "$FOO bar\n", ""},

	{"a serial of 33 bits", strings.Replace(head, " 1 ", " 4294967296 ", 1), ""},
	{"a negative serial", strings.Replace(head, " 1 ", " -1 ", 1), ""},
	{"an SOA too short", strings.Replace(head, " 5\n", "\n", 1), ""},
	{"an SOA too long", strings.Replace(head, " 5\n", " 5 6\n", 1), ""},
	{"an SOA with units", strings.Replace(head, "2 3 4 5", "1h 10m 1d 5m", 1), ""},
	{"an SOA twice", head + soaOf, ""},
	{"two serials", head + strings.Replace(soaOf, " 1 ", " 2 ", 1), ""},
	{"an SOA at the end", "$TTL 60\na CNAME .\n@ NS ns.\n" + soaOf, ""},
	{"an SOA of another zone", "$TTL 60\nother. SOA ns. host. 1 2 3 4 5\n@ NS ns.\n", ""},
	{"no SOA", "$TTL 60\n@ NS ns.\na CNAME .\n", ""},
	{"another class", head + "a CH TXT x\n", ""},
	{"a class as a number", head + "a CLASS1 CNAME .\nb 60 IN CNAME .\nc IN 60 CNAME .\n", ""},
	{"an unknown type", head + "a FOO bar\n", ""},
	{"a type as a number", head + "a TYPE65400 \\# 2 1234\nb A \\# 4 c0000201\nc TYPE5 \\# 1 00\n", ""},
	{"a type as a number, too short", head + "a TYPE65400 \\# 3 abcd\n", ""},
	{"a type as a number, not digits", head + "a TYPE65400 \\# 2 zzzz\n", ""},
	{"a meta-type", head + "a TYPE41 \\# 0\n", ""},
	{"type 0", head + "a TYPE0 \\# 0\n", ""},
	{"no data", head + "a A\n", ""},
	{"too much data", head + "a A 192.0.2.1 192.0.2.2\n", ""},
	{"an invalid address", head + "a A 192.0.2.256\n", ""},
	{"an address of the other family", head + "a A 2001:db8::1\n", ""},
	{"an odd number of hex digits", head + "a TLSA 3 1 1 abc\n", ""},
	{"invalid hex digits", head + "a SSHFP 1 1 zz\n", ""},
	{"a key not in base64", head + "a OPENPGPKEY !!!!\n", ""},
	{"a key not in base64 at the apex", head + "@ DNSKEY 257 3 8 !!!!\n", ""},
	{"a parameter twice", head + "a HTTPS 1 . alpn=h2 alpn=h3\n", ""},
	{"a record longer than a message", head + "a TXT" + strings.Repeat(` "`+strings.Repeat("x", 255)+`"`, 300) + "\n", ""},
	{"a string of 256 octets", head + "a TXT " + strings.Repeat("x", 256) + "\n", "it is sent as two strings"},
}

// TestATextIsReadAsBINDReadsIt has named-checkzone and named-compilezone, which are one
// program, read each text: what BIND refuses is refused, and what it reads yields the
// same records.
func TestATextIsReadAsBINDReadsIt(t *testing.T) {
	checkzone := peers.Find(t, "named-compilezone", "bind9-utils")
	for _, c := range texts {
		path := filepath.Join(t.TempDir(), "zone")
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		said, failed := checkzone.Command("-i", "none", "-k", "ignore", "-o", path+".out", "rpz.test", path).CombinedOutput()
		theirs := "refused"
		if failed == nil {
			theirs = recordsOf(t, path+".out")
		}
		ours := "refused"
		z, _, err := ReadFile(path, "rpz.test")
		if err == nil {
			ours = lines(slices.Collect(z.Records()))
		}
		if differs := theirs != ours; differs != (c.reason != "") {
			t.Errorf("%s (%s): BIND has\n%.300s%.300s\nNearcast has\n%.300s%v", c.name, c.reason, theirs, said, ours, err)
		}
	}
}

// recordsOf reads the output of named-compilezone, one record per line.
func recordsOf(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var all []dns.RR
	for line := range strings.Lines(string(text)) {
		rr, err := dns.NewRR(line)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, rr)
	}
	return lines(all)
}

// lines returns the records in their wire form, without the TTL, sorted.
func lines(all []dns.RR) string {
	var text []string
	for _, rr := range all {
		rr = dns.Copy(rr)
		rr.Header().Name, rr.Header().Ttl = Canonical(rr.Header().Name), 0
		text = append(text, rr.String())
	}
	slices.Sort(text)
	return strings.Join(slices.Compact(text), "\n")
}

// TestASyntaxErrorIsNamedWithItsLine has errors that the parser alone would not find.
func TestASyntaxErrorIsNamedWithItsLine(t *testing.T) {
	for text, want := range map[string]string{
		head + "a TXT \"x\nb CNAME .\nc TXT y\"\n":            "f:4: the line ends inside a quoted string",
		head + "a TXT \"x":                                    "f:4: the text ends inside a quoted string",
		head + "a TXT ( x\nb CNAME .\n\n":                     "f:6: the parenthesis opened on line 4 is not closed",
		head + "a TXT x )\n":                                  "f:4: a closing parenthesis has no opening one",
		head + strings.Repeat(";\n", 1<<10) + "a\x00 TXT x":   "f:1028: has a NUL octet: the file is damaged",
		" CNAME .\n" + head:                                   "f:1: a record has no owner name, and none precedes it",
		head + "a CNAME .\nb TLSA 3 1 1 abc\n":                "f:5: b.rpz.test. TLSA: the data cannot be sent in an answer: ",
		head + "b TYPE41 \\# 0\n":                             "f:4: b.rpz.test. OPT: a meta-type cannot be in a zone",
		head + "b CNAME " + strings.Repeat(labels, 5) + "x\n": "f:4: b.rpz.test. CNAME: the target of the CNAME is longer than 255 octets",
		head + "@ SOA ns. host. (\n1\n2\n3\n4\n5 x )\n":       "f:9: ",
	} {
		for _, ends := range []string{"\n", "\r\n"} {
			if _, _, err := Read(strings.NewReader(strings.ReplaceAll(text, "\n", ends)), "rpz.test", "f"); err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("%.60q: got %v, want %q", text, err, want)
			}
		}
	}
}

// TestTheRecordsOfAListAreLimited counts unusable records too, and puts $GENERATE, the
// one directive that multiplies a line, wherever the parser would obey it.
func TestTheRecordsOfAListAreLimited(t *testing.T) {
	three := head + "x.example. CNAME .\n" // with the SOA
	if _, _, err := ReadList(strings.NewReader(three), "rpz.test", "f", 3); err != nil {
		t.Error(err)
	}
	if _, _, err := ReadList(strings.NewReader(three), "rpz.test", "f", 2); !errors.Is(err, ErrTooMany) || !strings.HasPrefix(err.Error(), "f:4: ") {
		t.Error(err)
	}
	const generate = "$GENERATE 1-2 h$ CNAME .\n"
	for _, text := range []string{
		"\ufeff" + generate + head, head + generate, head + strings.ToLower(generate), head + "(" + generate + ")\n", head + "( \t" + generate + ")\n",
		head + "\r" + generate, head + "a CNAME .\r" + generate, head + "(;\n" + generate + ")\n", head + "a CNAME . ; c\n" + generate,
	} {
		if _, _, err := ReadList(strings.NewReader(text), "rpz.test", "f", 100); err == nil || !strings.Contains(err.Error(), "$GENERATE") {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, text := range []string{head + "; " + generate, head + "a TXT \"" + generate[:9] + "\"\n", head + "\\" + generate[:9] + " CNAME .\n"} {
		if _, _, err := ReadList(strings.NewReader(text), "rpz.test", "f", 100); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestANameIsThatOfMessagesHoweverItIsWritten has characters that need no escape in a
// file but have one in names from the wire, and letters outside ASCII, which have no
// case.
func TestANameIsThatOfMessagesHoweverItIsWritten(t *testing.T) {
	for text, label := range map[string]string{
		"o'reilly": "o'reilly", "a@b": "a@b", "A@B": "a@b", `a\@b`: "a@b", "bücher": "bücher", "b\xe9": "b\xe9", "\xc9": "\xc9", "É": "É", `\195\137`: "É",
		"K": "K", "a\x7fb": "a\x7fb", `\097b`: "ab", `a\;b`: "a;b", `a\ b`: "a b", `a\000b`: "a\x00b", "a$b": "a$b",
	} {
		z, _, err := Read(strings.NewReader(head+text+".example CNAME .\n*."+text+".wild CNAME *.\n"), "rpz.test", "f")
		if err != nil {
			t.Fatal(text, err)
		}
		for below, want := range map[string]Action{"": NXDomain, "x": NoData} {
			var wire []byte
			parts := []string{label, "example"}
			if below != "" {
				parts = []string{below, label, "wild"}
			}
			for _, l := range parts {
				wire = append(append(wire, byte(len(l))), l...)
			}
			asked, _, err := dns.UnpackDomainName(append(wire, 0), 0)
			if err != nil {
				t.Fatal(err)
			}
			if m, ok := z.ByName(QName, Canonical(asked)); !ok || m.Action() != want {
				t.Errorf("%q does not match the rule %q: %v", asked, text, ok)
			}
		}
	}
}

// TestOnlyARuleTooLongForItsZoneIsSkipped has a name at the limit and one beyond it.
func TestOnlyARuleTooLongForItsZoneIsSkipped(t *testing.T) {
	fits, long := strings.Repeat(labels, 4)+labels[:44], strings.Repeat(labels, 4)+labels[:45]
	z, faults, err := Read(strings.NewReader(head+long+" CNAME .\n"+fits+" CNAME .\n*."+long+" A 192.0.2.1\n"), "rpz.test", "f")
	if err != nil || z.Rules(QName) != 1 || len(faults) != 2 || faults[1].Line != 4 || !strings.Contains(faults[1].String(), "give the zone a shorter one") {
		t.Errorf("got %v, %v", faults, err)
	}
	for rr := range z.Records() {
		if err := new(masterfile.Prover).Prove(rr); err != nil || masterfile.WireLength(rr.Header().Name) > masterfile.MaxName {
			t.Error(rr, err)
		}
	}
}

func TestTheLengthOfANameIsThatOnTheWire(t *testing.T) {
	for _, name := range []string{".", "a.", "a.b.", `a\.b.`, `\000\255.`, `\\.`, `a\1b.`, "é.", strings.Repeat(labels, 4)} {
		wire := make([]byte, 300)
		n, err := dns.PackDomainName(name, wire, 0, nil, false)
		if got := masterfile.WireLength(name); err != nil || got != n {
			t.Errorf("%q: got %d, want %d: %v", name, got, n, err)
		}
	}
}

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
)

const (
	soaOf  = "@ SOA ns. host. 1 2 3 4 5\n"
	labels = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."
)

// texts are files as lists are written, and broken. Where ours is to differ from BIND
// there is the reason.
var texts = []struct{ name, text, reason string }{
	{"ends of lines of Windows", strings.ReplaceAll(head+"a CNAME .\nb CNAME *.\n", "\n", "\r\n"), ""},
	{"ends of lines of old Macs", strings.ReplaceAll(head+"a CNAME .\nb CNAME *.\n", "\n", "\r"), ""},
	{"two carriage returns", head + "a CNAME .\r\r\nb CNAME .\r\n", ""},
	{"a carriage return in a comment", head + "a CNAME . ; c\rb CNAME .\n", ""},
	{"a byte order mark", "\ufeff" + head + "a CNAME .\n", "editors on Windows write one"},
	{"tabs", head + "a\tCNAME\t.\n\t\t60\tTXT\tx\n", "a CNAME with other data is skipped alone"},
	{"blank lines", head + "\n   \n\t\n ; c\na CNAME .\n", ""},
	{"comments without blanks", head + "a CNAME .;c\nb CNAME x.;c\n;\"(\nc CNAME .\n", ""},
	{"a long comment", head + ";" + strings.Repeat("y(\"", 50_000) + "\na CNAME .\n", ""},
	{"a NUL in a comment", head + ";" + strings.Repeat("x", 1<<10) + "\x00\na CNAME .\n", ""},
	{"a NUL in a name", head + ";" + strings.Repeat("x", 1<<10) + "\na\x00b CNAME .\n", ""},
	{"NULs at the end, after a crash", head + ";" + strings.Repeat("x", 1<<10) + "\na CNAME .\nb CNA" + strings.Repeat("\x00", 4096), ""},
	{"a form feed", head + "a CNAME .\f\n", ""},
	{"a vertical tab", head + "a\vCNAME .\n", ""},
	{"Ctrl-Z at the end", head + "a CNAME .\n\x1a", ""},

	{"a SOA in parentheses, with comments", "$TTL 60\n@ SOA ns. host. ( 1 ; serial\n 2 ; (refresh\n 3 ; \"retry\n 4\n 5 ) ; end\na CNAME .\n@ NS ns.\n", ""},
	{"a SOA in parentheses, not indented", "$TTL 60\n@ SOA ns. host. (\n1\n2\n3\n4\n5\n)\na CNAME .\n@ NS ns.\n", ""},
	{"a SOA in parentheses, not indented, with comments", "$TTL 60\n@ SOA ns. host. (\n1; serial\n2;\n3 ; x\n4\n5)\na CNAME .\n@ NS ns.\n", ""},
	{"a SOA in parentheses, of Windows", "$TTL 60\r\n@ SOA ns. host. (\r\n1\r\n2\r\n3\r\n4\r\n5)\r\na CNAME .\r\n@ NS ns.\r\n", ""},
	{"parentheses without blanks", "$TTL 60\n@ SOA ns. host.(1 2 3 4 5)\na(CNAME .)\n@ NS ns.\n", ""},
	{"parentheses around a record", head + "(a CNAME . )\n( b CNAME\n . )\n(\nc CNAME .)\n(\n d CNAME . )\n", ""},
	{"parentheses behind a blank", head + "a TXT x\n ( TXT y )\n", ""},
	{"parentheses in parentheses", head + "a TXT ( ( x\n) y )\n", ""},
	{"parentheses around a directive", head + "($TTL 30)\na CNAME .\n", ""},
	{"parentheses between words", head + "a TXT a( b )c\n", ""},
	{"parentheses around quotations", head + "a TXT (\"x\"\n\"(;\" ; \"c\n\"z\" )\n", ""},
	{"escaped parentheses", head + "a\\(b CNAME .\n\\;c CNAME .\n", ""},
	{"a parenthesis that is not closed", head + "a CNAME ( .\nb CNAME .\n", ""},
	{"a parenthesis that is closed too late", head + "a TXT ( x\nb CNAME .\nc TXT y )\n", ""},
	{"a parenthesis that was not opened", head + "a CNAME . )\n", ""},

	{"a quotation over two lines", head + "a TXT \"x\nb CNAME .\nc TXT y\"\n", ""},
	{"quotations that are not closed", head + "a TXT \"x\nb CNAME .\nc TXT \"y\"\nd CNAME .\n", ""},
	{"a quotation that is not closed at the end", head + "b CNAME .\na TXT \"x\n", ""},
	{"a quotation at the end of the text", head + "b CNAME .\na TXT \"x", ""},
	{"an escaped quotation mark", head + "a TXT \"x\\\"y\"\nb\\\"c CNAME .\n", ""},
	{"an escaped end of line", head + "a TXT \"x\\\ny\"\nb CNAME .\n", ""},
	{"a semicolon in a quotation", head + "a TXT \"x;y\" \"\" z\n", ""},

	{"a last line without its end", head + "a CNAME .", ""},
	{"a line cut in its name", head + "b CNAME .\na.exam", ""},
	{"a line cut after its name", head + "b CNAME .\na.example ", ""},
	{"a line cut in its TTL", head + "b CNAME .\na.example 30", ""},
	{"a line cut in its class", head + "b CNAME .\na.example 300 I", ""},
	{"a line cut in its type", head + "b CNAME .\na.example CNA", ""},
	{"a line cut after its type", head + "b CNAME .\na.example CNAME ", ""},
	{"a line cut in parentheses", head + "b CNAME .\na.example TXT ( x", ""},
	{"a name alone", head + "a.example\nb CNAME .\n", ""},

	{"names of UTF-8 and Latin-1", head + "bücher.example CNAME .\nb\xe9.example CNAME .\n\xc9.example CNAME .\n", ""},
	{"names with marks", head + "o'reilly CNAME .\na@b CNAME .\na!#$%&*+,/:<=>?[]^_`{|}~ CNAME .\n", ""},
	{"escapes", head + "a\\032b CNAME .\na\\.b CNAME .\n\\065 CNAME *.\n", ""},
	{"an escape of one digit", head + "a\\1b CNAME .\n", ""},
	{"an escape of two digits", head + "a\\12 CNAME .\n", ""},
	{"an escape of more than an octet", head + "a\\256b CNAME .\n", ""},
	{"an escape in a target, of two digits", head + "a CNAME b\\12.\n", ""},
	{"an escape that is cut", head + "a CNAME b.\\1", ""},
	{"an escape in a quotation, of more than an octet", head + "a TXT \"\\999\"\n", ""},
	{"an escape of a letter, and of digits behind it", head + "a\\b123 CNAME .\na\\0321 CNAME .\nc TXT \"\\255\\000\"\n", ""},
	{"a space of another width", head + "a\u00a0CNAME .\n", ""},
	{"a name of 63", head + strings.Repeat("a", 63) + " CNAME .\n", ""},
	{"a name of 64", head + strings.Repeat("a", 64) + " CNAME .\n", ""},
	{"a name too long", head + strings.Repeat(labels, 6) + "x CNAME .\nb CNAME .\n", ""},
	{"a name too long with the zone's", head + strings.Repeat(labels, 4) + labels[:48] + " CNAME .\nb CNAME .\n", "it is skipped alone: published lists have such names"},
	{"the longest name", head + strings.Repeat(labels, 4) + labels[:44] + " CNAME .\n", ""},
	{"a name longer by one", head + strings.Repeat(labels, 4) + labels[:45] + " CNAME .\n", "it is skipped alone"},
	{"a target too long with the zone's", head + "b CNAME " + strings.Repeat(labels, 4) + labels[:48] + "\n", ""},
	{"a mail server's name too long with the zone's", head + "b MX 1 " + strings.Repeat(labels, 4) + labels[:48] + "\n", ""},
	{"an empty label", head + "a..b CNAME .\n", ""},
	{"a line before any name", " CNAME .\n" + head, ""},
	{"a name out of the zone", head + "a.example. CNAME .\nb CNAME .\n", ""},
	{"names like words of the text", head + "in CNAME .\ncname CNAME .\n300 CNAME .\nTYPE9 CNAME .\nCLASS9 CNAME .\n", ""},

	{"$ORIGIN", head + "$ORIGIN sub\na CNAME .\n@ CNAME *.\n$ORIGIN rpz.test.\n* CNAME .\n", ""},
	{"$ORIGIN elsewhere", head + "$ORIGIN other.\na CNAME .\n$ORIGIN rpz.test.\nb CNAME .\n", ""},
	{"$ORIGIN without a name", head + "$ORIGIN\na CNAME .\n", ""},
	{"$TTL with a comment", "$TTL 60;c\n" + soaOf + "@ NS ns.\na CNAME .\n", ""},
	{"$TTL without a number", head + "$TTL\na CNAME .\n", ""},
	{"no $TTL", "@ 60 SOA ns. host. 1 2 3 4 5\n@ NS ns.\na CNAME .\n", ""},
	{"a TTL of 33 bits", head + "a 4294967296 CNAME .\n", ""},
	{"a TTL below zero", head + "a -1 CNAME .\n", ""},
	{"a TTL with units", head + "a 1h30m CNAME .\n", ""},
	{"$GENERATE", head + "$GENERATE 1-9/4 h${0,3,d} CNAME .\n", ""},
	{"$INCLUDE", head + "$INCLUDE /dev/null\n", "a list is one file"},
	{"a directive that is none", head + "$FOO bar\n", ""},

	{"a serial of 33 bits", strings.Replace(head, " 1 ", " 4294967296 ", 1), ""},
	{"a serial below zero", strings.Replace(head, " 1 ", " -1 ", 1), ""},
	{"a SOA too short", strings.Replace(head, " 5\n", "\n", 1), ""},
	{"a SOA too long", strings.Replace(head, " 5\n", " 5 6\n", 1), ""},
	{"a SOA with units", strings.Replace(head, "2 3 4 5", "1h 10m 1d 5m", 1), ""},
	{"a SOA twice", head + soaOf, ""},
	{"two serials", head + strings.Replace(soaOf, " 1 ", " 2 ", 1), ""},
	{"a SOA in the end", "$TTL 60\na CNAME .\n@ NS ns.\n" + soaOf, ""},
	{"a SOA of another zone", "$TTL 60\nother. SOA ns. host. 1 2 3 4 5\n@ NS ns.\n", ""},
	{"no SOA", "$TTL 60\n@ NS ns.\na CNAME .\n", ""},
	{"another class", head + "a CH TXT x\n", ""},
	{"a class by its number", head + "a CLASS1 CNAME .\nb 60 IN CNAME .\nc IN 60 CNAME .\n", ""},
	{"a type that is unknown", head + "a FOO bar\n", ""},
	{"a type by its number", head + "a TYPE65400 \\# 2 1234\nb A \\# 4 c0000201\nc TYPE5 \\# 1 00\n", ""},
	{"a type by its number, too short", head + "a TYPE65400 \\# 3 abcd\n", ""},
	{"a type by its number, no digits", head + "a TYPE65400 \\# 2 zzzz\n", ""},
	{"a type of messages", head + "a TYPE41 \\# 0\n", ""},
	{"type 0", head + "a TYPE0 \\# 0\n", ""},
	{"no data", head + "a A\n", ""},
	{"too much data", head + "a A 192.0.2.1 192.0.2.2\n", ""},
	{"an address that is none", head + "a A 192.0.2.256\n", ""},
	{"an address of the other family", head + "a A 2001:db8::1\n", ""},
	{"half a digit of a key", head + "a TLSA 3 1 1 abc\n", ""},
	{"digits of a key that are none", head + "a SSHFP 1 1 zz\n", ""},
	{"a key that is not base64", head + "a OPENPGPKEY !!!!\n", ""},
	{"a key of a name that triggers on nothing", head + "@ DNSKEY 257 3 8 !!!!\n", ""},
	{"a parameter twice", head + "a HTTPS 1 . alpn=h2 alpn=h3\n", ""},
	{"a record longer than a message", head + "a TXT" + strings.Repeat(` "`+strings.Repeat("x", 255)+`"`, 300) + "\n", ""},
	{"a string of 256", head + "a TXT " + strings.Repeat("x", 256) + "\n", "it is sent as two"},
}

// TestATextIsReadAsBINDReadsIt has named-checkzone and named-compilezone, which is one
// program, read each text: what it refuses is refused, and what it reads is the same.
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
			t.Errorf("%s (%s): BIND has\n%.300s%.300s\nours is\n%.300s%v", c.name, c.reason, theirs, said, ours, err)
		}
	}
}

// recordsOf reads what named-compilezone wrote, a record a line.
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

// lines are the records as messages have them, without the TTL, sorted.
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

// TestAFaultOfTheTextIsNamedWithItsLine has what only a look at the text finds.
func TestAFaultOfTheTextIsNamedWithItsLine(t *testing.T) {
	for text, want := range map[string]string{
		head + "a TXT \"x\nb CNAME .\nc TXT y\"\n":            "f:4: the line ends within a quotation",
		head + "a TXT \"x":                                    "f:4: the text ends within a quotation",
		head + "a TXT ( x\nb CNAME .\n\n":                     "f:6: the parenthesis that is opened on line 4 is not closed",
		head + "a TXT x )\n":                                  "f:4: a parenthesis is closed that was not opened",
		head + strings.Repeat(";\n", 1<<10) + "a\x00 TXT x":   "f:1028: has a NUL octet: the file is damaged",
		" CNAME .\n" + head:                                   "f:1: a record without a name stands before any name",
		head + "a CNAME .\nb TLSA 3 1 1 abc\n":                "f:5: b.rpz.test. TLSA: the data cannot be sent in an answer: ",
		head + "b TYPE41 \\# 0\n":                             "f:4: b.rpz.test. OPT: the type is of messages, and no zone has it",
		head + "b CNAME " + strings.Repeat(labels, 5) + "x\n": "f:4: b.rpz.test. CNAME: the target of the CNAME is longer than 255 octets",
		head + "@ SOA ns. host. (\n1\n2\n3\n4\n5 x )\n":       "f:9: ",
	} {
		for _, ends := range []string{"\n", "\r\n"} {
			if _, _, err := Read(strings.NewReader(strings.ReplaceAll(text, "\n", ends)), "rpz.test", "f"); err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("%.60q: %v, want %q", text, err, want)
			}
		}
	}
}

// TestAListHasOnlySoManyRecords counts those that cannot be used, too, and has the one
// directive that makes many of a line in each place where the parser would heed it.
func TestAListHasOnlySoManyRecords(t *testing.T) {
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

// TestANameIsThatOfMessagesHoweverAFileHasIt has names that a file need not escape as
// those that come over the wire are, and letters that are not ASCII's, which have no case.
func TestANameIsThatOfMessagesHoweverAFileHasIt(t *testing.T) {
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
				t.Errorf("%q does not meet the rule %q: %v", asked, text, ok)
			}
		}
	}
}

// TestARuleTooLongForItsZoneIsSkippedAlone has a name at the limit and one beyond it.
func TestARuleTooLongForItsZoneIsSkippedAlone(t *testing.T) {
	fits, long := strings.Repeat(labels, 4)+labels[:44], strings.Repeat(labels, 4)+labels[:45]
	z, faults, err := Read(strings.NewReader(head+long+" CNAME .\n"+fits+" CNAME .\n*."+long+" A 192.0.2.1\n"), "rpz.test", "f")
	if err != nil || z.Rules(QName) != 1 || len(faults) != 2 || faults[1].Line != 4 || !strings.Contains(faults[1].String(), "give the zone a shorter one") {
		t.Errorf("%v, %v", faults, err)
	}
	for rr := range z.Records() {
		if err := new(prover).prove(rr); err != nil || wireLength(rr.Header().Name) > maxName {
			t.Error(rr, err)
		}
	}
}

func TestTheLengthOfANameIsThatOfMessages(t *testing.T) {
	for _, name := range []string{".", "a.", "a.b.", `a\.b.`, `\000\255.`, `\\.`, `a\1b.`, "é.", strings.Repeat(labels, 4)} {
		wire := make([]byte, 300)
		n, err := dns.PackDomainName(name, wire, 0, nil, false)
		if got := wireLength(name); err != nil || got != n {
			t.Errorf("%q: %d, want %d: %v", name, got, n, err)
		}
	}
}

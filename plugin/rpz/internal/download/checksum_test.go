package download

import (
	"crypto/sha256"
	encoding "encoding/base64"
	"strings"
	"testing"
)

func base64(b []byte) string { return encoding.StdEncoding.EncodeToString(b) }

func pinOf(p *publisher) string {
	sum := sha256.Sum256(p.Certificate().RawSubjectPublicKeyInfo)
	return base64(sum[:])
}

func TestEveryFormOfAChecksumIsRead(t *testing.T) {
	a, b := digestOf("a"), digestOf("b")
	for text, want := range map[string]string{
		a + "  list.rpz\n":                    a,
		a + " *list.rpz\n":                    a,
		strings.ToUpper(a) + "  list.rpz\r\n": a,
		a:                                     a,
		a + "\n":                              a,
		a + "  ./out/list.rpz\n":              a,
		a + "  some-other-name\n":             a, // the only digest
		"SHA256 (list.rpz) = " + a + "\n":     a,
		"SHA256 (out/list.rpz) = " + a + "\nSHA256 (x) = " + b: a,
		b + "  other.rpz\n" + a + "  list.rpz\n":               a,
		"# made today\n\n" + b + "  x\n" + a + "  list.rpz\n":  a,
		a + "  list.rpz\n" + a + "  list.rpz\n":                a,
		a + "  list.rpz\n" + b + "  list.rpz\n":                "",
		a + "  one\n" + b + "  two\n":                          "",
		a[1:] + "  list.rpz\n":                                 "",
		"zz" + a[2:] + "  list.rpz\n":                          "",
		a + a + "  list.rpz\n":                                 "", // SHA-512
		"":                                                     "",
		// Formats of other programs.
		a + "\tlist.rpz\n":                        a,
		"SHA256(list.rpz)= " + a + "\n":           a,
		"SHA2-256(out/list.rpz)= " + a + "\r\n":   a,
		"\\" + a + "  list.rpz\n":                 a,
		"\ufeff" + b + "  x\n" + a + "  list.rpz": a,
		"MD5 (list.rpz) = " + a[:32] + "\nSHA512 (list.rpz) = " + a + a + "\nSHA256 (list.rpz) = " + a: a,
		// Files of the same name in several directories.
		b + "  hosts/list.rpz\n" + a + "  lists/list.rpz\n":                      a,
		a + "  ./public/lists/list.rpz\n" + b + "  ./public/other/list.rpz\n":    a,
		b + "  hosts/x\n" + a + "  other/x\n" + a + "  list.rpz\n":               a, // others may have two
		b + "  hosts/list.rpz\n" + a + "  adblock/list.rpz\n":                    "",
		a + "  lists/list.rpz\n" + b + "  /lists/list.rpz\n":                     "",
		b + "  list.rpz.gz\n" + a + "  list.rpz\n":                               a,
		b + "  lists/other.rpz\n" + a + "  lists/../lists/more/x/../../list.rpz": a,
		"SHA256 (list.rpz = " + a:                                                "",
	} {
		if got, err := sumOf(text, "/lists/list.rpz"); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
}

func FuzzChecksumsAreReadOrRefused(f *testing.F) {
	a := digestOf("a")
	for _, text := range []string{a + "  list.rpz\n", "SHA256 (list.rpz) = " + a, a, "\\" + a + "  a\\nb", " \n"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		sum, err := sumOf(text, "/list.rpz")
		if (err == nil) != (digest(sum) == sum && sum != "") || err == nil && !strings.Contains(strings.ToLower(text), sum) {
			t.Errorf("got %q, %v", sum, err)
		}
	})
}

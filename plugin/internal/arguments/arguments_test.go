package arguments

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestArgumentsAreAcceptedOrNamed(t *testing.T) {
	prefixes := func(args []string) (string, error) { p, err := Prefixes(args); return fmt.Sprint(p), err }
	servers := func(args []string) (string, error) { s, err := Servers(args); return fmt.Sprint(s), err }
	key := func(args []string) (string, error) {
		name, algorithm, err := Key(args)
		return name + " " + algorithm, err
	}
	for _, c := range []struct {
		read      func([]string) (string, error)
		args      string
		want, err string
	}{
		{prefixes, "10.0.0.0/8 192.0.2.1 ::1", "[10.0.0.0/8 192.0.2.1/32 ::1/128]", ""},
		{prefixes, "10.0.0.1/8", "", "did you mean 10.0.0.0/8?"},
		{prefixes, "::ffff:192.0.2.0/120", "", "::ffff:192.0.2.0/120 stands for IPv4 addresses; write it as IPv4, 192.0.2.0/24"},
		{prefixes, "::ffff:0:0/96", "", "write it as IPv4, 0.0.0.0/0"},
		{prefixes, "10.0.0.0/8 ::ffff:c000:201", "", "write it as IPv4, 192.0.2.1/32"},
		{prefixes, "::ffff:192.0.2.0/95", "", "did you mean"},
		{prefixes, "::/0 64:ff9b::/96", "[::/0 64:ff9b::/96]", ""},
		{prefixes, "fe80::1%lo", "", `"fe80::1%lo" is neither a prefix nor an address`},
		{prefixes, "here", "", `"here" is neither a prefix nor an address`},
		{servers, "192.0.2.1 192.0.2.1:5353 2001:db8::1 [2001:db8::1]:5353", "[192.0.2.1:53 192.0.2.1:5353 [2001:db8::1]:53 [2001:db8::1]:5353]", ""},
		{servers, "192.0.2.1:0", "", "is not ADDR or ADDR:PORT"},
		{servers, "192.0.2.1:dns", "", "is not ADDR or ADDR:PORT"},
		{key, "Feed", "feed. hmac-sha256.", ""},
		{key, "feed. HMAC-SHA512", "feed. hmac-sha512.", ""},
		{key, "feed hmac-md5", "", `"hmac-md5" is not one of hmac-sha224.`},
		{key, "a..b", "", `"a..b" is not a name`},
		{key, "a b c", "", "takes NAME [ALGORITHM]"},
	} {
		got, err := c.read(strings.Fields(c.args))
		switch {
		case c.err == "" && (err != nil || got != c.want):
			t.Errorf("%s: %s, %v, want %s", c.args, got, err, c.want)
		case c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)):
			t.Errorf("%s: %v, want %q", c.args, err, c.err)
		}
	}
	dir := t.TempDir()
	missing := filepath.Join(dir, "a", "b")
	if got, err := FolderToMake([]string{missing}); err != nil || got != missing {
		t.Errorf("%s, %v", got, err)
	}
	if _, err := os.Stat(filepath.Dir(missing)); err == nil {
		t.Error("reading an argument created a directory")
	}
	if got, err := FolderToMake([]string{dir}); err != nil || got != dir {
		t.Errorf("%s, %v", got, err)
	}
	for _, args := range [][]string{{"arguments.go"}, {dir, dir}, nil} {
		if _, err := FolderToMake(args); err == nil {
			t.Errorf("%q was accepted as a directory", args)
		}
	}
}

package blocks

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coredns/caddy/caddyfile"
)

// TestEachSecretThatOthersCanReadIsNamed covers every directive that names a secret,
// readable by all and, as the control, only by its owner.
func TestEachSecretThatOthersCanReadIsNamed(t *testing.T) {
	dir := t.TempDir()
	for directive, file := range map[string]string{
		"tls DIR/cert DIR/f":   "f",
		"root DIR\ntls cert f": "f",
		"forward . tls://192.0.2.1 {\ntls DIR/cert DIR/f DIR/ca\n}": "f",
		"tsig {\nsecrets DIR/f\n}":                                  "f",
		"dnssec {\nkey file DIR/f\n}":                               "f.private",
		"nearcast {\nsign DIR/none DIR/f.key\n}":                    "f.private",
		"nearcast {\nsign DIR/f\n}":                                 "f.private",
		"nearcast {\ncookies require secret DIR/f\n}":               "f",
		"nearcast {\nkarmada DIR/f demo\n}":                         "f",
		"nearcast {\nprobe interval 5s cert DIR/cert key DIR/f\n}":  "f",
	} {
		path := filepath.Join(dir, file)
		all, err := caddyfile.Parse("Corefile", strings.NewReader(". {\n"+strings.ReplaceAll(directive, "DIR", dir)+"\n}"), nil)
		if err != nil {
			t.Fatal(err)
		}
		for mode, want := range map[os.FileMode]int{0o600: 0, 0o644: 1} {
			if err := os.WriteFile(path, []byte("s3cret"), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, mode); err != nil {
				t.Fatal(err)
			}
			got := Secrets(all[0])
			if len(got) != want || want == 1 && (!strings.Contains(got[0].Error(), path) || !strings.Contains(got[0].Error(), fmt.Sprintf("%04o", mode))) {
				t.Errorf("%s, mode %04o: %v, want %d", directive, mode, got, want)
			}
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

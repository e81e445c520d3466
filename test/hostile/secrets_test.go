package hostile

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// TestAKeyReadableByOthersIsReported has keys of sign and of a probe, and secrets of tsig,
// that every user can read; the control is the same for their owner alone.
func TestAKeyReadableByOthersIsReported(t *testing.T) {
	for _, mode := range []os.FileMode{0o600, 0o644} {
		w := newWorld(t, fixture.Three[0], victim("bank", "login"))
		fixture.Key(t, w.dir, "key")
		fixture.Certificate(t, filepath.Join(w.dir, "cert.pem"), filepath.Join(w.dir, "probe.pem"), "probe")
		fixture.Write(t, filepath.Join(w.dir, "tsig.keys"), "key \"carrier.\" {\n    algorithm hmac-sha256;\n    secret \"c2VjcmV0IG9mIHRoZSBmZWVkcyBvZiB0ZXN0cw==\";\n};\n")
		files := []string{"key.private", "probe.pem", "tsig.keys"}
		for _, file := range files {
			if err := os.Chmod(filepath.Join(w.dir, file), mode); err != nil {
				t.Fatal(err)
			}
		}
		server := w.serve(t, `fn.example.org:{port} {
    bind {host}
    tsig {
        secrets {dir}/tsig.keys
    }
    nearcast {
        cluster de-wide
        manifests {dir}/fed
        sign {dir}/key
        probe cert {dir}/cert.pem key {dir}/probe.pem
    }
}`)
		check := run(t, filepath.Join(bin, "nearcast"), "check", filepath.Join(w.dir, "Corefile"))
		_ = check.Wait()
		for who, said := range map[string]string{"the server": server.log.String(), "check": check.log.String()} {
			for _, file := range files {
				if named := strings.Contains(said, file+" holds a secret, and mode 0644"); named != (mode == 0o644) {
					t.Errorf("mode %04o: %s reports %s: %v\n%s", mode, who, file, named, said)
				}
			}
			if strings.Contains(said, "c2VjcmV0") {
				t.Errorf("%s prints the secret", who)
			}
		}
	}
}

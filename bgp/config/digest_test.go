package config

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// TestTextsCoverEveryFileThatIsRead changes each thing of which the configuration or its warnings are made.
func TestTextsCoverEveryFileThatIsRead(t *testing.T) {
	dir := t.TempDir()
	file, key := filepath.Join(dir, "speaker.yaml"), filepath.Join(dir, "key")
	fixture.Write(t, file, "asn: 64512")
	fixture.Write(t, key, "secret")
	if err := os.Chmod(key, 0o600); err != nil {
		t.Fatal(err)
	}
	config := &Config{Peers: []Peer{{PasswordFile: key}}}
	is := func() Digest { return DigestOf(config.Files(file)) }
	last := is()
	if is() != last {
		t.Error("unchanged content counts as a change")
	}
	for _, c := range []struct {
		what   string
		change func() error
	}{
		{"the file", func() error { return os.WriteFile(file, []byte("asn: 64513"), 0o644) }},
		{"the key", func() error { return os.WriteFile(key, []byte("another"), 0o600) }},
		{"who may read the key", func() error { return os.Chmod(key, 0o644) }},
		{"the loss of the key", func() error { return os.Remove(key) }},
	} {
		if err := c.change(); err != nil {
			t.Fatal(err)
		}
		if is() == last {
			t.Errorf("%s changed, but no change was detected", c.what)
		}
		last = is()
	}
}

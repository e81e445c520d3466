package secretfile

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestASecretThatOthersCanReadIsNamedWithItsMode(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bgp.key")
	if err := os.WriteFile(path, []byte("s3cret"), 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link") // as Kubernetes mounts a Secret
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		mode fs.FileMode
		want string // "" for no warning
	}{
		{0o600, ""},
		{0o400, ""},
		{0o640, ""}, // the file's group is this process's own
		{0o644, "mode 0644 lets every user of this machine read it"},
		{0o604, "mode 0604 lets every user of this machine read it"},
		{0o666, "mode 0666 lets every user of this machine read or replace it"},
	} {
		if err := os.Chmod(path, test.mode); err != nil {
			t.Fatal(err)
		}
		for _, named := range []string{path, link} {
			got := Warning(named)
			switch {
			case (got == "") != (test.want == ""), !strings.Contains(got, test.want):
				t.Errorf("mode %04o: %q, want %q", test.mode, got, test.want)
			case got != "" && !strings.HasPrefix(got, named+" "):
				t.Errorf("%q does not name %s", got, named)
			case strings.Contains(got, "s3cret"):
				t.Errorf("%q contains the secret", got)
			}
		}
	}
}

func TestTheGroupCountsIfThisProcessIsNotInIt(t *testing.T) {
	const stranger = 54321
	path := filepath.Join(t.TempDir(), "bgp.key")
	if err := os.WriteFile(path, nil, 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(path, -1, stranger); err != nil {
		t.Skipf("this user cannot give a file to another group: %v", err)
	}
	if got := Warning(path); !strings.Contains(got, "mode 0640 lets a group that this program is not in read it") {
		t.Error(got)
	}
}

func TestAMissingFileIsNotReported(t *testing.T) {
	if got := Warning(filepath.Join(t.TempDir(), "none")); got != "" {
		t.Error(got)
	}
}

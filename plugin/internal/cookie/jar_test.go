package cookie

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestEveryFaultOfAFileIsNamedWithItsLineAndNeverItsSecret(t *testing.T) {
	const good = "00112233445566778899aabbccddeeff\n"
	for text, want := range map[string]string{
		"":                                 "has no secret",
		"# none\n\n":                       "has no secret",
		good + "00112233":                  ":2: a secret must have 32 hexadecimal digits",
		"zz112233445566778899aabbccddeeff": ":1: a secret must have hexadecimal digits only",
		strings.Repeat(good, 5):            ":5: more than 4 secrets",
		strings.Repeat("#", 70_000):        "is too large",
	} {
		path := filepath.Join(t.TempDir(), "secrets")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Open(path)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%.40q: %v, want %q", text, err, want)
			continue
		}
		if strings.Contains(err.Error(), "2233") {
			t.Errorf("the error contains the secret: %v", err)
		}
	}
	if _, err := Open(t.TempDir()); err == nil || !strings.Contains(err.Error(), "is a directory") {
		t.Errorf("a directory: %v", err)
	}
}

// TestAJarFollowsItsFile rolls the secret over as in RFC 9018, section 5, with a rename
// as editors and ConfigMaps do it.
func TestAJarFollowsItsFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secrets")
	put := func(text string) {
		t.Helper()
		if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
	}
	const one, two = "00112233445566778899aabbccddeeff", "ffeeddccbbaa99887766554433221100"
	put(one + " # since May\n")
	j, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	faults := make(chan error, 10)
	ended := make(chan struct{})
	go func() { j.Watch(ctx, func(err error) { faults <- err }); close(ended) }()
	defer func() { cancel(); <-ended }()
	becomes := func(want ...string) {
		t.Helper()
		for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
			got := j.Secrets()
			same := len(got) == len(want)
			for i := range want {
				same = same && got[i] == secret(want[i])
			}
			if same {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("%d secrets, want %q", len(got), want)
			}
		}
	}
	becomes(one)
	put(one + "\n" + two + "\n")
	becomes(one, two)
	put("not a secret")
	if err := <-faults; !strings.Contains(err.Error(), "keeping the last valid secrets") {
		t.Error(err)
	}
	becomes(one, two)
	put(two + "\n" + one + "\n")
	becomes(two, one)
}

func TestTheSecretOfTheProcessSurvivesAReload(t *testing.T) {
	if a, b := New().Secrets(), New().Secrets(); len(a) != 1 || a[0] != b[0] || a[0] == (Secret{}) {
		t.Error("two jars of one process have different secrets, or none")
	}
}

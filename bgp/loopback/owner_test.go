package loopback

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nearcast/nearcast/internal/testkit/netns"
)

func TestAnOwnerStaysTheSameAfterARestartAndDiffersForAnotherFile(t *testing.T) {
	id := netip.MustParseAddr("192.0.2.11")
	absolute, err := filepath.Abs("speaker.yaml")
	if err != nil {
		t.Fatal(err)
	}
	same := OwnerOf("speaker.yaml", 64512, id)
	if got := OwnerOf(absolute, 64512, id); got != same || got == 0 {
		t.Errorf("got owner %d by the absolute path, %d by a relative one", got, same)
	}
	for what, other := range map[string]Owner{
		"another file":      OwnerOf("other.yaml", 64512, id),
		"another router ID": OwnerOf("speaker.yaml", 64512, netip.MustParseAddr("192.0.2.12")),
		"another AS":        OwnerOf("speaker.yaml", 64513, id),
	} {
		if other == same {
			t.Errorf("%s: the same owner", what)
		}
	}
}

func TestOnlyOneSpeakerRunsWithAConfiguration(t *testing.T) {
	netns.Enter(t)
	dir := t.TempDir()
	file, link, copied := filepath.Join(dir, "speaker.yaml"), filepath.Join(dir, "link.yaml"), filepath.Join(dir, "copy.yaml")
	for _, path := range []string{file, copied} {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	id := netip.MustParseAddr("192.0.2.11")
	claim := func(path string) (func(), error) { return OwnerOf(path, 64512, id).Claim(path) }
	release, err := claim(file)
	if err != nil {
		t.Fatal(err)
	}
	if !OwnerOf(file, 64512, id).Runs() || OwnerOf(copied, 64512, id).Runs() {
		t.Error("the running speaker was not detected")
	}
	for _, path := range []string{file, link} {
		refused, err := claim(path)
		refused()
		if !errors.Is(err, ErrTaken) || !strings.HasPrefix(err.Error(), path+": another speaker (process ") {
			t.Errorf("%s: %v", path, err)
		}
	}
	other, err := claim(copied)
	if err != nil {
		t.Errorf("another file: %v", err)
	} else {
		other()
	}
	release()
	if OwnerOf(file, 64512, id).Runs() {
		t.Error("it counts as running after its end")
	}
	if release, err = claim(link); err != nil {
		t.Fatalf("after the first has ended: %v", err)
	}
	release()
}

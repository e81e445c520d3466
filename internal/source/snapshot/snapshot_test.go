package snapshot

import (
	"bytes"
	"errors"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nearcast/nearcast/internal/base/brief"
	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/federation/build"
	"github.com/nearcast/nearcast/internal/federation/staging"
	"github.com/nearcast/nearcast/internal/source/manifest"
	"github.com/nearcast/nearcast/internal/steering/health"
	_ "github.com/nearcast/nearcast/internal/steering/steer" // defines the policies
	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// contents is a federation with everything that annotations can declare.
func contents(t testing.TB) Contents {
	t.Helper()
	text := fixture.ThreeWith(fixture.Function{Name: "hello", Clusters: fixture.ThreeNames, Annotations: map[string]string{
		"nearcast.dev/policy": "weighted sticky", "nearcast.dev/weights": "de-wide=2,us-azure=1", "nearcast.dev/vip": "198.51.100.7",
		"nearcast.dev/address.vpn": "de-wide=10.0.0.1:8443", "nearcast.dev/probe": "https://:8443/x", "nearcast.dev/expect": "status=200 body=a b",
		"nearcast.dev/port": "https=8443", "nearcast.dev/alpn": "h2", "nearcast.dev/ttl": "9", "nearcast.dev/access": "private",
	}}, fixture.Function{Name: "other", Clusters: fixture.ThreeNames})
	listing, err := manifest.New(fixture.Dir(t, map[string]string{"all.yaml": text})).Load()
	if err != nil || len(listing.All()) > 0 {
		t.Fatal(err, listing.All())
	}
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC).Local()
	return Contents{
		Saved: now, Confirmed: now.Add(-time.Minute), Objects: listing.Objects(),
		Verdicts: map[federation.Target]health.Verdict{
			{Kind: federation.ProbeTCP, Addr: netip.MustParseAddrPort("[2001:db8::1]:80")}: {State: health.Down, Reason: "refused", RTT: time.Second, Since: now},
		},
	}
}

// held returns the contents as a source holds them.
func held(c Contents) State {
	return State{Confirmed: c.Confirmed, Objects: c.Objects, Verdicts: maps.All(c.Verdicts), Lookups: c.Lookups}
}

func state(objects []federation.Object) *federation.State {
	store := staging.NewStore()
	for _, o := range objects {
		store.Put(staging.Whole(o))
	}
	return new(build.Builder).Build(store, build.Options{Zones: []string{"fn.example.org."}})
}

func TestLoadReturnsWhatWasSaved(t *testing.T) {
	path, saved := Path(t.TempDir(), "karmada x"), contents(t)
	if _, err := Load(path, "karmada x"); !errors.Is(err, ErrNone) {
		t.Errorf("before it was saved: %v", err)
	}
	if err := Save(path, "karmada x", held(saved)); err != nil {
		t.Fatal(err)
	}
	loaded, err := Load(path, "karmada x")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := state(loaded.Objects), state(saved.Objects); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v\nwant %+v", got, want)
	}
	for target, v := range saved.Verdicts {
		v.Stale = true
		if loaded.Verdicts[target] != v {
			t.Errorf("verdict %+v, want %+v", loaded.Verdicts[target], v)
		}
	}
	if !loaded.Confirmed.Equal(saved.Confirmed) || time.Since(loaded.Saved) > time.Hour {
		t.Error("the times differ")
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestTheLeftoversOfAKilledProcessAreRemoved(t *testing.T) {
	dir := t.TempDir()
	path := Path(dir, "karmada x")
	old, young := filepath.Join(dir, "."+filepath.Base(path)+"123"), filepath.Join(dir, "."+filepath.Base(path)+"456")
	for _, torn := range []string{old, young} {
		if err := os.WriteFile(torn, []byte(magic), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	before := time.Now().Add(-2 * time.Hour)
	if err := errors.Join(os.Chtimes(old, before, before), Save(path, "karmada x", held(contents(t)))); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(filepath.Join(dir, ".*"))
	if err != nil || !slices.Equal(left, []string{young}) {
		t.Errorf("%v remain (%v), want only %s", left, err, young)
	}
}

// TestADamagedFileIsNeverHalfLoaded truncates the file at every length, flips every byte,
// and reads it for another source.
func TestADamagedFileIsNeverHalfLoaded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := Save(path, "karmada x", held(contents(t))); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for n := range raw {
		if _, err := read(bytes.NewReader(raw[:n]), "karmada x"); err == nil {
			t.Fatalf("accepted when truncated at %d", n)
		}
		damaged := append([]byte(nil), raw...)
		damaged[n] ^= 1
		if _, err := read(bytes.NewReader(damaged), "karmada x"); err == nil {
			t.Fatalf("accepted with byte %d flipped", n)
		}
	}
	for text, want := range map[string]string{
		"":                        "does not begin with",
		"nearcast-snapshot x x\n": "it is not a snapshot",
		"nearcast-snapshot 2 x\n": "has format 2, of an older version; this version reads formats 3 to 4",
		"nearcast-snapshot 5 x\n": "has format 5, of a newer version; this version reads formats 3 to 4",
		"nearcast-snapshot 4 x":   "is damaged: it ends within its first line",
		"nearcast-snapshot 4 x\n": "is damaged: it ends before its last part",
		string(raw[:len(raw)-9]):  "is damaged",
		string(raw) + "x":         "is damaged: 1 octets follow its last part",
		string(raw):               `belongs to the source "karmada x", not to "karmada y"`,
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(path, "karmada y"); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// TestReasonsAreCut: format 3 may have the whole answers of probes, and a disk anything.
func TestReasonsAreCut(t *testing.T) {
	path, saved := Path(t.TempDir(), "karmada x"), contents(t)
	for target, v := range saved.Verdicts {
		v.Reason = "header X is \x1b[31m" + strings.Repeat("A", 1<<16)
		saved.Verdicts[target] = v
	}
	if err := Save(path, "karmada x", held(saved)); err != nil {
		t.Fatal(err)
	}
	loaded, err := Load(path, "karmada x")
	if err != nil || len(loaded.Verdicts) == 0 {
		t.Fatal(err)
	}
	for _, v := range loaded.Verdicts {
		if len(v.Reason) > brief.Most || brief.Escape(v.Reason) != v.Reason {
			t.Errorf("%d octets: %.300q", len(v.Reason), v.Reason)
		}
	}
}

package site

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nearcast/nearcast/internal/steer"
)

func TestDrainsOutliveARestartAndEnd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "drains.json")
	d, err := openDrains(path)
	if err != nil {
		t.Fatal(err)
	}
	soon := time.Now().Add(time.Hour).Truncate(time.Second)
	for _, drain := range []steer.Drain{
		{Kind: steer.DrainCluster, Pattern: "de-*", Until: soon, Reason: "kernel"}, {Kind: steer.DrainRegion, Pattern: "us"}, {Kind: steer.DrainFunction, Pattern: "demo/*"},
	} {
		if err := d.set(drain); err != nil {
			t.Fatal(err)
		}
	}
	for want, drain := range map[string]steer.Drain{
		`kind "node" is none of`: {Kind: "node", Pattern: "x"},
		`"[" is not a pattern`:   {Kind: steer.DrainCluster, Pattern: "["},
		`"" is not a pattern`:    {Kind: steer.DrainCluster},
		"is past":                {Kind: steer.DrainCluster, Pattern: "x", Until: time.Now().Add(-time.Hour)},
	} {
		if err := d.set(drain); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	again, err := openDrains(path)
	if err != nil {
		t.Fatal(err)
	}
	all, next := again.now(time.Now())
	if len(all) != 3 || !next.Equal(soon) {
		t.Errorf("%v, next %s", all, next)
	}
	if all, next := again.now(soon); len(all) != 2 || !next.IsZero() {
		t.Errorf("when it ends: %v, next %s", all, next)
	}
	if err := again.remove(steer.Drain{Kind: steer.DrainRegion, Pattern: "us"}); err != nil {
		t.Error(err)
	}
	if err := again.remove(steer.Drain{Kind: steer.DrainRegion, Pattern: "us"}); err == nil {
		t.Error("removed twice")
	}
	if err := os.WriteFile(path, []byte(`[{"kind": "x"}]`), 0o600); err != nil {
		t.Fatal(err)
	}
	if d, err := openDrains(path); err == nil || !strings.Contains(err.Error(), path) || len(d.all) != 0 {
		t.Errorf("%v; a bad file must be named, and none of it used", err)
	}
}

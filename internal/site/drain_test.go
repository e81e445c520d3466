package site

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nearcast/nearcast/internal/steering/steer"
)

// keeps opens drains that are written until the test ends, or the function is called. Their
// file is replaced as disk does it; nil for a disk that works.
func keeps(t *testing.T, path string, log Logger, disk func(path string, write func(io.Writer) error) error) (d *drains, end func()) {
	t.Helper()
	d, err := openDrains(path, log)
	if err != nil {
		t.Fatal(err)
	}
	if disk != nil {
		d.file.Replace = disk
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		d.keep(ctx)
	}()
	end = func() { cancel(); <-ended }
	t.Cleanup(end)
	return d, end
}

func TestDrainsSurviveARestartAndEnd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "drains.json")
	d, end := keeps(t, path, silent{}, nil)
	soon := time.Now().Add(time.Hour).Truncate(time.Second)
	for _, drain := range []steer.Drain{
		{Kind: steer.DrainCluster, Pattern: "de-*", Until: soon, Reason: "kernel"}, {Kind: steer.DrainRegion, Pattern: "us"}, {Kind: steer.DrainFunction, Pattern: "demo/*"},
	} {
		if err := d.set(t.Context(), drain); err != nil || d.unkept() != "" {
			t.Fatal(err, d.unkept())
		}
	}
	for want, drain := range map[string]steer.Drain{
		`kind "node" is not cluster`: {Kind: "node", Pattern: "x"},
		`"[" is not a pattern`:       {Kind: steer.DrainCluster, Pattern: "["},
		`"" is not a pattern`:        {Kind: steer.DrainCluster},
		"is in the past":             {Kind: steer.DrainCluster, Pattern: "x", Until: time.Now().Add(-time.Hour)},
	} {
		if err := d.set(t.Context(), drain); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	end()
	again, endAgain := keeps(t, path, silent{}, nil)
	all, next := again.now(time.Now())
	if len(all) != 3 || !next.Equal(soon) {
		t.Errorf("%v, next %s", all, next)
	}
	if all, next := again.now(soon); len(all) != 2 || !next.IsZero() {
		t.Errorf("when it ends: %v, next %s", all, next)
	}
	if err := again.remove(t.Context(), steer.Drain{Kind: steer.DrainRegion, Pattern: "us"}); err != nil {
		t.Error(err)
	}
	if err := again.remove(t.Context(), steer.Drain{Kind: steer.DrainRegion, Pattern: "us"}); err == nil {
		t.Error("removed twice")
	}
	endAgain()
	if err := os.WriteFile(path, []byte(`[{"kind": "x"}, {"kind": "region", "pattern": "eu"}, {"ki`), 0o600); err != nil {
		t.Fatal(err)
	}
	d, err := openDrains(path, silent{})
	if err == nil || !strings.Contains(err.Error(), path+": entry 1: ") || len(d.all) != 1 || d.unkept() == "" {
		t.Errorf("%v, %v, %q; want the invalid entries named, and the valid ones used", d.all, err, d.unkept())
	}
	if _, err := os.Stat(path + ".damaged"); err != nil {
		t.Error(err)
	}
}

// silent is a Logger that discards everything.
type silent struct{}

func (silent) Infof(string, ...any)    {}
func (silent) Warningf(string, ...any) {}

// lines is a Logger that keeps everything.
type lines struct {
	mu  sync.Mutex
	all []string
}

func (l *lines) Infof(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, fmt.Sprintf(format, args...))
}

func (l *lines) Warningf(format string, args ...any) { l.Infof(format, args...) }

func (l *lines) read() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.all)
}

// TestADrainIsAcceptedOnAFullDisk has a file in place of the directory for a while, because
// root can write to every directory.
func TestADrainIsAcceptedOnAFullDisk(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	path := filepath.Join(dir, "drains.json")
	synctest.Test(t, func(t *testing.T) {
		log := &lines{}
		d, _ := keeps(t, path, log, nil)
		if err := os.WriteFile(dir, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := d.set(t.Context(), steer.Drain{Kind: steer.DrainCluster, Pattern: "de-*"}); err != nil {
			t.Fatal(err)
		}
		if all, _ := d.now(time.Now()); len(all) != 1 || !strings.Contains(d.unkept(), "only in memory") {
			t.Errorf("%v in force, reported %q", all, d.unkept())
		}
		time.Sleep(time.Hour)
		if got := log.read(); len(got) != 1 || !strings.Contains(got[0], "only in memory") || !strings.Contains(got[0], dir) {
			t.Errorf("an hour of a full disk: %q, want one line", got)
		}
		if err := os.Remove(dir); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * retry)
		again, err := openDrains(path, log)
		if all, _ := again.now(time.Now()); err != nil || len(all) != 1 || d.unkept() != "" {
			t.Errorf("once the disk works: %v, %v, reported %q", all, err, d.unkept())
		}
		if got := log.read(); len(got) != 2 || !strings.Contains(got[1], "succeeds again") {
			t.Errorf("%q", got)
		}
	})
}

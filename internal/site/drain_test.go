package site

import (
	"context"
	"fmt"
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

func TestDrainsSurviveARestartAndEnd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "drains.json")
	d, err := openDrains(path, silent{})
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
		`kind "node" is not cluster`: {Kind: "node", Pattern: "x"},
		`"[" is not a pattern`:       {Kind: steer.DrainCluster, Pattern: "["},
		`"" is not a pattern`:        {Kind: steer.DrainCluster},
		"is in the past":             {Kind: steer.DrainCluster, Pattern: "x", Until: time.Now().Add(-time.Hour)},
	} {
		if err := d.set(drain); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	again, err := openDrains(path, silent{})
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
	if err := os.WriteFile(path, []byte(`[{"kind": "x"}, {"kind": "region", "pattern": "eu"}, {"ki`), 0o600); err != nil {
		t.Fatal(err)
	}
	if d, err := openDrains(path, silent{}); err == nil || !strings.Contains(err.Error(), path+": entry 1: ") || len(d.all) != 1 {
		t.Errorf("%v, %v; want the invalid entries named, and the valid ones used", d.all, err)
	}
	if _, err := os.Stat(path + ".damaged"); err != nil {
		t.Error(err)
	}
}

// TestTheValidPartOfADamagedFileSurvivesASecondRestart also checks that the problem is
// reported until the file is written.
func TestTheValidPartOfADamagedFileSurvivesASecondRestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "drains.json")
	if err := os.WriteFile(path, []byte(`[{"kind": "region", "pattern": "eu"}, {"ki`), 0o600); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		d, err := openDrains(path, silent{})
		if err == nil || d.unkept() == "" {
			t.Fatalf("damaged: %v, reported %q", err, d.unkept())
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan bool)
		go func() {
			d.keep(ctx)
			close(ended)
		}()
		time.Sleep(2 * retry)
		again, err := openDrains(path, silent{})
		if all, _ := again.now(time.Now()); err != nil || len(all) != 1 || d.unkept() != "" {
			t.Errorf("after a second restart: %v, %v, reported %q", all, err, d.unkept())
		}
		cancel()
		<-ended
	})
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

// TestADrainIsAcceptedOnAFullDisk has a directory that is missing for a while, because
// root can write to all others.
func TestADrainIsAcceptedOnAFullDisk(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	path := filepath.Join(dir, "drains.json")
	drain := steer.Drain{Kind: steer.DrainCluster, Pattern: "de-*"}
	synctest.Test(t, func(t *testing.T) {
		log := &lines{}
		d, err := openDrains(path, log)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan bool)
		go func() {
			d.keep(ctx)
			close(ended)
		}()
		if err := d.set(drain); err != nil {
			t.Fatal(err)
		}
		if all, _ := d.now(time.Now()); len(all) != 1 || d.unkept() == "" {
			t.Errorf("%v in force, reported %q", all, d.unkept())
		}
		time.Sleep(time.Hour)
		if got := log.read(); len(got) != 1 || !strings.Contains(got[0], "only in memory") || !strings.Contains(got[0], dir) {
			t.Errorf("an hour of a full disk: %q, want one line", got)
		}
		if err := os.Mkdir(dir, 0o700); err != nil {
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
		cancel()
		<-ended
	})
}

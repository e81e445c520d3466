package site

import (
	"io"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nearcast/nearcast/internal/base/folder"
	"github.com/nearcast/nearcast/internal/steering/steer"
)

// TestAHangingDiskBlocksOnlyItsWriters: drains are in force, are read and change while
// the file cannot be written, and in the end the file has the last of them, not the last
// but one.
func TestAHangingDiskBlocksOnlyItsWriters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "drains.json")
		hangs := make(chan struct{})
		d, end := keeps(t, path, silent{}, func(path string, write func(io.Writer) error) error {
			<-hangs
			return folder.Replace(path, write)
		})
		commands := []func() error{
			func() error { return d.set(t.Context(), steer.Drain{Kind: steer.DrainCluster, Pattern: "de-*"}) },
			func() error { return d.set(t.Context(), steer.Drain{Kind: steer.DrainRegion, Pattern: "us"}) },
			func() error { return d.remove(t.Context(), steer.Drain{Kind: steer.DrainCluster, Pattern: "de-*"}) },
			func() error { return d.set(t.Context(), steer.Drain{Kind: steer.DrainFunction, Pattern: "demo/*"}) },
		}
		errs := make(chan error, len(commands))
		for i, command := range commands {
			start := time.Now()
			go func() { errs <- command() }()
			<-d.changed // the publisher hears of it
			if took := time.Since(start); took > 0 {
				t.Errorf("the publisher hears of command %d after %s", i, took)
			}
			if all, _ := d.now(time.Now()); len(all) != []int{1, 2, 1, 2}[i] {
				t.Errorf("after command %d %v are in force", i, all)
			}
		}
		for range commands { // none waits for the disk
			if err := <-errs; err != nil {
				t.Error(err)
			}
		}
		close(hangs)
		end()
		want, _ := d.now(time.Now())
		again, err := openDrains(path, silent{})
		if got, _ := again.now(time.Now()); err != nil || !slices.Equal(got, want) {
			t.Errorf("the file has %v, in force are %v; %v", got, want, err)
		}
	})
}

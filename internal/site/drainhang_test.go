package site

import (
	"io"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/nearcast/nearcast/internal/base/folder"
	"github.com/nearcast/nearcast/internal/steering/steer"
)

// TestAHangingDiskBlocksOnlyItsWriters: drains are in force, are read and change while
// the file cannot be written, and in the end the file has the last of them, not the last
// but one.
func TestAHangingDiskBlocksOnlyItsWriters(t *testing.T) {
	path := filepath.Join(t.TempDir(), "drains.json")
	d, err := openDrains(path, silent{})
	if err != nil {
		t.Fatal(err)
	}
	hangs := make(chan struct{})
	d.replace = func(path string, write func(io.Writer) error) error {
		<-hangs
		return folder.Replace(path, write)
	}
	commands := []func() error{
		func() error { return d.set(steer.Drain{Kind: steer.DrainCluster, Pattern: "de-*"}) },
		func() error { return d.set(steer.Drain{Kind: steer.DrainRegion, Pattern: "us"}) },
		func() error { return d.remove(steer.Drain{Kind: steer.DrainCluster, Pattern: "de-*"}) },
		func() error { return d.set(steer.Drain{Kind: steer.DrainFunction, Pattern: "demo/*"}) },
	}
	errs := make(chan error, len(commands))
	for i, command := range commands {
		go func() { errs <- command() }()
		select {
		case <-d.changed:
		case <-time.After(time.Minute):
			t.Fatalf("the publisher was not notified of command %d", i)
		}
		if all, _ := d.now(time.Now()); len(all) != []int{1, 2, 1, 2}[i] {
			t.Errorf("after command %d %v are in force", i, all)
		}
	}
	close(hangs)
	for range commands {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	want, _ := d.now(time.Now())
	again, err := openDrains(path, silent{})
	if got, _ := again.now(time.Now()); err != nil || !slices.Equal(got, want) {
		t.Errorf("the file has %v, in force are %v; %v", got, want, err)
	}
}

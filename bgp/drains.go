package bgp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"github.com/google/renameio/v2"

	"github.com/nearcast/nearcast/internal/folder"
)

// drains are those that were commanded here. They hold in memory at once, and outlive a
// restart where there is a folder for them, and room on its disk. The loop alone changes
// them; keep alone writes them, for a disk may be slow, full or gone.
type drains struct {
	path string // "" to keep them in memory alone
	all  []Drain
	lost error // what of the file of an earlier run could not be read

	latest atomic.Pointer[[]Drain] // what is to be on disk
	wanted chan chan struct{}      // whose closing says that keep has tried
	fault  atomic.Pointer[string]  // why latest is not on disk; nil if it is
}

const (
	// saveAgain is how soon what could not be written is tried again.
	saveAgain = 5 * time.Second
	// saveWait is how long a command waits for a disk that does not answer.
	saveWait = 2 * time.Second
)

// replaceFile replaces a file whole, or not at all.
var replaceFile = func(path string, data []byte) error { return renameio.WriteFile(path, data, 0o600) }

// maxDrains bounds the file, in octets.
const maxDrains = 16 << 20

// openDrains reads what an earlier run was told, and makes the folder for the next where
// it is missing. The error is to be logged: a site is announced without the folder, and with
// what can be read.
func openDrains(dir string) (*drains, error) {
	d := &drains{wanted: make(chan chan struct{})}
	if dir == "" {
		return d, nil
	}
	d.path = filepath.Join(dir, "bgp-drains.json")
	err := folder.Make(dir)
	var failed error
	d.all, failed = folder.ReadList(d.path, maxDrains, func(Drain) error { return nil })
	if failed != nil {
		d.lost = failed
		d.change(slices.Concat([]Drain{}, d.all)) // a second restart must not find nothing at all
		d.fault.Store(new(d.path + " was damaged, and is not written again yet"))
	}
	return d, errors.Join(err, failed)
}

// now returns those that have not ended.
func (d *drains) now(at time.Time) []Drain {
	return slices.DeleteFunc(slices.Clone(d.all), func(one Drain) bool { return one.ended(at) })
}

// set adds the drain, in the place of one of the same.
func (d *drains) set(drain Drain, now time.Time) error {
	if drain.ended(now) {
		return fmt.Errorf("until: %s is past", drain.Until.Format(time.RFC3339))
	}
	d.change(append(d.without(drain.VIP, now), drain))
	return nil
}

// remove ends the drain of the VIP, or that of all where it is invalid.
func (d *drains) remove(vip netip.Addr, now time.Time) error {
	rest := d.without(vip, now)
	if len(rest) == len(d.now(now)) {
		what := "everything"
		if vip.IsValid() {
			what = vip.String()
		}
		return fmt.Errorf("%s is not drained here", what)
	}
	d.change(rest)
	return nil
}

func (d *drains) without(vip netip.Addr, now time.Time) []Drain {
	return slices.DeleteFunc(d.now(now), func(one Drain) bool { return one.VIP == vip })
}

func (d *drains) change(all []Drain) {
	d.all = all
	d.latest.Store(&all)
}

// unsaved is why the drains are not on disk as they are; "" if they are.
func (d *drains) unsaved() string {
	if fault := d.fault.Load(); fault != nil {
		return *fault
	}
	return ""
}

// save has keep write the drains, and returns when it has tried, or for unsaved to say
// that it does not end.
func (d *drains) save(ctx context.Context) {
	if d.path == "" {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, saveWait)
	defer cancel()
	tried := make(chan struct{})
	select {
	case d.wanted <- tried:
		select {
		case <-tried:
			return
		case <-ctx.Done():
		}
	case <-ctx.Done():
	}
	text := d.path + " could not be written within " + saveWait.String()
	d.fault.CompareAndSwap(nil, &text)
}

// keep writes the drains when save asks for it, and until it succeeds again and again.
func (d *drains) keep(ctx context.Context, log *slog.Logger) {
	again := time.NewTicker(saveAgain)
	defer again.Stop()
	if d.unsaved() != "" {
		d.write(log)
	}
	for {
		select {
		case <-ctx.Done():
			return
		case tried := <-d.wanted:
			d.write(log)
			close(tried)
		case <-again.C:
			if d.unsaved() != "" {
				d.write(log)
			}
		}
	}
}

// write writes the latest drains, and logs where that begins to fail or to work.
func (d *drains) write(log *slog.Logger) {
	all := d.latest.Load()
	if all == nil {
		return // nothing has changed
	}
	err := d.replace(*all)
	for now := d.latest.Load(); err == nil && now != all; now = d.latest.Load() {
		all = now // who changed them while the disk was slow may not have waited
		err = d.replace(*all)
	}
	before := d.unsaved()
	switch err {
	case nil:
		d.fault.Store(nil)
		if before != "" {
			log.Info("the drains are on disk again", "file", d.path)
		}
	default:
		text := fmt.Sprintf("%s cannot be written: %v", d.path, err)
		d.fault.Store(&text)
		if before == "" {
			log.Error("the drains hold in memory alone, and end with this process; writing is tried again", "error", text)
		}
	}
}

// replace writes these drains.
func (d *drains) replace(all []Drain) error {
	raw, err := json.MarshalIndent(all, "", "  ")
	if err == nil {
		err = folder.Make(filepath.Dir(d.path))
	}
	if err == nil {
		err = replaceFile(d.path, append(raw, '\n'))
	}
	return err
}

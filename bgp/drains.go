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

	"github.com/nearcast/nearcast/bgp/vip"
	"github.com/nearcast/nearcast/internal/base/folder"
)

// drains are those that were commanded here. They take effect in memory at once, and survive a
// restart if a directory is configured and its disk has room. Only the loop changes them. Only keep
// writes them, because a disk may be slow, full or gone.
type drains struct {
	path string // "" keeps them only in memory
	all  []vip.Drain
	lost error // what could not be read from the file of an earlier run

	latest atomic.Pointer[[]vip.Drain] // what should be on disk
	wanted chan chan struct{}          // keep closes the received channel after it has tried
	fault  atomic.Pointer[string]      // why latest is not on disk; nil if it is
}

const (
	// saveAgain is the pause before a failed write is retried.
	saveAgain = 5 * time.Second
	// saveWait is how long a command waits for a disk that does not respond.
	saveWait = 2 * time.Second
)

// replaceFile replaces a file atomically.
var replaceFile = func(path string, data []byte) error { return renameio.WriteFile(path, data, 0o600) }

// maxDrains limits the size of the file, in octets.
const maxDrains = 16 << 20

// openDrains reads the drains of an earlier run, and creates the directory for the next run if it
// is missing. The caller logs the error and continues: a site is announced even without the
// directory, and with the drains that can be read.
func openDrains(dir string) (*drains, error) {
	d := &drains{wanted: make(chan chan struct{})}
	if dir == "" {
		return d, nil
	}
	d.path = filepath.Join(dir, "bgp-drains.json")
	err := folder.Make(dir)
	var failed error
	d.all, failed = folder.ReadList(d.path, maxDrains, func(vip.Drain) error { return nil })
	if failed != nil {
		d.lost = failed
		d.change(slices.Concat([]vip.Drain{}, d.all)) // a second restart must still find them
		d.fault.Store(new(d.path + " was damaged and has not been rewritten yet"))
	}
	return d, errors.Join(err, failed)
}

// now returns the drains that have not expired.
func (d *drains) now(at time.Time) []vip.Drain {
	return slices.DeleteFunc(slices.Clone(d.all), func(one vip.Drain) bool { return one.Ended(at) })
}

// set adds the drain and replaces an earlier one of the same VIP.
func (d *drains) set(drain vip.Drain, now time.Time) error {
	if drain.Ended(now) {
		return fmt.Errorf("until: %s is in the past", drain.Until.Format(time.RFC3339))
	}
	d.change(append(d.without(drain.VIP, now), drain))
	return nil
}

// remove ends the drain of the VIP, or the drain of all VIPs if vip is invalid.
func (d *drains) remove(addr netip.Addr, now time.Time) error {
	rest := d.without(addr, now)
	if len(rest) == len(d.now(now)) {
		what := "everything"
		if addr.IsValid() {
			what = addr.String()
		}
		return fmt.Errorf("%s is not drained here", what)
	}
	d.change(rest)
	return nil
}

func (d *drains) without(addr netip.Addr, now time.Time) []vip.Drain {
	return slices.DeleteFunc(d.now(now), func(one vip.Drain) bool { return one.VIP == addr })
}

func (d *drains) change(all []vip.Drain) {
	d.all = all
	d.latest.Store(&all)
}

// unsaved says why the current drains are not on disk; "" if they are.
func (d *drains) unsaved() string {
	if fault := d.fault.Load(); fault != nil {
		return *fault
	}
	return ""
}

// save makes keep write the drains, and returns when it has tried, or after a wait so that unsaved
// can report that the write hangs.
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

// keep writes the drains when save asks for it, and retries until it succeeds.
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

// write writes the latest drains, and logs when writing starts to fail or works again.
func (d *drains) write(log *slog.Logger) {
	all := d.latest.Load()
	if all == nil {
		return // nothing has changed
	}
	err := d.replace(*all)
	for now := d.latest.Load(); err == nil && now != all; now = d.latest.Load() {
		all = now // whoever changed them while the disk was slow may not have waited
		err = d.replace(*all)
	}
	before := d.unsaved()
	switch err {
	case nil:
		d.fault.Store(nil)
		if before != "" {
			log.Info("drains are saved to disk again", "file", d.path)
		}
	default:
		text := fmt.Sprintf("cannot write %s: %v", d.path, err)
		d.fault.Store(&text)
		if before == "" {
			log.Error("cannot save drains; they are lost if this process ends; retrying", "error", text)
		}
	}
}

// replace writes the given drains.
func (d *drains) replace(all []vip.Drain) error {
	raw, err := json.MarshalIndent(all, "", "  ")
	if err == nil {
		err = folder.Make(filepath.Dir(d.path))
	}
	if err == nil {
		err = replaceFile(d.path, append(raw, '\n'))
	}
	return err
}

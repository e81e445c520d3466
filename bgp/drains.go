package bgp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/nearcast/nearcast/bgp/vip"
	"github.com/nearcast/nearcast/internal/base/folder"
	"github.com/nearcast/nearcast/internal/base/listfile"
)

// drains are those that were commanded here. They take effect in memory at once, and survive a
// restart if a directory is configured and its disk has room. Only the loop changes them.
type drains struct {
	all  []vip.Drain // never modified
	file *listfile.File[vip.Drain]
	lost error // what could not be read from the file of an earlier run
}

// replaceFile is folder.Replace.
var replaceFile = folder.Replace

// openDrains reads the drains of an earlier run, and creates the directory for the next run if it
// is missing. The caller logs the error and continues: a site is announced even without the
// directory, and with the drains that can be read.
func openDrains(dir string) (*drains, error) {
	path := ""
	var err error
	if dir != "" {
		path = filepath.Join(dir, "bgp-drains.json")
		err = folder.Make(dir)
	}
	d := &drains{file: listfile.New(path, func(vip.Drain) error { return nil })}
	d.file.Replace = replaceFile
	d.all, d.lost = d.file.Load()
	return d, errors.Join(err, d.lost)
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
		return undrained(addr, rest)
	}
	d.change(rest)
	return nil
}

// undrained is the error of an undrain of what has no drain of its own; drained are those in force.
func undrained(addr netip.Addr, drained []vip.Drain) error {
	const most = 3 // to be listed
	missing := "no drain of " + vip.Drain{VIP: addr}.Scope() + " was started here"
	if len(drained) == 0 {
		return errors.New(missing + ": nothing is drained")
	}
	var scopes []string
	for _, d := range drained[:min(most, len(drained))] {
		scopes = append(scopes, d.Scope())
	}
	if more := len(drained) - most; more > 0 {
		scopes = append(scopes, fmt.Sprintf("%d more", more))
	}
	return fmt.Errorf("%s: undrain what is drained: %s", missing, strings.Join(scopes, ", "))
}

func (d *drains) without(addr netip.Addr, now time.Time) []vip.Drain {
	return slices.DeleteFunc(d.now(now), func(one vip.Drain) bool { return one.VIP == addr })
}

func (d *drains) change(all []vip.Drain) {
	d.all = all
	d.file.Set(all)
}

// unsaved says why the current drains are not on disk; "" if they are.
func (d *drains) unsaved() string {
	if err := d.file.Unsaved(); err != nil {
		return err.Error()
	}
	return ""
}

// keep writes the drains when they change, until ctx ends.
func (d *drains) keep(ctx context.Context, log *slog.Logger) {
	d.file.Run(ctx, func(err error) {
		if err != nil {
			log.Error("cannot save drains; they are lost if this process ends; retrying", "error", err)
			return
		}
		log.Info("drains are saved to disk again")
	})
}

package bgp

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/google/renameio/v2"

	"github.com/nearcast/nearcast/internal/folder"
)

// drains are those that were told here. They outlive a restart where there is a
// folder for them.
type drains struct {
	path string // "" to keep them in memory alone
	all  []Drain
}

// openDrains reads what an earlier run was told, and makes the folder for the next
// where it is missing.
func openDrains(dir string) (*drains, error) {
	d := &drains{}
	if dir == "" {
		return d, nil
	}
	if err := folder.Make(dir); err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	d.path = filepath.Join(dir, "bgp-drains.json")
	raw, err := os.ReadFile(d.path)
	if errors.Is(err, fs.ErrNotExist) {
		return d, nil
	}
	if err == nil {
		err = json.Unmarshal(raw, &d.all)
	}
	if err != nil {
		return nil, fmt.Errorf("bgp: drains %s: %w; mend or remove it", d.path, err)
	}
	return d, nil
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
	return d.save(append(d.without(drain.VIP, now), drain))
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
	return d.save(rest)
}

func (d *drains) without(vip netip.Addr, now time.Time) []Drain {
	return slices.DeleteFunc(d.now(now), func(one Drain) bool { return one.VIP == vip })
}

func (d *drains) save(all []Drain) error {
	if d.path != "" {
		raw, err := json.MarshalIndent(all, "", "  ")
		if err == nil {
			err = renameio.WriteFile(d.path, append(raw, '\n'), 0o600)
		}
		if err != nil {
			return fmt.Errorf("bgp: drains: %w", err)
		}
	}
	d.all = all
	return nil
}

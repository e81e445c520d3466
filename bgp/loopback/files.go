package loopback

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"

	"github.com/google/renameio/v2"

	"github.com/nearcast/nearcast/bgp"
	"github.com/nearcast/nearcast/internal/folder"
)

// Files is a folder that says which configuration file each speaker has, in a note for
// each; "" for none. A note stays where its speaker was killed, as its addresses do.
type Files string

func (f Files) note(o Owner) string { return filepath.Join(string(f), ".speaker-"+o.number()) }

// Note writes down that the owner has the file. It makes the folder where it is missing.
func (f Files) Note(o Owner, file string) error {
	if f == "" {
		return nil
	}
	absolute, err := filepath.Abs(file)
	if err == nil {
		err = folder.Make(string(f))
	}
	if err == nil {
		err = renameio.WriteFile(f.note(o), []byte(absolute), 0o600)
	}
	if err != nil {
		return fmt.Errorf("%s cannot be written: %w", f.note(o), err)
	}
	return nil
}

// Forget removes the owner's note, for it leaves no address.
func (f Files) Forget(o Owner) {
	if f != "" {
		_ = os.Remove(f.note(o)) // it is in nobody's way
	}
}

// nobodys reports whether the address is that of a speaker which does not run and whose
// file is gone, or has it no more. Where that is not known it is somebody's.
func (f Files) nobodys(a netip.Addr, m mark) bool {
	if f == "" || !m.ours() || m.owner.Runs() {
		return false
	}
	file, err := os.ReadFile(f.note(m.owner))
	if err != nil {
		return false
	}
	config, err := bgp.Load(string(file))
	if err != nil {
		return errors.Is(err, fs.ErrNotExist) && !exists(string(file))
	}
	return !slices.Contains(config.Bound(), a)
}

func exists(file string) bool {
	_, err := os.Lstat(file)
	return !errors.Is(err, fs.ErrNotExist)
}

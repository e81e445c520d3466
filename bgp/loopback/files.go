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

	"github.com/nearcast/nearcast/bgp/config"
	"github.com/nearcast/nearcast/internal/base/folder"
)

// Files is a directory with a note for each speaker that says which configuration file it has; ""
// for none. If a speaker is killed, its note stays, as its addresses do.
type Files string

func (f Files) note(o Owner) string { return filepath.Join(string(f), ".speaker-"+o.number()) }

// Note records the owner's file. It creates the directory if missing.
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
		return fmt.Errorf("cannot write %s: %w", f.note(o), err)
	}
	return nil
}

// Forget removes the note of an owner that leaves no addresses behind.
func (f Files) Forget(o Owner) {
	if f != "" {
		_ = os.Remove(f.note(o)) // a remaining note does no harm
	}
}

// nobodys reports whether the address belongs to a speaker that does not run and whose file is gone
// or no longer has it. If that is unknown, it reports false.
func (f Files) nobodys(a netip.Addr, m mark) bool {
	if f == "" || !m.ours() || m.owner.Runs() {
		return false
	}
	file, err := os.ReadFile(f.note(m.owner))
	if err != nil {
		return false
	}
	config, err := config.Load(string(file))
	if err != nil {
		return errors.Is(err, fs.ErrNotExist) && !exists(string(file))
	}
	return !slices.Contains(config.Bound(), a)
}

func exists(file string) bool {
	_, err := os.Lstat(file)
	return !errors.Is(err, fs.ErrNotExist)
}

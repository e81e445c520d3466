package secondary

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/base/regular"
	"github.com/nearcast/nearcast/plugin/rpz/internal/policyzone"
)

// store is the last good copy on disk. It belongs to Run.
type store struct {
	path, zone string
	limit      int

	// at is the generation that the file leads to; nil if it has none, or it is unknown.
	at *policyzone.Zone
	// file is the file that was last read or written.
	file regular.Identity
	// size is where the next entry goes, and copySize where the entries begin. confirmation is where the last entry
	// is if that is only a confirmation, and 0 otherwise.
	size, copySize, confirmation int64
	// failed is when the file could not be written.
	failed time.Time
}

const (
	// compactLeast is the size of entries below which they are not merged into the copy: so little is not worth
	// writing the zone.
	compactLeast = 1 << 20
	// failedDiskPause is how long to leave a failed disk alone if a primary only confirms the generation held.
	failedDiskPause = time.Minute
	// maxSize bounds the file to read, in octets: a copy, and entries of half its size.
	maxSize = 16 << 30
)

// load reads the file. The zone is nil if there is none. An error with a zone means that the end of the file was
// cut off; one without a zone, that the file was set aside.
func (s *store) load() (*policyzone.Zone, time.Time, error) {
	if s.path == "" {
		return nil, time.Time{}, nil
	}
	f, err := regular.Open(s.path, maxSize)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, time.Time{}, nil
	}
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("the last good copy cannot be read: %w", err)
	}
	defer f.Close()
	zone, confirmed, err := s.read(f)
	switch {
	case err != nil && zone != nil:
		err = fmt.Errorf("the last good copy %s is used up to its serial %d, of %s: after octet %d %w; the rest was removed", s.path, zone.Serial(), confirmed.UTC().Format(time.RFC3339), s.size, err)
	case err != nil:
		err = fmt.Errorf("the last good copy %s %w; %s", s.path, err, s.setAside())
	}
	return zone, confirmed, err
}

func (s *store) setAside() string {
	aside := s.path + ".damaged"
	if err := os.Rename(s.path, aside); err != nil {
		return fmt.Sprintf("it stays there until the next transfer replaces it: %v", err)
	}
	return "it was moved to " + aside + "; the zone waits for its source"
}

func (s *store) read(f *regular.File) (zone *policyzone.Zone, confirmed time.Time, err error) {
	r := newReader(f)
	if zone, confirmed, err = r.readCopy(s.zone, s.limit); err != nil {
		return nil, time.Time{}, err
	}
	s.at, s.file, s.size, s.copySize, s.confirmation = zone, f.Identity(), r.offset, r.offset, 0
	for s.size < f.Size() {
		e, err := r.readEntry(f.Size() - s.size)
		if err != nil {
			return zone, confirmed, err
		}
		next, err := e.apply(zone, s.limit)
		if err != nil {
			return zone, confirmed, err
		}
		zone, confirmed = next, e.time
		s.advance(e, zone, r.offset)
	}
	return zone, confirmed, nil
}

// advance notes that the entry is the last one, and its end.
func (s *store) advance(e entry, to *policyzone.Zone, end int64) {
	s.confirmation = 0
	if e.kind == kindConfirmed {
		s.confirmation = s.size
	}
	s.at, s.size = to, end
}

// save saves a generation: as differences from the one before if the file has that one and there are differences,
// otherwise as a whole.
func (s *store) save(before, zone *policyzone.Zone, differences []dns.RR, now time.Time) (Result, error) {
	if s.path == "" {
		return "", nil
	}
	if differences != nil && s.at != nil && s.at == before {
		if s.append(entry{kindDifferences, now, differences}, zone, s.size) == nil {
			return CopyExtended, nil
		}
	}
	return s.write(zone, now)
}

// confirm saves the time at which a primary confirmed the generation. It does not wait for the disk: a loss costs
// only a little of the time until expiry.
func (s *store) confirm(held *policyzone.Zone, now time.Time) (Result, error) {
	if s.path == "" {
		return "", nil
	}
	if s.at == held {
		at := s.size
		if s.confirmation > 0 {
			at = s.confirmation
		}
		if s.append(entry{kindConfirmed, now, nil}, held, at) == nil {
			return "", nil
		}
	}
	if now.Sub(s.failed) < failedDiskPause {
		return "", nil
	}
	return s.write(held, now)
}

// compact turns a file into a copy if a third of it is entries.
func (s *store) compact(held *policyzone.Zone, confirmed time.Time) (Result, error) {
	if entries := s.size - s.copySize; s.at == nil || s.at != held || entries < compactLeast || entries < s.copySize/2 {
		return "", nil
	}
	return s.write(held, confirmed)
}

// append writes an entry at the offset. After an error, the file leads to the same generation as before: the
// partial entry is an incomplete end.
func (s *store) append(e entry, to *policyzone.Zone, at int64) error {
	raw, err := e.encode()
	if err != nil {
		return err
	}
	end := at + int64(len(raw))
	if err := s.writeAt(raw, at, e.kind == kindDifferences); err != nil {
		return err
	}
	s.size = at
	s.advance(e, to, end)
	return nil
}

func (s *store) writeAt(raw []byte, at int64, sync bool) error {
	f, err := os.OpenFile(s.path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	// A crash leaves an incomplete end. Any other size, or another file, is somebody else's doing.
	info, err := f.Stat()
	if id, there := regular.Identify(s.path); err != nil || !there || !id.SameFile(s.file) || info.Size() < s.size {
		return errors.Join(err, errors.New("another process changed the file"))
	}
	if _, err := f.WriteAt(raw, at); err != nil {
		return err
	}
	if err := f.Truncate(at + int64(len(raw))); err != nil {
		return err
	}
	if sync {
		return f.Sync()
	}
	return nil
}

// write replaces the file. The temporary file always has the same name, so that killed processes leave at most one.
func (s *store) write(zone *policyzone.Zone, confirmed time.Time) (Result, error) {
	beside := s.path + ".new"
	size, err := s.writeBeside(beside, zone, confirmed)
	if err == nil {
		err = os.Rename(beside, s.path)
	}
	if err != nil {
		os.Remove(beside)
		s.at, s.failed = nil, time.Now()
		return CopyFailed, err
	}
	s.file, _ = regular.Identify(s.path)
	s.at, s.size, s.copySize, s.confirmation, s.failed = zone, size, size, 0, time.Time{}
	if err := syncFolder(filepath.Dir(s.path)); err != nil {
		return CopyFailed, err
	}
	return CopyWritten, nil
}

func (s *store) writeBeside(path string, zone *policyzone.Zone, confirmed time.Time) (size int64, err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return 0, err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if size, err = writeCopy(f, zone, confirmed); err != nil {
		return 0, err
	}
	return size, f.Sync()
}

// syncFolder makes a rename survive a loss of power.
func syncFolder(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}

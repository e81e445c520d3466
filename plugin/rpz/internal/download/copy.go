package download

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/nearcast/nearcast/internal/base/regular"
	"github.com/nearcast/nearcast/plugin/rpz/internal/policyzone"
)

// mark identifies a version of a list.
type mark struct {
	// ETag and Modified are those of the answer, "" if it had none.
	ETag     string `json:"etag,omitempty"`
	Modified string `json:"modified,omitempty"`
	// Sum is the SHA-256 digest of the list, in hex.
	Sum string `json:"sha256"`
}

// A copy is a header line, and the list as it was received. The line is a comment of a fixed size, because its
// content is known only once the list was received.
const (
	magic    = "; nearcast-list 1 "
	headSize = 4096
)

// head returns the first line, with as much of the mark as it has room for.
func (m mark) head() ([]byte, error) {
	if len(m.ETag)+len(m.Modified) > headSize/8 { // JSON turns one octet into at most six
		m.ETag, m.Modified = "", ""
	}
	text, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	line := bytes.Repeat([]byte(" "), headSize)
	copy(line, magic)
	copy(line[len(magic):], text)
	line[headSize-1] = '\n'
	return line, nil
}

// parseHead reads the first line.
func parseHead(line []byte) (m mark, err error) {
	text, ok := bytes.CutPrefix(line, []byte(magic))
	if !ok {
		return mark{}, fmt.Errorf("does not begin with %q: it is not a copy of a list, or another version wrote it", magic)
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return mark{}, fmt.Errorf("is damaged in its first line: %w", err)
	}
	return m, nil
}

// spool writes a list beside the copy while it is received. A disk error spoils the copy, not the list. The nil
// spool keeps nothing.
type spool struct {
	path string
	file *os.File
	out  *bufio.Writer
	err  error
}

// newSpool always uses the same name for the temporary file, so that killed processes leave at most one.
func newSpool(path string) *spool {
	if path == "" {
		return nil
	}
	s := &spool{path: path}
	if s.err = os.MkdirAll(filepath.Dir(path), 0o700); s.err != nil {
		return s
	}
	s.file, s.err = os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	s.out = bufio.NewWriterSize(s.file, 1<<16)
	_, _ = s.Write(make([]byte, headSize))
	return s
}

// uncopied reports whether to write the copy even if the list is unchanged: the last try failed, or the copy was
// removed.
func (l *List) uncopied() bool {
	if l.config.File == "" {
		return false
	}
	_, err := os.Stat(l.config.File)
	return err != nil || l.disk.Failing() != nil
}

// Write never fails.
func (s *spool) Write(p []byte) (int, error) {
	if s != nil && s.err == nil {
		_, s.err = s.out.Write(p)
	}
	return len(p), nil
}

// drop gives up.
func (s *spool) drop() {
	if s != nil && s.file != nil {
		s.file.Close()
		os.Remove(s.path + ".new")
	}
}

// keep makes the written file the copy; false if nothing is kept.
func (s *spool) keep(m mark) (kept bool, err error) {
	if s == nil {
		return false, nil
	}
	if err = s.finish(m); err == nil {
		err = os.Rename(s.path+".new", s.path)
	}
	if err != nil {
		s.drop()
	}
	return true, err
}

func (s *spool) finish(m mark) error {
	if s.err != nil {
		return s.err
	}
	head, err := m.head()
	if err != nil {
		return err
	}
	if err := s.out.Flush(); err != nil {
		return err
	}
	if _, err := s.file.WriteAt(head, 0); err != nil {
		return err
	}
	if err := s.file.Sync(); err != nil {
		return err
	}
	return s.file.Close()
}

// readCopy reads the copy, and requires all of it. The zone is nil if there is none.
func (l *List) readCopy() (*policyzone.Zone, mark, error) {
	path := l.config.File
	if path == "" {
		return nil, mark{}, nil
	}
	f, err := regular.Open(path, int64(l.config.MaxBytes)+headSize)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, mark{}, nil
	}
	if err != nil {
		return nil, mark{}, fmt.Errorf("the last good copy cannot be read: %w", err)
	}
	defer f.Close()
	z, m, err := l.parseCopy(f, path)
	if err != nil {
		return nil, mark{}, fmt.Errorf("the last good copy %s %w; %s", path, err, setAside(path))
	}
	return z, m, nil
}

func (l *List) parseCopy(f io.Reader, path string) (*policyzone.Zone, mark, error) {
	head := make([]byte, headSize)
	if _, err := io.ReadFull(f, head); err != nil {
		return nil, mark{}, fmt.Errorf("has no first line: %w", err)
	}
	m, err := parseHead(head)
	if err != nil {
		return nil, mark{}, err
	}
	sum := sha256.New()
	list := &bounded{from: io.TeeReader(f, sum), left: l.config.MaxBytes}
	z, err := l.parse(list, path)
	if err != nil {
		return nil, mark{}, fmt.Errorf("cannot be used: %w", err)
	}
	if hex.EncodeToString(sum.Sum(nil)) != m.Sum {
		return nil, mark{}, errors.New("is damaged: checksum mismatch")
	}
	return z, m, nil
}

func setAside(path string) string {
	aside := path + ".damaged"
	if err := os.Rename(path, aside); err != nil {
		return fmt.Sprintf("it stays there until the next list replaces it: %v", err)
	}
	return "it was moved to " + aside + "; the zone waits for the list"
}

package cookie

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/nearcast/nearcast/internal/base/filewatch"
	"github.com/nearcast/nearcast/internal/base/regular"
)

// Jar holds the secrets of a server. They may change while it serves.
type Jar struct {
	path    string // "" if the secret is the process's own
	secrets atomic.Pointer[Secrets]
}

// Keeper is implemented by handlers that answer with cookies.
type Keeper interface {
	// Cookies returns its jar, or nil if it uses none.
	Cookies() *Jar
}

// own is a secret that no other server has. It belongs to the process, so that a reload does not invalidate every
// cookie.
var own = sync.OnceValue(func() Secrets {
	var s Secret
	_, _ = rand.Read(s[:]) // never fails
	return Secrets{s}
})

// New returns a jar with a secret that no other server has.
func New() *Jar {
	j := &Jar{}
	secrets := own()
	j.secrets.Store(&secrets)
	return j
}

// Open returns a jar with the secrets of a file.
func Open(path string) (*Jar, error) {
	secrets, err := read(path)
	if err != nil {
		return nil, err
	}
	j := &Jar{path: path}
	j.secrets.Store(&secrets)
	return j, nil
}

// Secrets returns the current secrets.
func (j *Jar) Secrets() Secrets { return *j.secrets.Load() }

// Watch follows the jar's file until ctx ends; it does nothing for a jar without one. It reports an invalid file to
// onError once, and keeps the last valid secrets.
func (j *Jar) Watch(ctx context.Context, onError func(error)) {
	if j.path == "" {
		return
	}
	said := ""
	again := func() {
		err := j.reload()
		if err != nil && err.Error() != said {
			onError(fmt.Errorf("%w; keeping the last valid secrets", err))
		}
		if said = ""; err != nil {
			said = err.Error()
		}
	}
	list := func() ([]string, error) { return []string{j.path}, nil }
	if err := filewatch.Folders(ctx, list, again, onError); err != nil {
		onError(err)
	}
}

func (j *Jar) reload() error {
	secrets, err := read(j.path)
	if err != nil {
		return err
	}
	if !slices.Equal(secrets, j.Secrets()) {
		j.secrets.Store(&secrets)
	}
	return nil
}

const (
	// maxSecrets is more than a rotation needs, which is two or three: each costs a hash for every cookie that is
	// not valid.
	maxSecrets = 4
	// maxFile is more than the secrets and comments on them take, in octets.
	maxFile = 64 << 10
)

// read reads a file of secrets.
func read(path string) (Secrets, error) {
	data, err := regular.Read(path, maxFile)
	if err != nil {
		return nil, err
	}
	return parse(path, string(data))
}

// parse reads secrets, one per line, of 32 hexadecimal digits; a # begins a comment. An error never contains the
// content of the line.
func parse(path, text string) (all Secrets, err error) {
	for i, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "#")
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		var s Secret
		if len(line) != 2*len(s) {
			return nil, fmt.Errorf("%s:%d: a secret must have 32 hexadecimal digits, and this line has %d characters; make one with `openssl rand -hex 16`", path, i+1, len(line))
		}
		if _, err := hex.Decode(s[:], []byte(line)); err != nil {
			return nil, fmt.Errorf("%s:%d: a secret must have hexadecimal digits only; make one with `openssl rand -hex 16`", path, i+1)
		}
		all = append(all, s)
		if len(all) > maxSecrets {
			return nil, fmt.Errorf("%s:%d: more than %d secrets; remove the oldest", path, i+1, maxSecrets)
		}
	}
	if len(all) == 0 {
		return nil, errors.New(path + ": has no secret; add one with `openssl rand -hex 16`")
	}
	return all, nil
}

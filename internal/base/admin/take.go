package admin

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nearcast/nearcast/internal/base/unixpeer"
)

// take listens on a new socket and replaces what is at the path, if that is allowed.
func take(path string) (*net.UnixListener, error) {
	// If two processes start at once, the second sees the first.
	unlock, err := lock(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := replaceable(path); err != nil {
		return nil, err
	}
	fresh := filepath.Join(filepath.Dir(path), fmt.Sprintf(".%s.%08x", filepath.Base(path), uint32(time.Now().UnixNano())))
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: fresh, Net: "unix"})
	if err != nil {
		return nil, err
	}
	listener.SetUnlinkOnClose(false)
	if err = os.Chmod(fresh, 0o600); err == nil {
		err = os.Rename(fresh, path)
	}
	if err != nil {
		listener.Close()
		os.Remove(fresh)
		return nil, err
	}
	return listener, nil
}

// lockWait bounds how long another process that is also starting may hold the directory.
const lockWait = time.Second

// lock locks the directory for this process until unlock is called. The kernel releases
// the lock when the process ends.
func lock(folder string) (unlock func(), err error) {
	f, err := os.Open(folder)
	if err != nil {
		return nil, err
	}
	for end := time.Now().Add(lockWait); ; time.Sleep(lockWait / 100) {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return func() { f.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) || time.Now().After(end) {
			f.Close()
			return nil, fmt.Errorf("cannot lock the directory %s: %w", folder, err)
		}
	}
}

// replaceable returns an error if what is at the path must not be replaced.
func replaceable(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("%s exists and is not a socket; remove it, or use another path", path)
	}
	conn, err := net.DialTimeout("unix", path, time.Second)
	if errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, fs.ErrNotExist) {
		return nil // the listener has ended
	}
	owner := ""
	if err == nil {
		defer conn.Close()
		switch pid := unixpeer.PID(conn); {
		case pid == 0:
		case pid == os.Getpid() || pid == os.Getppid(): // this process succeeds it, in a reload or an upgrade
			return nil
		default:
			owner = fmt.Sprintf(" (process %d)", pid)
		}
	}
	return fmt.Errorf("%s is in use by another running program%s; stop it, or use another path", path, owner)
}

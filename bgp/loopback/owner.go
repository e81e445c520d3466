package loopback

import (
	"errors"
	"fmt"
	"hash/fnv"
	"net"
	"net/netip"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nearcast/nearcast/internal/unixpeer"
)

// Owner is the speaker that addresses are bound for: the same after a restart, another
// for another configuration file. Never 0.
type Owner uint32

// OwnerOf returns the owner that the speaker of a configuration file is. Pods have files
// of one name; their router IDs differ.
func OwnerOf(file string, asn uint32, routerID netip.Addr) Owner {
	if absolute, err := filepath.Abs(file); err == nil {
		file = absolute
	}
	h := fnv.New32a()
	fmt.Fprintf(h, "%s\n%d\n%s", file, asn, routerID)
	return Owner(max(h.Sum32(), 1))
}

// socket is the abstract Unix socket that the owner's speaker listens on while it runs.
// The kernel keeps one of a name for all programs of the network namespace, as it does
// with addresses, and removes it with the process, however that ends.
func (o Owner) socket() string { return "@nearcast-speaker/" + o.number() }

// answerTime bounds how long a local socket is waited for.
const answerTime = time.Second

// Runs reports whether a speaker of the owner runs on this machine.
func (o Owner) Runs() bool {
	conn, err := net.DialTimeout("unix", o.socket(), answerTime)
	if err != nil {
		return !errors.Is(err, syscall.ECONNREFUSED)
	}
	conn.Close()
	return true
}

// number names the owner in files and sockets.
func (o Owner) number() string { return fmt.Sprintf("%08x", uint32(o)) }

// ErrTaken is why a speaker must not start: another one has its configuration.
var ErrTaken = errors.New("another speaker")

// Claim makes this process the owner's speaker until release is called, which is never
// nil. Another one of the same configuration, by whatever name of its file, is ErrTaken;
// with any other error it is not known whether there is one.
func (o Owner) Claim(file string) (release func(), err error) {
	names := []string{o.socket()}
	var stat unix.Stat_t
	if err := unix.Stat(file, &stat); err == nil {
		names = append(names, fmt.Sprintf("@nearcast-speaker/%x:%x", stat.Dev, stat.Ino))
	}
	var held []net.Listener
	release = func() {
		for _, l := range held {
			l.Close()
		}
	}
	for _, name := range names {
		l, err := net.Listen("unix", name)
		if err != nil {
			if errors.Is(err, syscall.EADDRINUSE) {
				err = fmt.Errorf("%s: %w%s runs with this configuration on this machine; end it first, or give this one a file of its own", file, ErrTaken, process(name))
			}
			return release, err
		}
		held = append(held, l)
		go answer(l)
	}
	return release, nil
}

// answer takes connections until the listener is closed: their being taken is all there
// is to say.
func answer(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		conn.Close()
	}
}

// process names the process that listens at the socket; "" where it cannot be seen.
func process(socket string) string {
	conn, err := net.DialTimeout("unix", socket, answerTime)
	if err != nil {
		return ""
	}
	defer conn.Close()
	if pid := unixpeer.PID(conn); pid != 0 {
		return fmt.Sprintf(" (process %d)", pid)
	}
	return ""
}

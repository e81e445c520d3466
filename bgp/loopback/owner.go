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

	"github.com/nearcast/nearcast/internal/base/unixpeer"
)

// Owner identifies the speaker for which addresses are bound: it is the same after a restart, and
// differs for another configuration file. Never 0.
type Owner uint32

// OwnerOf returns the owner for a speaker's configuration file. Pods have files of the same name;
// their router IDs differ.
func OwnerOf(file string, asn uint32, routerID netip.Addr) Owner {
	if absolute, err := filepath.Abs(file); err == nil {
		file = absolute
	}
	h := fnv.New32a()
	fmt.Fprintf(h, "%s\n%d\n%s", file, asn, routerID)
	return Owner(max(h.Sum32(), 1))
}

// socket is the abstract Unix socket on which the owner's speaker listens while it runs. The kernel
// allows each name once per network namespace, which is also the scope of addresses, and removes it
// when the process ends for any reason.
func (o Owner) socket() string { return "@nearcast-speaker/" + o.number() }

// answerTime limits the wait for a local socket.
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

// ErrTaken means that a speaker must not start, because another one has its configuration.
var ErrTaken = errors.New("another speaker")

// Claim makes this process the owner's speaker until it calls release, which is never nil. It
// returns ErrTaken if another speaker has the same configuration, by whatever file name. After any
// other error, it is unknown whether there is one.
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
				err = fmt.Errorf("%s: %w%s is already running with this configuration on this machine; stop it first, or give this one its own file", file, ErrTaken, process(name))
			}
			return release, err
		}
		held = append(held, l)
		go answer(l)
	}
	return release, nil
}

// answer accepts connections until the listener is closed: accepting is the whole protocol.
func answer(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		conn.Close()
	}
}

// process names the process that listens on the socket; "" if it cannot be determined.
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
